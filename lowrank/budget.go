package lowrank

import (
	"cmp"
	"context"
	"fmt"
)

// Keep keeps a fraction of what the selected sites cost, planned over all of them
// by a multiple-choice knapsack on their measured curves, so that sites that
// bear it give more. With Uniform every site keeps the same fraction.
type Keep struct {
	Fraction float64
	By       Measure
	Uniform  bool
}

// Plan implements RankPolicy.
func (k Keep) Plan(ctx context.Context, p *Planner) (*Choice, error) {
	if !(k.Fraction > 0 && k.Fraction < 1) {
		return nil, badConfig("keep %g is not above 0 and below 1", k.Fraction)
	}
	if k.Uniform {
		return p.each(func(c *Candidate) (*Point, string, error) { return k.site(ctx, c) })
	}
	curves, err := p.curves(ctx, k.By)
	if err != nil {
		return nil, err
	}
	_, dense := p.extent(curves, k.By)
	return p.within(curves, k.By, int64(k.Fraction*float64(dense)))
}

// site returns the best point within the fraction, or why there is none.
func (k Keep) site(ctx context.Context, c *Candidate) (*Point, string, error) {
	ps, err := c.Points(ctx, k.By)
	if err != nil || len(ps) == 0 {
		return nil, "", err
	}
	limit := int64(k.Fraction * float64(k.By.of(c.Site, c.Site.Cost())))
	var best *Point
	for i := range ps {
		if k.By.of(c.Site, ps[i].Cost) <= limit {
			best = &ps[i]
		}
	}
	if best == nil {
		return nil, fmt.Sprintf("no form keeps at most %g of its %s", k.Fraction, k.By), nil
	}
	return best, "", nil
}

// Budget limits the whole model, what is not factorised included.
type Budget struct {
	By    Measure
	Total int64
}

// Plan implements RankPolicy.
func (b Budget) Plan(ctx context.Context, p *Planner) (*Choice, error) {
	if b.By == Latency {
		return nil, badConfig("a budget in latency is not possible before factoring: give one in MACs and let latency guard")
	}
	curves, err := p.curves(ctx, b.By)
	if err != nil {
		return nil, err
	}
	least, dense := p.extent(curves, b.By)
	capacity := b.Total - p.total[b.By] + dense
	p.spare = capacity - least
	p.floor = p.less >= p.spare
	return p.within(curves, b.By, capacity-min(p.less, max(0, p.spare)))
}

// within solves the knapsack for what the candidates may cost together.
func (p *Planner) within(curves [][]Point, by Measure, capacity int64) (*Choice, error) {
	points, err := p.choose(curves, by, capacity)
	if err != nil {
		return nil, p.tooSmall(by, err)
	}
	return explained(points, curves, byPlan), nil
}

// byPlan is why a site stays dense that a plan over all sites could have reduced.
const byPlan = "kept dense by the plan: its reduction costs more accuracy than that of other sites"

// explained says of the sites that could be smaller and stay dense why.
func explained(points []*Point, curves [][]Point, why string) *Choice {
	c := &Choice{points, make([]string, len(points))}
	for i, pt := range points {
		if pt == nil && len(curves[i]) > 0 {
			c.dense(i, why)
		}
	}
	return c
}

// tooSmall is the error for a capacity that the plan cannot meet: the method's fault where it suits no site.
func (p *Planner) tooSmall(by Measure, err error) error {
	why := ""
	for _, c := range p.Candidates {
		if len(c.Methods) > 0 {
			return fmt.Errorf("lowrank: %s: %w", by, err)
		}
		if c.Site.Blocked == "" {
			why = cmp.Or(why, c.Skipped)
		}
	}
	if why == "" {
		return fmt.Errorf("lowrank: %s: %w", by, err)
	}
	return badConfig("no selected site suits the method: %s", why)
}

// curves returns the frontier of every candidate.
func (p *Planner) curves(ctx context.Context, by Measure) ([][]Point, error) {
	curves := make([][]Point, len(p.Candidates))
	for i, c := range p.Candidates {
		ps, err := c.Points(ctx, by)
		if err != nil {
			return nil, err
		}
		curves[i] = ps
	}
	return curves, nil
}

// extent returns what all sites that are not blocked cost together at the least that the curves
// allow, and dense.
func (p *Planner) extent(curves [][]Point, by Measure) (least, dense int64) {
	for i, c := range p.Candidates {
		if c.Site.Blocked != "" {
			continue
		}
		n := by.of(c.Site, c.Site.Cost())
		dense += n
		if len(curves[i]) > 0 {
			n = by.of(c.Site, curves[i][0].Cost)
		}
		least += n
	}
	return least, dense
}

// choose picks from the curves, nil for a site that stays dense, which is its last option.
func (p *Planner) choose(curves [][]Point, by Measure, capacity int64) ([]*Point, error) {
	var items [][]option
	var which []int
	for i, c := range p.Candidates {
		if c.Site.Blocked != "" {
			continue
		}
		var opts []option
		for _, pt := range curves[i] {
			opts = append(opts, option{by.of(c.Site, pt.Cost), c.Sensitivity * pt.Error * pt.Error})
		}
		items = append(items, append(opts, option{by.of(c.Site, c.Site.Cost()), 0}))
		which = append(which, i)
	}
	chosen, err := knapsack(items, capacity)
	if err != nil {
		return nil, err
	}
	out := make([]*Point, len(p.Candidates))
	for j, k := range chosen {
		if i := which[j]; k < len(curves[i]) {
			out[i] = &curves[i][k]
		}
	}
	return out, nil
}

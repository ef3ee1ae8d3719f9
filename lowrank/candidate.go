package lowrank

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// Candidate is a site with the decompositions that may replace its weight.
type Candidate struct {
	Site    *Site
	Methods []Decomposition
	// Sensitivity is how much the network's output moves for a squared relative
	// error of this site; 1 when it was not measured.
	Sensitivity float64
	// Skipped says why the site stays dense, when that is known before planning.
	Skipped string

	load    func(ctx context.Context) (*Problem, error)
	align   int
	fewMACs bool // no point may multiply more than the dense weight
	points  []Point
	done    bool
	reason  string // why no points are left, when a limit took them
}

// Problem loads the weight. It is not kept: the caller drops it.
func (c *Candidate) Problem(ctx context.Context) (*Problem, error) { return c.load(ctx) }

// Points measures the errors of all methods and keeps those that lie on the frontier
// of error against the given measure, in rising cost. The list is empty
// when nothing is smaller than the dense weight.
func (c *Candidate) Points(ctx context.Context, by Measure) ([]Point, error) {
	if c.Skipped != "" {
		return nil, nil
	}
	if !c.done {
		if err := c.measure(ctx); err != nil {
			return nil, err
		}
	}
	return frontier(c.Site, c.points, by), nil
}

// measure fills the curve once.
func (c *Candidate) measure(ctx context.Context) error {
	for _, d := range c.Methods {
		p, err := c.load(ctx)
		if err != nil {
			return err
		}
		ps, err := d.Curve(ctx, p)
		if err != nil {
			return fmt.Errorf("lowrank: site %q: %s: %w", c.Site.Name, d.Name(), err)
		}
		c.points = append(c.points, ps...)
	}
	c.limit()
	// What no policy looks at would take more memory than the site.
	c.points = slices.Concat(frontier(c.Site, c.points, Params), frontier(c.Site, c.points, MACs))
	c.done = true
	return nil
}

// limit drops the points that multiply more than the dense weight, where that is asked for and known.
func (c *Candidate) limit() {
	dense := c.Site.Cost()
	if !c.fewMACs || dense.MACs == 0 {
		return
	}
	smaller := func(p Point) bool { return p.Cost.Params < dense.Params }
	had := slices.ContainsFunc(c.points, smaller)
	c.points = slices.DeleteFunc(c.points, func(p Point) bool { return p.Cost.MACs > dense.MACs })
	if had && !slices.ContainsFunc(c.points, smaller) {
		c.reason = fmt.Sprintf("every smaller form multiplies more than the dense weight's %d times: allow it or name a method", dense.MACs)
	}
}

// frontier keeps the points that are cheaper than the dense weight and that no cheaper one beats.
func frontier(s *Site, ps []Point, by Measure) []Point {
	dense := by.of(s, s.Cost())
	cost := func(p Point) int64 { return by.of(s, p.Cost) }
	ps = slices.Clone(ps)
	slices.SortStableFunc(ps, func(a, b Point) int {
		return cmp.Or(cmp.Compare(cost(a), cost(b)), cmp.Compare(a.Error, b.Error))
	})
	var out []Point
	best := math.Inf(1)
	for _, p := range ps {
		if cost(p) < dense && p.Error < best {
			out, best = append(out, p), p.Error
		}
	}
	return out
}

// At returns the point at given ranks, each limited to the site's maximum and
// rounded to the alignment. Its error is not known.
func (c *Candidate) At(d Decomposition, r Ranks) (*Point, error) {
	most, err := d.MaxRanks(c.Site)
	if err != nil {
		return nil, err
	}
	if len(r) != 1 && len(r) != len(most) {
		return nil, badConfig("site %q: %s takes %d ranks, given %v", c.Site.Name, d.Name(), len(most), r)
	}
	rs := aligned(clampRanks(r, most), most, c.align)
	return &Point{Method: d.Name(), Ranks: rs, Cost: d.Cost(c.Site, rs), Error: math.NaN()}, nil
}

// aligned rounds ranks to the nearest multiple of align that is not above the maximum;
// ranks of short axes are left alone.
func aligned(r, most Ranks, align int) Ranks {
	if align <= 1 {
		return r
	}
	out := slices.Clone(r)
	for i, v := range r {
		if most[i] < align {
			continue
		}
		out[i] = min(max(align, (v+align/2)/align*align), most[i]/align*align)
		if v == most[i] {
			out[i] = v
		}
	}
	return out
}

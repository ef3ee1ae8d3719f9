package lowrank

import (
	"cmp"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// totals are what a whole model costs, by Measure.
type totals [Latency]int64

// count counts a model. How it was inferred is nil, and the error says why, when the engine
// cannot bind its nodes: then MACs are 0 and not known.
func (c *Config) count(m *graph.Model) (t totals, inf *graph.Inferred, err error) {
	for p, bytes := range c.paramBytes(m) {
		t[Params] += p.Count()
		t[Bytes] += bytes
	}
	inf, err = m.Infer(c.Dims)
	if err != nil {
		return t, nil, err
	}
	t[MACs] = inf.Total.MACs
	return t, inf, nil
}

// paramBytes returns the bytes of every parameter.
func (c *Config) paramBytes(m *graph.Model) map[*graph.Param]int64 {
	if c.Bytes != nil {
		return c.Bytes(m)
	}
	bytes := map[*graph.Param]int64{}
	for _, p := range m.AllParams() {
		bytes[p] = p.Count() * int64(cmp.Or(p.Storage, p.DType).Size())
	}
	return bytes
}

// estimate counts what the choice makes of the model, before it is built.
func (r *run) estimate(choice []*Point) totals {
	t, more := r.total, map[*graph.Node]int64{}
	for i, pt := range choice {
		if pt == nil {
			continue
		}
		s := r.cands[i].Site
		for _, by := range []Measure{Params, Bytes} {
			t[by] += by.of(s, pt.Cost) - by.of(s, s.Cost())
		}
		for _, u := range s.Uses {
			more[u.Node] += s.moreMACs(u, pt)
		}
	}
	if r.inf != nil {
		t[MACs] = r.inf.MACs(more)
	}
	return t
}

// moreMACs returns how many more products one use has at pt than with the dense weight.
func (s *Site) moreMACs(u *Use, pt *Point) int64 {
	one := *s
	one.Uses = []*Use{u}
	d, err := Lookup(pt.Method)
	if err != nil {
		return 0 // reported when the site is factored
	}
	return d.Cost(&one, pt.Ranks).MACs - one.Cost().MACs
}

// counted reports whether it is known how often the weight is applied.
func (s *Site) counted() bool {
	return !slices.ContainsFunc(s.Uses, func(u *Use) bool { return u.Batch == 0 })
}

// tighten lowers what a budget leaves for the sites when a plan made with it costs too much after all: when
// another branch of an If has become the dearest, say, or sites were put back to dense. It reports whether to plan again.
func (r *run) tighten(p *Planner, t totals) (again bool, err error) {
	b, ok := r.c.Policy.(Budget)
	if !ok || t[b.By] <= b.Total {
		return false, nil
	}
	if p.floor {
		return false, &overBudget{b, t[b.By]}
	}
	p.less += max(t[b.By]-b.Total, p.spare/64)
	return true, nil
}

// checkCountable rejects what needs a model that runs, and models that do not run for another reason than half
// precision; why says that this one does not.
func (c *Config) checkCountable(m *graph.Model, why error) error {
	half := func(p *graph.Param) bool { return p.DType == tensor.F16 || p.DType == tensor.BF16 }
	b, budget := c.Policy.(Budget)
	k, keep := c.Policy.(Keep)
	switch {
	case why == nil:
		return nil
	case !slices.ContainsFunc(m.AllParams(), half):
		return badModel("counting the model's cost: %w", why)
	case c.Calibration != nil:
		return &uncountable{"calibration", why}
	case c.Evaluate != nil:
		return &uncountable{"measuring accuracy", why}
	case c.Guard == MACs || budget && b.By == MACs || keep && k.By == MACs:
		return &uncountable{"counting MACs", why}
	}
	return nil
}

package lowrank

import (
	"context"
	"math"
)

// Tradeoff is one plan over all sites: the whole model's parameters, and the root of the mean over
// sites of their squared relative errors (with Weighted, weighed by sensitivity).
type Tradeoff struct {
	Params int64   `json:"params"`
	Error  float64 `json:"error"`
}

// tradeoffPoints is the number of plans of a curve.
const tradeoffPoints = 25

// tradeoff plans the model at sizes from the smallest to the dense one, spread evenly.
func (r *run) tradeoff(ctx context.Context, p *Planner) ([]Tradeoff, error) {
	curves, err := p.curves(ctx, Params)
	if err != nil {
		return nil, err
	}
	least, dense := p.extent(curves, Params)
	var out []Tradeoff
	for i := range tradeoffPoints {
		capacity := least + int64(float64(dense-least)*float64(i)/(tradeoffPoints-1))
		choice, err := p.choose(curves, Params, capacity)
		if err != nil {
			return nil, err
		}
		t := r.planned(choice)
		if len(out) == 0 || t.Params != out[len(out)-1].Params {
			out = append(out, t)
		}
	}
	return out, nil
}

// planned sums a choice up by its measured errors.
func (r *run) planned(choice []*Point) Tradeoff {
	t := Tradeoff{Params: r.total[Params]}
	n := 0
	for i, pt := range choice {
		c := r.cands[i]
		if c.Site.Blocked != "" {
			continue
		}
		n++
		if pt != nil {
			t.Params += pt.Cost.Params - c.Site.Params()
			t.Error += c.Sensitivity * pt.Error * pt.Error
		}
	}
	t.Error = math.Sqrt(t.Error / float64(max(1, n)))
	return t
}

package lowrank

import (
	"context"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(cp{}) }

// cp is the CP decomposition of a convolution (Lebedev et al. 2015, "Speeding-up
// convolutional neural networks using fine-tuned CP-decomposition"):
//
//	W[m, k, i, j] ~ sum over r of U[m, r] V[k, r] A[i, r] B[j, r]
//
// emitted as 1 x 1 (K to R), a depthwise convolution along each kernel axis longer
// than 1, and 1 x 1 (R to M). The components are corrected to small norms, so that
// fine-tuning does not diverge (Phan et al. 2020).
type cp struct{ opts nd.CPOpts } // of Factor, but for rank and seed

func (cp) Name() string { return "cp" }

// axes lists the kernel axes that are longer than 1.
func (cp) axes(s *Site) []int {
	var axes []int
	for i, k := range s.Kernel {
		if k > 1 {
			axes = append(axes, i)
		}
	}
	return axes
}

// shape is that of the array of one group: M, K and the longer kernel axes.
func (d cp) shape(s *Site) []int {
	shape := []int{s.M, s.K}
	for _, i := range d.axes(s) {
		shape = append(shape, s.Kernel[i])
	}
	return shape
}

func (d cp) MaxRanks(s *Site) (Ranks, error) {
	if s.Kind != Conv || len(d.axes(s)) == 0 {
		return nil, unsuited(d, s, "of a matrix it is the SVD: use svd, or channel for a convolution")
	}
	return Ranks{nd.MaxCPRank(d.shape(s))}, nil
}

func (d cp) Cost(s *Site, r Ranks) graph.Cost {
	n := int64(s.Groups * r[0])
	st := []stage{{params: n * int64(s.K)}}
	last := 0
	for _, i := range d.axes(s) {
		last = i + 1
		st = append(st, stage{params: n * int64(s.Kernel[i]), axes: last})
	}
	return s.chainCost(append(st, stage{params: n * int64(s.M), axes: len(s.Kernel)})...)
}

// Points of a curve are few and their fits short: each starts from the one before.
const (
	cpCurvePoints = 10
	cpCurveSweeps = 40
)

func (d cp) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	s := p.Site
	most, err := d.MaxRanks(s)
	if err != nil {
		return nil, err
	}
	grid := d.grid(s, most, p.Align)
	errs := make([]float64, len(grid))
	whole := 0.0
	for g := range s.Groups {
		w, _, err := p.scaled(g)
		if err != nil {
			return nil, err
		}
		norm := w.Norm()
		whole += norm * norm
		var last *nd.CP
		for i, r := range grid {
			c, e, err := nd.DecomposeCP(ctx, w.Reshape(d.shape(s)...), nd.CPOpts{Rank: r[0], Sweeps: cpCurveSweeps, Slack: -1, Start: last, Seed: p.Seed})
			if err != nil {
				return nil, err
			}
			errs[i] += e * e * norm * norm
			last = c
		}
	}
	for i := range errs {
		if whole > 0 {
			errs[i] = math.Sqrt(errs[i] / whole)
		}
	}
	d.opts.Slack = -1 // what the correction adds to an error is too little for a plan
	return measured(ctx, d, p, grid, errs)
}

// grid spreads ranks in the logarithm, up to where the result is as large as the dense weight or its fit becomes slow.
func (d cp) grid(s *Site, most Ranks, align int) []Ranks {
	per := d.Cost(s, Ranks{1}).Params
	top := min(most[0], max(1, int(s.Params()/per)), nd.MaxCPRankAtOnce(d.shape(s)))
	var ranks []Ranks
	for i := range cpCurvePoints {
		r := math.Pow(float64(top), float64(i)/(cpCurvePoints-1))
		ranks = append(ranks, aligned(Ranks{int(math.Round(r))}, most, align))
	}
	return distinct(ranks)
}

func (d cp) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	s, n := p.Site, r[0]
	stacks := []*stack{stacked("in", s, n, s.K, unit(s.Kernel))}
	for _, i := range d.axes(s) {
		stacks = append(stacks, stacked(axisName(i), s, n, 1, alongAxis(s.Kernel, i)))
	}
	out := stacked("out", s, s.M, n, unit(s.Kernel))
	for g := range s.Groups {
		c, err := d.group(ctx, p, g, n)
		if err != nil {
			return nil, err
		}
		for i, u := range c.U[1:] {
			stacks[i].add(g, u.T().Data)
			c.U[i+1] = nil // it may have taken half as much as the weight
		}
		out.add(g, c.U[0].Data)
	}
	return &Factors{Method: d.Name(), Ranks: r, Parts: partsOf(append(stacks, out)...)}, nil
}

func axisName(i int) string { return "axis" + string(rune('0'+i)) }

// group returns the factors of group g in its own scale, U (M x R) first.
func (d cp) group(ctx context.Context, p *Problem, g, r int) (*nd.CP, error) {
	w, inv, err := p.scaled(g)
	if err != nil {
		return nil, err
	}
	o := d.opts
	o.Rank, o.Seed = r, p.Seed
	c, _, err := nd.DecomposeCP(ctx, w.Reshape(d.shape(p.Site)...), o)
	if err != nil {
		return nil, err
	}
	if inv == nil {
		return c, nil
	}
	c.U[1] = unscaled(inv, c.U[1])
	if c.U[0], err = p.refit(g, c.U[0], c.Features().T()); err != nil {
		return nil, err
	}
	c.Balance()
	return c, nil
}

func (d cp) Reconstruct(s *Site, f *Factors) *nd.Array {
	n, last := f.Ranks[0], len(f.Parts)-1
	return grouped(s, func(g int) *nd.Array {
		c := &nd.CP{U: []*linalg.Mat{f.Parts[last].nd.Reshape(s.Groups, s.M, n).Index(g).Mat(s.M)}}
		for _, part := range f.Parts[:last] {
			c.U = append(c.U, part.nd.Reshape(s.Groups, n, part.nd.Len()/(s.Groups*n)).Index(g).Mat(n).T())
		}
		return c.Full()
	})
}

func (d cp) Emit(e *Emitter, x graph.Value) graph.Value {
	s := e.Site
	x = e.conv("in", x, 0, s.Groups, nil, "")
	depth := s.Groups * e.F.Ranks[0]
	all := s.allAxes()
	done := 0 // axes before it have been convolved: a kernel of 1 may have a stride all the same
	for i, axis := range d.axes(s) {
		x = e.conv(axisName(axis), x, i+1, depth, all[done:axis+1], "")
		done = axis + 1
	}
	return e.conv("out", x, len(e.Parts)-1, s.Groups, all[done:], e.Bias)
}

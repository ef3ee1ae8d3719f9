package lowrank

import (
	"context"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(tucker{}) }

// tucker is Tucker-2 of a convolution on its channels (Kim et al. 2016, "Compression
// of deep convolutional neural networks for fast and low power mobile applications"):
//
//	W[m, k, t] ~ sum over p, q of U[m, p] core[p, q, t] V[k, q]
//
// emitted as 1 x 1 (K to Q), the convolution with the core (Q to P), and 1 x 1
// (P to M). The ranks are P, Q. A rank equal to its extent leaves that side out.
type tucker struct{}

func (tucker) Name() string { return "tucker" }

func (d tucker) MaxRanks(s *Site) (Ranks, error) {
	if s.Kind != Conv {
		return nil, unsuited(d, s, "of a matrix it is the SVD: use svd")
	}
	return Ranks{min(s.M, s.K*s.taps()), min(s.K, s.M*s.taps())}, nil
}

// sides says which of the 1 x 1 convolutions exist.
func (tucker) sides(s *Site, r Ranks) (out, in bool) { return r[0] < s.M, r[1] < s.K }

func (d tucker) Cost(s *Site, r Ranks) graph.Cost {
	g, p, q := int64(s.Groups), int64(r[0]), int64(r[1])
	all := len(s.Kernel)
	out, in := d.sides(s, r)
	var st []stage
	if in {
		st = append(st, stage{params: g * q * int64(s.K)})
	}
	st = append(st, stage{params: g * p * q * int64(s.taps()), axes: all})
	if out {
		st = append(st, stage{params: g * p * int64(s.M), axes: all})
	}
	return s.chainCost(st...)
}

// Curve uses that the core of the complete HOSVD holds those of all smaller ranks: the
// squared error of (P, Q) is what lies outside core[:P, :Q].
func (d tucker) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	s := p.Site
	most, err := d.MaxRanks(s)
	if err != nil {
		return nil, err
	}
	inside, whole := make([]float64, most[0]*most[1]), 0.0
	for g := range s.Groups {
		w, _, err := p.scaled(g)
		if err != nil {
			return nil, err
		}
		a, norm := channelsFirst(w), w.Norm()
		t, err := nd.DecomposeTucker(a, []int{most[0], most[1], 0}, nd.TuckerOpts{Sweeps: -1})
		if err != nil {
			return nil, err
		}
		for i, v := range t.Core.Data {
			inside[i/s.taps()] += v * v
		}
		whole += norm * norm
	}
	cumulate(inside, most[1])
	var ranks []Ranks
	for _, i := range rankGrid(most[0]) {
		for _, j := range rankGrid(most[1]) {
			ranks = append(ranks, aligned(Ranks{i, j}, most, p.Align))
		}
	}
	ranks = distinct(ranks)
	est := make([]float64, len(ranks))
	for i, r := range ranks {
		if whole > 0 {
			est[i] = math.Sqrt(max(0, 1-inside[(r[0]-1)*most[1]+r[1]-1]/whole))
		}
	}
	return measured(ctx, d, p, ranks, est)
}

// cumulate sums a matrix over its leading sub-matrices.
func cumulate(a []float64, cols int) {
	for i := range a {
		if i%cols > 0 {
			a[i] += a[i-1]
		}
	}
	for i := cols; i < len(a); i++ {
		a[i] += a[i-cols]
	}
}

// channelsFirst merges the kernel axes: M, K, taps.
func channelsFirst(w *nd.Array) *nd.Array {
	return w.Reshape(w.Shape[0], w.Shape[1], w.Len()/(w.Shape[0]*w.Shape[1]))
}

func (d tucker) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	s := p.Site
	out, in := d.sides(s, r)
	one := unit(s.Kernel)
	down, core, up := stacked("in", s, r[1], s.K, one), stacked("core", s, r[0], r[1], s.Kernel), stacked("out", s, s.M, r[0], one)
	for g := range s.Groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, c, u, err := d.group(p, g, r)
		if err != nil {
			return nil, err
		}
		core.add(g, c.Data)
		if in {
			down.add(g, v.T().Data)
		}
		if out {
			up.add(g, u.Data)
		}
	}
	parts := partsOf(core)
	if in {
		parts = partsOf(down, core)
	}
	if out {
		parts = append(parts, partsOf(up)...)
	}
	return &Factors{Method: d.Name(), Ranks: r, Parts: parts}, nil
}

// group returns V (K x Q), core (P, Q, taps) and U (M x P); a side left out is in the core.
func (d tucker) group(p *Problem, g int, r Ranks) (v *linalg.Mat, core *nd.Array, u *linalg.Mat, err error) {
	s := p.Site
	out, in := d.sides(s, r)
	w, inv, err := p.scaled(g)
	if err != nil {
		return nil, nil, nil, err
	}
	if !in && inv != nil { // nothing is cut on the input side: its scale is not needed
		w, inv = p.W.Index(g), nil
	}
	ranks := []int{0, 0, 0}
	if out {
		ranks[0] = r[0]
	}
	if in {
		ranks[1] = r[1]
	}
	t, err := nd.DecomposeTucker(channelsFirst(w), ranks, nd.TuckerOpts{})
	if err != nil {
		return nil, nil, nil, err
	}
	b := t.Core
	if in {
		v = unscaled(inv, t.U[1])
		b = b.ModeMul(1, v, false)
	}
	if out {
		if u, err = p.refit(g, t.U[0].Clone(), b.Mat(r[0])); err != nil {
			return nil, nil, nil, err
		}
		u = nd.OfMat(u, s.M, r[0]).Mat(s.M)
	}
	return v, t.Core, u, nil
}

func (d tucker) Reconstruct(s *Site, f *Factors) *nd.Array {
	out, in := d.sides(s, f.Ranks)
	parts := f.Parts
	var down, up *nd.Array
	if in {
		down, parts = parts[0].nd.Reshape(s.Groups, f.Ranks[1], s.K), parts[1:]
	}
	core := parts[0].nd.Reshape(s.Groups, f.Ranks[0], f.Ranks[1], s.taps())
	if out {
		up = parts[1].nd.Reshape(s.Groups, s.M, f.Ranks[0])
	}
	return grouped(s, func(g int) *nd.Array {
		a := core.Index(g)
		if in {
			a = a.ModeMul(1, down.Index(g).Mat(f.Ranks[1]), true)
		}
		if out {
			a = a.ModeMul(0, up.Index(g).Mat(s.M), false)
		}
		return a
	})
}

func (d tucker) Emit(e *Emitter, x graph.Value) graph.Value {
	g := e.Site.Groups
	i := 0
	if e.part(0) == "in" {
		x = e.conv("in", x, 0, g, nil, "")
		i = 1
	}
	if i == len(e.Parts)-1 {
		return e.conv("core", x, i, g, e.Site.allAxes(), e.Bias)
	}
	x = e.conv("core", x, i, g, e.Site.allAxes(), "")
	return e.conv("out", x, i+1, g, nil, e.Bias)
}

func (tucker) Unfoldings(s *Site, w *nd.Array) [][]*linalg.Mat {
	var out, in []*linalg.Mat
	for g := range s.Groups {
		a := channelsFirst(w.Index(g))
		out, in = append(out, a.Unfold(0)), append(in, a.Unfold(1))
	}
	return [][]*linalg.Mat{out, in}
}

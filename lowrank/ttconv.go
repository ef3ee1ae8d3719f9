package lowrank

import (
	"context"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(ttConv{}) }

// ttConv is the tensor train of a convolution with its channels split into D modes
// (Garipov et al. 2016, "Ultimate tensorization", the reshaped form):
//
//	W[(m1..mD), (k1..kD), t] ~ G0[t] G1[m1, k1] ... GD[mD, kD]
//
// The train runs from the last mode to the first behind the kernel core, so that it is
// applied without transposes: every input channel is convolved with the R0 kernels
// of G0, tiled over the channels; then mode D contracts (KD, R0) and so on. Core
// n is stored as (R' Mn) x (Kn R), R being the rank on the kernel's side.
type ttConv struct{}

func (ttConv) Name() string { return "tt-conv" }

func (d ttConv) MaxRanks(s *Site) (Ranks, error) {
	switch {
	case s.Kind != Conv:
		return nil, unsuited(d, s, "the site is not a convolution: use tt-matrix")
	case s.Groups != 1:
		return nil, unsuited(d, s, "the convolution has groups: use tt-naive")
	case !s.fixedExtents():
		return nil, unsuited(d, s, "the maps' height and width must be numbers, not symbols: use tt-naive")
	}
	m, err := modesOf(s)
	if err != nil {
		return nil, err
	}
	if s.modes.Rows == nil && (len(primes(s.M)) < 2 || len(primes(s.K)) < 2) {
		return nil, unsuited(d, s, "a number of channels is prime or 1 and has no factors: give modes or use tt-naive")
	}
	return nd.MaxTTRanks(d.shape(s, m)), nil
}

func (s *Site) fixedExtents() bool {
	for _, u := range s.Uses {
		if !u.fixed || u.Out == nil {
			return false
		}
	}
	return true
}

// shape is that of the train: taps, MD KD, ..., M1 K1.
func (ttConv) shape(s *Site, m Modes) []int {
	out := []int{s.taps()}
	for n := len(m.Rows) - 1; n >= 0; n-- {
		out = append(out, m.Rows[n]*m.Cols[n])
	}
	return out
}

func (d ttConv) Cost(s *Site, r Ranks) graph.Cost {
	m := ttMatrix{}.must(s)
	all, last := len(s.Kernel), len(m.Rows)-1
	st := []stage{{params: int64(s.taps() * r[0]), axes: all, times: int64(s.K)}}
	for i := range m.Rows { // core i+1 of the train is mode last-i
		n := last - i
		_, after := ends(r, i+1)
		st = append(st, stage{
			params: int64(r[i] * m.Rows[n] * m.Cols[n] * after), axes: all,
			times: int64(product1(m.Cols[:n]) * product1(m.Rows[n+1:])),
		})
	}
	return s.chainCost(st...)
}

// array reorders the weight to taps x (MD KD) x ... x (M1 K1).
func (d ttConv) array(s *Site, m Modes, w *nd.Array) *nd.Array {
	n := len(m.Rows)
	a := w.Reshape(append(append(append([]int{}, m.Rows...), m.Cols...), s.taps())...)
	return a.Permute(d.order(n)...).Reshape(d.shape(s, m)...)
}

// order is the permutation of M1..MD, K1..KD, taps to the train's axes.
func (ttConv) order(n int) []int {
	perm := []int{2 * n}
	for i := n - 1; i >= 0; i-- {
		perm = append(perm, i, n+i)
	}
	return perm
}

func (d ttConv) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	if _, err := d.MaxRanks(p.Site); err != nil {
		return nil, err
	}
	m := ttMatrix{}.must(p.Site)
	return trainCurve(ctx, d, p, 1, func(int) (*nd.Array, error) { return d.array(p.Site, m, p.take()), nil })
}

func (d ttConv) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, m := p.Site, ttMatrix{}.must(p.Site)
	t, _, err := nd.DecomposeTT(d.array(s, m, p.take()), nd.TTOpts{Ranks: r})
	if err != nil {
		return nil, err
	}
	spread(t)
	kernel := t.Cores[0].Permute(2, 0, 1).Reshape(append([]int{r[0], 1}, s.Kernel...)...)
	f := &Factors{Method: d.Name(), Ranks: r, Parts: []Part{{Name: "kernel", nd: kernel}}}
	last := len(m.Rows) - 1
	for i, c := range t.Cores[1:] { // R, Mn, Kn, R' to R', Mn, Kn, R
		n := last - i
		_, after := ends(r, i+1)
		a := c.Reshape(r[i], m.Rows[n], m.Cols[n], after).Permute(3, 1, 2, 0)
		f.Parts = append(f.Parts, Part{Name: coreName(n), nd: a.Reshape(after*m.Rows[n], m.Cols[n]*r[i])})
	}
	return f, nil
}

func (d ttConv) Reconstruct(s *Site, f *Factors) *nd.Array {
	m, r := ttMatrix{}.must(s), f.Ranks
	last := len(m.Rows) - 1
	core := func(i int) *nd.Array {
		if i == 0 {
			return f.Parts[0].nd.Reshape(r[0], s.taps()).Permute(1, 0).Reshape(1, s.taps(), r[0])
		}
		n := last - i + 1
		_, after := ends(r, i)
		c := f.Parts[i].nd.Reshape(after, m.Rows[n], m.Cols[n], r[i-1]).Permute(3, 1, 2, 0)
		return c.Reshape(r[i-1], m.Rows[n]*m.Cols[n], after)
	}
	shape := []int{s.taps()}
	for n := last; n >= 0; n-- {
		shape = append(shape, m.Rows[n], m.Cols[n])
	}
	perm := d.order(last + 1)
	back := make([]int, len(perm))
	for i, v := range perm {
		back[v] = i
	}
	return nd.FullTT(len(f.Parts), core, shape, back).Reshape(s.Shape()...)
}

func (d ttConv) Emit(e *Emitter, x graph.Value) graph.Value {
	s, r, m := e.Site, e.F.Ranks, ttMatrix{}.must(e.Site)
	tiles := append([]int{s.K, 1}, unit(s.Kernel)...)
	kernel := e.Node("kernel/tiled", "Tile", nil, e.Parts[0], e.Ints("kernel/tiles", tiles...))
	y := e.Node("kernel", "Conv", convAttrs(e.Use.Node.Attrs, s.Kernel, s.K, s.allAxes()), x, kernel)
	positions, last := product1(e.Use.Out), len(m.Rows)-1
	for i := range m.Rows {
		n := last - i
		y = e.reshape(coreName(n)+"/in", y, -1, m.Cols[n]*r[i], product1(m.Rows[n+1:])*positions)
		y = e.Node(coreName(n), "MatMul", nil, e.Parts[i+1], y)
	}
	y = e.reshape("out", y, append([]int{-1, s.M}, e.Use.Out...)...)
	if e.Bias == "" {
		return y
	}
	bias := e.reshape("bias/maps", e.Bias, append([]int{s.M}, unit(s.Kernel)...)...)
	return e.Node("bias", "Add", nil, y, bias)
}

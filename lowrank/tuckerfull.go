package lowrank

import (
	"context"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(tuckerFull{}) }

// tuckerFull is the Tucker decomposition of all axes of a convolution (Tucker 1966):
//
//	W[m, k, i, j] ~ sum core[p, q, a, b] U[m, p] V[k, q] A[i, a] B[j, b]
//
// The ranks are P, Q and one for each kernel axis. Emitted as 1 x 1 (K to Q); along each
// kernel axis a convolution that every map shares, the maps taken as a batch (1 map to
// A maps, ...); 1 x 1 with the core (Q A B.. to P); 1 x 1 (P to M).
type tuckerFull struct{}

func (tuckerFull) Name() string { return "tucker-full" }

func (d tuckerFull) MaxRanks(s *Site) (Ranks, error) {
	if s.Kind != Conv || s.Groups != 1 || s.taps() == 1 {
		return nil, unsuited(d, s, "it takes convolutions without groups and with a kernel larger than 1: use tucker or channel")
	}
	shape, n := s.Shape()[1:], int(s.Params())
	most := make(Ranks, len(shape))
	for i, v := range shape {
		most[i] = min(v, n/v)
	}
	return most, nil
}

func (d tuckerFull) Cost(s *Site, r Ranks) graph.Cost {
	st := []stage{{params: int64(r[1] * s.K)}}
	maps := int64(r[1])
	for i, k := range s.Kernel {
		st = append(st, stage{params: int64(k * r[2+i]), axes: i + 1, times: maps})
		maps *= int64(r[2+i])
	}
	all := len(s.Kernel)
	return s.chainCost(append(st, stage{params: int64(r[0]) * maps, axes: all}, stage{params: int64(r[0] * s.M), axes: all})...)
}

// Curve cuts all axes at the same share of the error.
func (d tuckerFull) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	most, err := d.MaxRanks(p.Site)
	if err != nil {
		return nil, err
	}
	w, _, err := p.scaled(0)
	if err != nil {
		return nil, err
	}
	h, err := nd.NewHOSVD(w, most)
	if err != nil {
		return nil, err
	}
	var ranks []Ranks
	for _, eps := range epsGrid {
		r := make(Ranks, len(most))
		for i, sq := range h.Sq {
			r[i] = min(most[i], nd.CutAt(sq, eps*w.Norm()/float64(len(most))))
		}
		ranks = append(ranks, aligned(r, most, p.Align))
	}
	ranks = distinct(ranks)
	est := make([]float64, len(ranks))
	for i, r := range ranks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t, err := h.Truncate(w, r, nd.TuckerOpts{Sweeps: 2})
		if err != nil {
			return nil, err
		}
		est[i] = nd.RelError(w, t.Full())
	}
	return measured(ctx, d, p, ranks, est)
}

func (d tuckerFull) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, inv, err := p.scaled(0)
	if err != nil {
		return nil, err
	}
	t, err := nd.DecomposeTucker(w, r, nd.TuckerOpts{})
	if err != nil {
		return nil, err
	}
	t.U[1] = unscaled(inv, t.U[1])
	if t.U[0], err = d.refit(p, t); err != nil {
		return nil, err
	}
	s, one := p.Site, unit(p.Site.Kernel)
	f := &Factors{Method: d.Name(), Ranks: r, Parts: []Part{{Name: "in", nd: nd.OfMat(t.U[1].T(), append([]int{r[1], s.K}, one...)...)}}}
	maps := r[1]
	for i := range s.Kernel {
		f.Parts = append(f.Parts, Part{Name: axisName(i), nd: nd.OfMat(t.U[2+i].T(), append([]int{r[2+i], 1}, alongAxis(s.Kernel, i)...)...)})
		maps *= r[2+i]
	}
	core := t.Core.Clone().Reshape(append([]int{r[0], maps}, one...)...)
	up := nd.OfMat(t.U[0].Clone(), append([]int{s.M, r[0]}, one...)...)
	f.Parts = append(f.Parts, Part{Name: "core", nd: core}, Part{Name: "out", nd: up})
	return f, nil
}

// refit fits U to the outputs.
func (tuckerFull) refit(p *Problem, t *nd.Tucker) (*linalg.Mat, error) {
	rest := &nd.Tucker{Core: t.Core, U: append([]*linalg.Mat{nil}, t.U[1:]...)}
	return p.refit(0, t.U[0], rest.Full().Mat(t.Core.Shape[0]))
}

func (d tuckerFull) Reconstruct(s *Site, f *Factors) *nd.Array {
	r, last := f.Ranks, len(f.Parts)-1
	t := &nd.Tucker{Core: f.Parts[last-1].nd.Reshape(r...), U: []*linalg.Mat{f.Parts[last].nd.Mat(s.M), f.Parts[0].nd.Mat(r[1]).T()}}
	for i := range s.Kernel {
		t.U = append(t.U, f.Parts[1+i].nd.Mat(r[2+i]).T())
	}
	return t.Full().Reshape(s.Shape()...)
}

func (d tuckerFull) Emit(e *Emitter, x graph.Value) graph.Value {
	s, r := e.Site, e.F.Ranks
	same := make([]int, len(s.Kernel)) // zeros: Reshape keeps these extents
	maps := r[1]
	y := e.conv("in", x, 0, 1, nil, "")
	for i := range s.Kernel {
		y = e.reshape(axisName(i)+"/in", y, append([]int{-1, 1}, same...)...)
		y = e.conv(axisName(i), y, 1+i, 1, []int{i}, "")
		maps *= r[2+i]
	}
	y = e.reshape("core/in", y, append([]int{-1, maps}, same...)...)
	y = e.conv("core", y, len(e.Parts)-2, 1, nil, "")
	return e.conv("out", y, len(e.Parts)-1, 1, nil, e.Bias)
}

func (d tuckerFull) Unfoldings(_ *Site, w *nd.Array) [][]*linalg.Mat {
	a := w.Index(0)
	var out [][]*linalg.Mat
	for n := range a.Shape {
		out = append(out, []*linalg.Mat{a.Unfold(n)})
	}
	return out
}

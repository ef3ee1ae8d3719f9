package lowrank

import (
	"context"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(spatial{}) }

// spatial splits a 2-d convolution into a KH x 1 one with R outputs and a 1 x KW one
// (Jaderberg, Vedaldi and Zisserman 2014, "Speeding up convolutional neural networks
// with low rank expansions"; the closed form of Tai et al. 2016): the SVD of the matrix
//
//	D[(k, i), (m, j)] = W[m, k, i, j] ~ sum over r of V[(k, i), r] U[(m, j), r]
type spatial struct{}

func (spatial) Name() string { return "spatial" }

func (d spatial) MaxRanks(s *Site) (Ranks, error) {
	if s.Kind != Conv || len(s.Kernel) != 2 || s.Kernel[0] == 1 || s.Kernel[1] == 1 {
		return nil, unsuited(d, s, "it splits kernels that are longer than 1 on both of two axes")
	}
	return Ranks{min(s.K*s.Kernel[0], s.M*s.Kernel[1])}, nil
}

func (spatial) Cost(s *Site, r Ranks) graph.Cost {
	n := int64(s.Groups * r[0])
	return s.chainCost(stage{params: n * int64(s.K*s.Kernel[0]), axes: 1}, stage{params: n * int64(s.M*s.Kernel[1]), axes: 2})
}

// unfolded returns D of group g, (K KH) x (M KW).
func (spatial) unfolded(w *nd.Array) *linalg.Mat {
	return w.Permute(1, 2, 0, 3).Mat(w.Shape[1] * w.Shape[2])
}

func (d spatial) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	var ms []*linalg.Mat
	for g := range p.Site.Groups {
		w, _, err := p.scaled(g)
		if err != nil {
			return nil, err
		}
		ms = append(ms, d.unfolded(w))
	}
	tails, err := tailsOf(ctx, ms, func(_ int, m *linalg.Mat) ([]float64, error) { return linalg.SingularValues(m) })
	if err != nil {
		return nil, err
	}
	var ranks []Ranks
	var est []float64
	for _, pt := range rankCurve(d, p, tails) {
		ranks, est = append(ranks, pt.Ranks), append(est, pt.Error)
	}
	return measured(ctx, d, p, ranks, est)
}

func (d spatial) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	s, n := p.Site, r[0]
	kh, kw := s.Kernel[0], s.Kernel[1]
	down, up := stacked("down", s, n, s.K, []int{kh, 1}), stacked("up", s, s.M, n, []int{1, kw})
	for g := range s.Groups {
		v, u, err := d.group(p, g, n)
		if err != nil {
			return nil, err
		}
		down.add(g, v.T().Data) // R, K, KH
		up.add(g, nd.OfMat(u, s.M, kw, n).Permute(0, 2, 1).Data)
	}
	return &Factors{Method: d.Name(), Ranks: r, Parts: partsOf(down, up)}, nil
}

// group returns V (K KH x R) and U (M KW x R).
func (d spatial) group(p *Problem, g, r int) (v, u *linalg.Mat, err error) {
	s := p.Site
	w, inv, err := p.scaled(g)
	if err != nil {
		return nil, nil, err
	}
	v, b, err := splitPlain(d.unfolded(w), r, p.Seed)
	if err != nil {
		return nil, nil, err
	}
	u = b.T()
	if inv != nil {
		v = nd.OfMat(v, s.K, s.Kernel[0]*r).ModeMul(0, inv, true).Mat(s.K * s.Kernel[0])
		if u, err = d.refit(p, g, v, u); err != nil {
			return nil, nil, err
		}
	}
	b = u.T()
	balance(v, b)
	b.TransposeTo(u)
	return v, u, nil
}

// refit fits U to the outputs: the features of output m are z[r, j] = sum over k, i of V[(k, i), r] x[k, i, j].
func (spatial) refit(p *Problem, g int, v, u *linalg.Mat) (*linalg.Mat, error) {
	s, r := p.Site, v.Cols
	kh, kw := s.Kernel[0], s.Kernel[1]
	b := linalg.NewMat(kw*r, s.K*kh*kw)
	for j := range kw {
		for ki := range s.K * kh {
			for q, x := range v.Row(ki) {
				b.Set(j*r+q, ki*kw+j, x)
			}
		}
	}
	a, err := p.refit(g, nd.OfMat(u, s.M, kw*r).Mat(s.M), b)
	if err != nil {
		return nil, err
	}
	return nd.OfMat(a, s.M*kw, r).Mat(s.M * kw), nil
}

func (spatial) Reconstruct(s *Site, f *Factors) *nd.Array {
	r := f.Ranks[0]
	kh, kw := s.Kernel[0], s.Kernel[1]
	v, u := f.Parts[0].nd.Reshape(s.Groups, r, s.K*kh), f.Parts[1].nd.Reshape(s.Groups, s.M, r, kw)
	w, strip := nd.New(s.Shape()...), (s.M+7)/8 // of the outputs, so that little beside the weight takes memory
	for g := range s.Groups {
		for lo := 0; lo < s.M; lo += strip {
			n := min(strip, s.M-lo)
			part := nd.Of(u.Index(g).Data[lo*r*kw:(lo+n)*r*kw], n, r, kw).Permute(1, 0, 2)
			d := nd.New(s.K*kh, n, kw)
			linalg.Mul(d.Mat(s.K*kh), 1, v.Index(g).Mat(r), true, part.Mat(r), false, 0)
			size := s.K * kh * kw
			copy(w.Index(g).Data[lo*size:(lo+n)*size], d.Permute(1, 0, 2).Data)
		}
	}
	return w
}

func (spatial) Emit(e *Emitter, x graph.Value) graph.Value {
	x = e.conv("down", x, 0, e.Site.Groups, []int{0}, "")
	return e.conv("up", x, 1, e.Site.Groups, []int{1}, e.Bias)
}

func (d spatial) Unfoldings(s *Site, w *nd.Array) [][]*linalg.Mat {
	ms := make([]*linalg.Mat, s.Groups)
	for g := range ms {
		ms[g] = d.unfolded(w.Index(g))
	}
	return [][]*linalg.Mat{ms}
}

package lowrank

import (
	"context"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(channel{}) }

// channel splits a convolution into the same convolution with R outputs and a
// 1 x 1 one (Zhang et al. 2015, "Accelerating very deep convolutional networks"):
// the truncated SVD of the M x (K KH KW) matrix of each group.
type channel struct{}

func (channel) Name() string { return "channel" }

func (channel) Projects() {}

func (d channel) MaxRanks(s *Site) (Ranks, error) {
	if s.Kind != Conv {
		return nil, unsuited(d, s, "the site is not a convolution: use svd")
	}
	return Ranks{min(s.M, s.K*s.taps())}, nil
}

func (channel) Cost(s *Site, r Ranks) graph.Cost {
	g, n := int64(s.Groups), int64(r[0])
	all := len(s.Kernel)
	return s.chainCost(stage{params: g * n * int64(s.K*s.taps()), axes: all}, stage{params: g * n * int64(s.M), axes: all})
}

func (d channel) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	tails, err := groupTails(ctx, p)
	if err != nil {
		return nil, err
	}
	return rankCurve(d, p, tails), nil
}

func (d channel) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	s, n := p.Site, r[0]
	down, up := stacked("down", s, n, s.K, s.Kernel), stacked("up", s, s.M, n, unit(s.Kernel))
	for g := range s.Groups {
		a, b, err := p.split(ctx, g, n)
		if err != nil {
			return nil, err
		}
		down.add(g, b.Data)
		up.add(g, a.Data)
	}
	return &Factors{Method: d.Name(), Ranks: r, Parts: partsOf(down, up)}, nil
}

// unit returns a kernel of ones.
func unit(kernel []int) []int {
	u := make([]int, len(kernel))
	for i := range u {
		u[i] = 1
	}
	return u
}

func (channel) Reconstruct(s *Site, f *Factors) *nd.Array {
	w, r := nd.New(s.Shape()...), f.Ranks[0]
	b, a := f.Parts[0].nd.Reshape(s.Groups, r, s.K*s.taps()), f.Parts[1].nd.Reshape(s.Groups, s.M, r)
	for g := range s.Groups {
		linalg.Mul(w.Index(g).Mat(s.M), 1, a.Index(g).Mat(s.M), false, b.Index(g).Mat(r), false, 0)
	}
	return w
}

func (channel) Emit(e *Emitter, x graph.Value) graph.Value {
	x = e.conv("down", x, 0, e.Site.Groups, e.Site.allAxes(), "")
	return e.conv("up", x, 1, e.Site.Groups, nil, e.Bias)
}

func (channel) Unfoldings(s *Site, w *nd.Array) [][]*linalg.Mat { return [][]*linalg.Mat{groupMats(w)} }

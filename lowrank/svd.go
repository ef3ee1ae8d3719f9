package lowrank

import (
	"context"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(svd{}) }

// svd splits a matrix in two (Eckart and Young 1936):
//
//	W = U S V^T,  W' = U_R S_R V_R^T,  ||W - W'||^2 = sum of the discarded s_i^2
//
// Emitted as X (V S^1/2) (S^1/2 U^T): K x R, then R x M. With calibration it is
// the activation-aware form of problem.go. The factors come from the leading singular
// vectors of the shorter side alone (linalg.LeadingVectors).
type svd struct{}

func (svd) Name() string { return "svd" }

func (svd) Projects() {}

func (d svd) MaxRanks(s *Site) (Ranks, error) {
	if s.Kind == Conv {
		return nil, unsuited(d, s, "use channel or spatial")
	}
	return Ranks{min(s.M, s.K)}, nil
}

func (svd) Cost(s *Site, r Ranks) graph.Cost {
	g, n := int64(s.Groups), int64(r[0])
	return s.chainCost(stage{params: g * n * int64(s.K), times: s.resets()}, stage{params: g * n * int64(s.M)})
}

func (d svd) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	tails, err := groupTails(ctx, p)
	if err != nil {
		return nil, err
	}
	return rankCurve(d, p, tails), nil
}

func (d svd) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	s := p.Site
	var v, u *nd.Array
	for g := range s.Groups {
		a, b, err := p.split(ctx, g, r[0])
		if err != nil {
			return nil, err
		}
		if g == 0 { // only now: the bases took memory
			v = nd.New(s.Groups, s.K, r[0])
		}
		b.TransposeTo(v.Index(g).Mat(s.K))
		if g == 0 { // b has had its room
			u = nd.New(s.Groups, r[0], s.M)
		}
		a.TransposeTo(u.Index(g).Mat(r[0]))
	}
	return &Factors{Method: d.Name(), Ranks: r, Parts: []Part{{Name: "v", nd: dropGroup(s, v)}, {Name: "u", nd: dropGroup(s, u)}}}, nil
}

// dropGroup removes the axis of groups where there is one group.
func dropGroup(s *Site, a *nd.Array) *nd.Array {
	if s.Groups == 1 {
		return a.Reshape(a.Shape[1:]...)
	}
	return a
}

func (svd) Reconstruct(s *Site, f *Factors) *nd.Array {
	w, r := nd.New(s.Shape()...), f.Ranks[0]
	v, u := f.Parts[0].nd.Reshape(s.Groups, s.K, r), f.Parts[1].nd.Reshape(s.Groups, r, s.M)
	for g := range s.Groups {
		linalg.Mul(w.Index(g).Mat(s.M), 1, u.Index(g).Mat(r), true, v.Index(g).Mat(s.K), true, 0)
	}
	return w
}

func (svd) Emit(e *Emitter, x graph.Value) graph.Value {
	v, u := e.Parts[0], e.Parts[1]
	if e.Use.flip { // W^T = V U^T: transposes of constants cost nothing
		v, u = e.transposed("ut", u), e.transposed("vt", v)
	}
	if e.Use.how == byGather {
		axis := graph.Attrs{"axis": int64(0)}
		return e.Node("u", "MatMul", nil, e.Node("v", "Gather", axis, v, x), u)
	}
	return e.Node("u", "MatMul", nil, e.Node("v", "MatMul", nil, x, v), u)
}

func (svd) Unfoldings(s *Site, w *nd.Array) [][]*linalg.Mat { return [][]*linalg.Mat{groupMats(w)} }

// groupMats views each group as an M x (K kernel...) matrix.
func groupMats(w *nd.Array) []*linalg.Mat {
	ms := make([]*linalg.Mat, w.Shape[0])
	for g := range ms {
		ms[g] = w.Index(g).Mat(w.Shape[1])
	}
	return ms
}

// rankCurve makes points of a decomposition with one rank from tails[r], the
// squared relative error at rank r.
func rankCurve(d Decomposition, p *Problem, tails []float64) []Point {
	var ps []Point
	s, n := p.Site, len(tails)-1
	for _, r := range rankGrid(n) {
		rs := aligned(Ranks{r}, Ranks{n}, p.Align)
		r = rs[0]
		ps = append(ps, Point{d.Name(), rs, d.Cost(s, rs), math.Sqrt(max(0, tails[r]))})
	}
	return ps
}

// gridPoints bounds the ranks that a curve is measured at.
const gridPoints = 128

// rankGrid returns 1 to n, thinned evenly in the logarithm when there are many.
func rankGrid(n int) []int {
	var grid []int
	for i, last := 1, 0; i <= gridPoints; i++ {
		r := i
		if n > gridPoints {
			r = max(last+1, int(math.Round(math.Pow(float64(n), float64(i)/gridPoints))))
		}
		if r <= n && r > last {
			grid, last = append(grid, r), r
		}
	}
	return grid
}

// squaredTails returns, for r = 0..len(s), the sum of s_i^2 over i >= r divided by total.
func squaredTails(s []float64, total float64) []float64 {
	t := make([]float64, len(s)+1)
	for i := len(s) - 1; i >= 0; i-- {
		t[i] = t[i+1] + s[i]*s[i]/total
	}
	return t
}

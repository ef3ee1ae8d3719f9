package lowrank

import (
	"context"
	"math"
	"strconv"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(ttMatrix{}) }

// ttMatrix is the tensor train of a matrix whose rows and columns are split into D
// modes each (Novikov et al. 2015, "Tensorizing neural networks"):
//
//	W[(i1..iD), (j1..jD)] ~ G1[i1, j1] G2[i2, j2] ... GD[iD, jD]
//
// Core n is stored as the matrix A_n, (Mn Rn) x (R(n-1) Kn), and applied to x as
// (.., R(n-1) Kn, K(n+1)..KD): every step is one product and a reshape without a transpose.
type ttMatrix struct{}

func (ttMatrix) Name() string { return "tt-matrix" }

func (d ttMatrix) MaxRanks(s *Site) (Ranks, error) {
	if s.Kind == Conv {
		return nil, unsuited(d, s, "use tt-conv or tt-naive")
	}
	if s.Kind == Embedding || s.hasUse(byGather) {
		return nil, unsuited(d, s, "a row of a train is not looked up: use svd")
	}
	if s.Kind == Recurrence && (s.Groups > 1 || s.resets() > 1) {
		return nil, unsuited(d, s, "the layer has two directions, or resets its state before the product: use svd")
	}
	for _, u := range s.Uses {
		if u.how == byInput && u.Node != nil {
			if why := cellUnsuited(u.Node); why != "" {
				return nil, unsuited(d, s, why)
			}
		}
	}
	if s.flipped() {
		return nil, unsuited(d, s, "the weight is applied both ways round: use svd")
	}
	m, err := modesOf(s)
	if err != nil {
		return nil, err
	}
	if s.modes.Rows == nil && (len(primes(s.M)) < 2 || len(primes(s.K)) < 2) {
		return nil, unsuited(d, s, "a side is prime or 1 and has no factors: give modes or use svd")
	}
	return nd.MaxTTRanks(m.merged()), nil
}

// merged is the shape of the train: M1 K1, M2 K2, ...
func (m Modes) merged() []int {
	out := make([]int, len(m.Rows))
	for i := range out {
		out[i] = m.Rows[i] * m.Cols[i]
	}
	return out
}

// must returns the modes of a site that MaxRanks accepted.
func (ttMatrix) must(s *Site) Modes {
	m, err := modesOf(s)
	if err != nil {
		panic(err) // MaxRanks comes first
	}
	return m
}

// ends returns the rank before and after core n.
func ends(r Ranks, n int) (before, after int) {
	before, after = 1, 1
	if n > 0 {
		before = r[n-1]
	}
	if n < len(r) {
		after = r[n]
	}
	return before, after
}

func (d ttMatrix) Cost(s *Site, r Ranks) graph.Cost {
	m := d.must(s)
	var st []stage
	for n := range m.Rows {
		before, after := ends(r, n)
		st = append(st, stage{
			params: int64(before * m.Rows[n] * m.Cols[n] * after),
			times:  int64(product1(m.Rows[:n]) * product1(m.Cols[n+1:])),
		})
	}
	c := s.chainCost(st...)
	c.Params += s.scalars()
	return c
}

// array reorders the matrix to (M1 K1) x (M2 K2) x ...
func (ttMatrix) array(m Modes, w *nd.Array) *nd.Array {
	d := len(m.Rows)
	perm := make([]int, 2*d)
	for i := range d {
		perm[2*i], perm[2*i+1] = i, d+i
	}
	return w.Reshape(append(append([]int{}, m.Rows...), m.Cols...)...).Permute(perm...).Reshape(m.merged()...)
}

func (d ttMatrix) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	if _, err := d.MaxRanks(p.Site); err != nil {
		return nil, err
	}
	m := d.must(p.Site)
	return trainCurve(ctx, d, p, 1, func(int) (*nd.Array, error) { return d.array(m, p.take()), nil })
}

func (d ttMatrix) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := d.must(p.Site)
	t, _, err := nd.DecomposeTT(d.array(m, p.take()), nd.TTOpts{Ranks: r})
	if err != nil {
		return nil, err
	}
	spread(t)
	f := &Factors{Method: d.Name(), Ranks: r}
	for n, c := range t.Cores { // R(n-1), Mn, Kn, Rn to Mn, Rn, R(n-1), Kn
		before, after := ends(r, n)
		a := c.Reshape(before, m.Rows[n], m.Cols[n], after).Permute(1, 3, 0, 2).Reshape(m.Rows[n]*after, before*m.Cols[n])
		f.Parts = append(f.Parts, Part{Name: coreName(n), nd: a})
	}
	return f, nil
}

func coreName(n int) string { return "core" + strconv.Itoa(n) }

// spread gives all cores of a train the same norm: TT-SVD leaves it all in the last.
func spread(t *nd.TT) {
	norms, all := make([]float64, len(t.Cores)), 0.0
	for i, c := range t.Cores {
		if norms[i] = c.Norm(); norms[i] == 0 {
			return
		}
		all += math.Log(norms[i]) / float64(len(t.Cores))
	}
	for i, c := range t.Cores {
		f := math.Exp(all) / norms[i]
		for j := range c.Data {
			c.Data[j] *= f
		}
	}
}

func (d ttMatrix) Reconstruct(s *Site, f *Factors) *nd.Array {
	m := d.must(s)
	core := func(n int) *nd.Array {
		before, after := ends(f.Ranks, n)
		c := f.Parts[n].nd.Reshape(m.Rows[n], after, before, m.Cols[n]).Permute(2, 0, 3, 1)
		return c.Reshape(before, m.Rows[n]*m.Cols[n], after)
	}
	var shape, rows, cols []int
	for i := range m.Rows {
		shape = append(shape, m.Rows[i], m.Cols[i])
		rows, cols = append(rows, 2*i), append(cols, 2*i+1)
	}
	return nd.FullTT(len(f.Parts), core, shape, append(rows, cols...)).Reshape(s.Shape()...)
}

func (d ttMatrix) Emit(e *Emitter, x graph.Value) graph.Value {
	s, r := e.Site, e.F.Ranks
	m := d.must(s)
	y := x
	last := len(m.Rows) - 1
	for n := range last {
		before, _ := ends(r, n)
		y = e.reshape(coreName(n)+"/in", y, -1, before*m.Cols[n], product1(m.Cols[n+1:]))
		y = e.Node(coreName(n), "MatMul", nil, e.Parts[n], y)
	}
	before, _ := ends(r, last)
	y = e.reshape(coreName(last)+"/in", y, -1, before*m.Cols[last])
	y = e.Node(coreName(last), "MatMul", nil, y, e.transposed(coreName(last)+"/t", e.Parts[last]))
	return e.rows(y, x, s.M)
}

// rows reshapes y to x's shape with m numbers on the last axis.
func (e *Emitter) rows(y, x graph.Value, m int) graph.Value {
	if e.Use.rank == 2 {
		return e.reshape("out", y, -1, m)
	}
	lead := e.Node("lead", "Shape", graph.Attrs{"end": int64(-1)}, x)
	shape := e.Node("shape", "Concat", graph.Attrs{"axis": int64(0)}, lead, e.Ints("shape/last", m))
	return e.Node("out", "Reshape", nil, y, shape)
}

func (d ttMatrix) Unfoldings(s *Site, w *nd.Array) [][]*linalg.Mat {
	a := d.array(d.must(s), w)
	out := make([][]*linalg.Mat, len(a.Shape)-1)
	for i := range out {
		out[i] = []*linalg.Mat{a.Mat(product1(a.Shape[:i+1]))}
	}
	return out
}

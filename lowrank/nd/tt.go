package nd

import (
	"fmt"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/linalg"
)

// TT is a tensor train: A[i1..iD] ~ G1[i1] G2[i2] ... GD[iD], where core n has
// shape R(n-1) x Nn x Rn and R0 = RD = 1.
type TT struct{ Cores []*Array }

// TTOpts says where to cut: at Ranks when they are given, else at the error Eps.
type TTOpts struct {
	Ranks []int   // D - 1 of them
	Eps   float64 // relative error that is not exceeded; 0 keeps all but rounding
}

// DecomposeTT computes the tensor train by successive SVDs (TT-SVD, Oseledets 2011,
// algorithm 1). With Eps each unfolding is cut at delta = eps ||A|| / sqrt(D - 1),
// so that ||A - TT|| <= eps ||A||. err is the relative error, exact but for
// rounding: every cut is an orthogonal projection and their errors add in squares.
func DecomposeTT(a *Array, o TTOpts) (t *TT, relErr float64, err error) {
	s := &ttSweep{o: o, cores: make([]*Array, len(a.Shape))}
	if relErr, err = s.run(a); err != nil {
		return nil, 0, err
	}
	return &TT{s.cores}, relErr, nil
}

// TTError returns the relative error of the train of given ranks that DecomposeTT computes, without the train: in less
// time and memory.
func TTError(a *Array, ranks []int) (float64, error) {
	return (&ttSweep{o: TTOpts{Ranks: ranks}}).run(a)
}

// TTSpectra returns the squared singular values, descending, of the D - 1 unfoldings of a. What CutAt keeps of each,
// with delta as DecomposeTT has it, are ranks of a train with an error of at most eps (Oseledets 2011, theorem 2.2).
func TTSpectra(a *Array) ([][]float64, error) {
	out := make([][]float64, len(a.Shape)-1)
	for n := range out {
		m := a.Mat(size(a.Shape[:n+1]))
		sq, _, err := eigOfGram(m, m.Rows > m.Cols, exactly(0))
		if err != nil {
			return nil, err
		}
		out[n] = sq
	}
	return out, nil
}

// ttSweep goes through the unfoldings.
type ttSweep struct {
	o     TTOpts
	cores []*Array // nil when they are not wanted, which takes given ranks
	delta float64  // where Eps cuts
}

func (s *ttSweep) run(a *Array) (relErr float64, err error) {
	shape, d := a.Shape, len(a.Shape)
	if s.o.Ranks != nil && len(s.o.Ranks) != d-1 {
		return 0, fmt.Errorf("nd: %d tensor-train ranks for an array of shape %v", len(s.o.Ranks), shape)
	}
	whole := a.Norm()
	s.delta = s.o.Eps * whole / math.Sqrt(float64(max(1, d-1)))
	rest, owned := a.Data, false // a itself is not used further: the caller may have let it go
	prev, lost := 1, 0.0
	for n := range d - 1 {
		m := Of(rest, len(rest)).Mat(prev * shape[n])
		c, err := s.cut(m, n)
		if err != nil {
			return 0, err
		}
		switch {
		case c.rest != nil:
			rest, owned = c.rest.Data, true
		case c.u == nil: // the identity
		case owned:
			rest = projected(c.u, m)
		default:
			rest, owned = product(c.u, m).Data, true
		}
		if s.cores != nil {
			s.cores[n] = OfMat(c.core(m.Rows), prev, shape[n], c.rank)
		}
		prev = c.rank
		lost += c.lost
	}
	if s.cores != nil {
		s.cores[d-1] = Of(slices.Clone(rest), prev, shape[d-1], 1)
	}
	if whole > 0 {
		relErr = math.Sqrt(lost) / whole
	}
	return relErr, nil
}

// cut says what replaces an unfolding M: a core with orthonormal columns, U^T, and the rest, U M. Behind the last
// one whose core is not wanted it says neither.
type cut struct {
	rank int
	u    *linalg.Mat // nil for the identity
	rest *linalg.Mat // instead of u: U M for some U
	lost float64     // squared norm of what is left out
}

func (c cut) core(rows int) *linalg.Mat {
	if c.u == nil {
		return linalg.Eye(rows)
	}
	return c.u.T()
}

// cut cuts unfolding n.
func (s *ttSweep) cut(m *linalg.Mat, n int) (c cut, err error) {
	var sq []float64
	if s.o.Ranks == nil {
		c.u, sq, err = leading(m, func(sq []float64) int { return CutAt(sq, s.delta) })
		if err == nil {
			c.rank, c.lost = c.u.Rows, Tail(sq, c.u.Rows)
		}
		return c, err
	}
	given := s.o.Ranks[n]
	c.rank = min(given, m.Rows, m.Cols)
	switch {
	case given >= m.Rows: // nothing is left out: any basis will do
	case given >= m.Cols && s.cores != nil:
		c.u = linalg.OrthonormalRows(m.T())
	case s.cores == nil && n == len(s.o.Ranks)-1: // only the singular values matter
		sq, _, err = eigOfGram(m, m.Rows > m.Cols, exactly(0))
		c.lost = Tail(sq, c.rank)
	case s.cores == nil && m.Rows > m.Cols:
		c.rest, sq, err = rightRest(m, exactly(c.rank))
		c.lost = Tail(sq, c.rank)
	default:
		c.u, c.lost, err = leadingFew(m, c.rank, 1e-9)
	}
	return c, err
}

// CutAt returns the smallest rank, at least 1, whose tail is at most delta.
func CutAt(sq []float64, delta float64) int {
	limit := delta * delta
	if len(sq) > 0 {
		limit = max(limit, sq[0]*1e-30)
	}
	r, sum := len(sq), 0.0
	for r > 1 && sum+sq[r-1] <= limit {
		sum += sq[r-1]
		r--
	}
	return r
}

// Ranks returns the D - 1 ranks.
func (t *TT) Ranks() []int {
	var r []int
	for _, c := range t.Cores[:len(t.Cores)-1] {
		r = append(r, c.Shape[2])
	}
	return r
}

// Full multiplies the train out.
func (t *TT) Full() *Array {
	var shape, perm []int
	for i, c := range t.Cores {
		shape, perm = append(shape, c.Shape[1]), append(perm, i)
	}
	return FullTT(len(t.Cores), func(i int) *Array { return t.Cores[i] }, shape, perm)
}

// FullTT multiplies a train of n cores out: what TT.Full, Reshape to shape and Permute by perm return, with one array
// of that size in memory in place of three, and one core at a time. Axes of shape divide those of the train.
func FullTT(n int, core func(i int) *Array, shape, perm []int) *Array {
	left := linalg.Eye(1)
	for i := range n - 1 {
		c := core(i)
		next := product(left, c.Mat(c.Shape[0]))
		left = &linalg.Mat{Rows: next.Rows * c.Shape[1], Cols: c.Shape[2], Stride: c.Shape[2], Data: next.Data}
	}
	out := &Array{Shape: make([]int, len(shape))}
	for i, p := range perm {
		out.Shape[i] = shape[p]
	}
	out.Data = make([]float64, size(shape))
	step := make([]int, len(shape)) // in out, of the axes as they are in shape
	for i, st := range strides(out.Shape) {
		step[perm[i]] = st
	}
	c := core(n - 1)
	right, split := c.Mat(c.Shape[0]), len(shape)
	for cols := 1; cols < right.Cols; cols *= shape[split] {
		split--
	}
	row, col := offsets(shape[:split], step[:split]), offsets(shape[split:], step[split:])
	strip := min(left.Rows, max(1, 1<<14/right.Cols))
	room := linalg.NewMat(strip, right.Cols)
	for lo := 0; lo < left.Rows; lo += strip {
		hi := min(lo+strip, left.Rows)
		part := room.Slice(0, hi-lo, 0, right.Cols)
		linalg.Mul(part, 1, left.Slice(lo, hi, 0, left.Cols), false, right, false, 0)
		for r := lo; r < hi; r++ {
			dst := out.Data[row[r]:]
			for j, v := range part.Row(r - lo) {
				dst[col[j]] = v
			}
		}
	}
	return out
}

// offsets returns where the elements of an array of the given shape, in order, lie when its axes have the given steps.
func offsets(shape, step []int) []int {
	at := []int{0}
	for i, n := range shape {
		next := make([]int, 0, len(at)*n)
		for _, o := range at {
			for k := range n {
				next = append(next, o+k*step[i])
			}
		}
		at = next
	}
	return at
}

// MaxTTRanks returns the ranks that represent every array of a shape exactly.
func MaxTTRanks(shape []int) []int {
	r := make([]int, len(shape)-1)
	for i := range r {
		r[i] = min(size(shape[:i+1]), size(shape[i+1:]))
	}
	// A rank cannot exceed its neighbour times the mode between them.
	for i := 1; i < len(r); i++ {
		r[i] = min(r[i], r[i-1]*shape[i])
	}
	for i := len(r) - 2; i >= 0; i-- {
		r[i] = min(r[i], r[i+1]*shape[i+1])
	}
	return r
}

// projected returns the elements of U M for a U with no more rows than columns, computed strip by strip into the
// memory of M.
func projected(u, m *linalg.Mat) []float64 {
	strip := min(m.Cols, max(256, 1<<16/m.Rows))
	room := linalg.NewMat(u.Rows, strip)
	for lo := 0; lo < m.Cols; lo += strip {
		hi := min(lo+strip, m.Cols)
		part := room.Slice(0, u.Rows, 0, hi-lo)
		linalg.Mul(part, 1, u, false, m.Slice(0, m.Rows, lo, hi), false, 0)
		for r := range u.Rows {
			copy(m.Row(r)[lo:hi], part.Row(r))
		}
	}
	return m.Data[:u.Rows*m.Cols]
}

func product(a, b *linalg.Mat) *linalg.Mat {
	c := linalg.NewMat(a.Rows, b.Cols)
	linalg.Mul(c, 1, a, false, b, false, 0)
	return c
}

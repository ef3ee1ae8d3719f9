package nd

import (
	"errors"
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
	Most  int     // elements of the cores beyond which a train cut by Eps is given up with ErrLarge; 0 means any
}

// ErrLarge says that a train has more elements than it may.
var ErrLarge = errors.New("nd: the tensor train is too large")

// DecomposeTT computes the tensor train by successive SVDs (TT-SVD, Oseledets 2011,
// algorithm 1). With Eps each unfolding is cut at delta = eps ||A|| / sqrt(D - 1),
// so that ||A - TT|| <= eps ||A||. err is the relative error, exact but for
// rounding: every cut is an orthogonal projection and their errors add in squares.
func DecomposeTT(a *Array, o TTOpts) (t *TT, relErr float64, err error) {
	shape, d := a.Shape, len(a.Shape)
	if o.Ranks != nil && len(o.Ranks) != d-1 {
		return nil, 0, fmt.Errorf("nd: %d tensor-train ranks for an array of shape %v", len(o.Ranks), shape)
	}
	whole := a.Norm()
	delta := o.Eps * whole / math.Sqrt(float64(max(1, d-1)))
	t = &TT{make([]*Array, d)}
	rest, prev, lost := a.Data, 1, 0.0 // a itself is not used further: the caller may have let it go
	owned := false                     // rest is not the caller's
	for n := range d - 1 {
		m := Of(rest, len(rest)).Mat(prev * shape[n])
		u, gone, err := o.basis(m, n, delta, t.len())
		if err != nil {
			return nil, 0, err
		}
		lost += gone
		switch {
		case u.Rows == m.Rows && o.Ranks != nil: // u is the identity
		case owned:
			rest = projected(u, m)
		default:
			rest, owned = product(u, m).Data, true
		}
		t.Cores[n] = OfMat(u.T(), prev, shape[n], u.Rows)
		prev = u.Rows
	}
	t.Cores[d-1] = Of(slices.Clone(rest), prev, shape[d-1], 1)
	if whole > 0 {
		relErr = math.Sqrt(lost) / whole
	}
	return t, relErr, nil
}

// len counts the elements of the cores there are.
func (t *TT) len() (n int) {
	for _, c := range t.Cores {
		if c != nil {
			n += c.Len()
		}
	}
	return n
}

// basis returns, as rows, the basis that unfolding n keeps and the squared norm of the rest; the cores before have
// the given number of elements.
func (o TTOpts) basis(m *linalg.Mat, n int, delta float64, before int) (*linalg.Mat, float64, error) {
	if o.Ranks != nil {
		return leadingFew(m, min(o.Ranks[n], m.Rows, m.Cols), 1e-9)
	}
	large := false
	u, sq, err := leading(m, func(sq []float64) int {
		r := CutAt(sq, delta)
		if large = o.Most > 0 && before+m.Rows*r > o.Most; large {
			return 0
		}
		return r
	})
	if large {
		err = ErrLarge
	}
	if err != nil {
		return nil, 0, err
	}
	return u, tail(sq, u.Rows), nil
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
	var shape []int
	acc := linalg.Eye(1)
	for _, c := range t.Cores {
		shape = append(shape, c.Shape[1])
		next := product(acc, c.Mat(c.Shape[0]))
		acc = &linalg.Mat{Rows: next.Rows * c.Shape[1], Cols: c.Shape[2], Stride: c.Shape[2], Data: next.Data}
	}
	return OfMat(acc, shape...)
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

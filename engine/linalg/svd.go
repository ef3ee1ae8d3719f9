package linalg

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/lapack/gonum"
)

// SVD is a factorisation A = U diag(S) V^T of an M x N matrix: U is M x K,
// V is N x K, S has K entries, not negative, in descending order. Signs are
// fixed: the entry of largest magnitude in each column of U is positive.
type SVD struct {
	U *Mat
	S []float64
	V *Mat
}

// ThinSVD returns the SVD of A with K = min(M, N). It fails only for
// non-finite input.
//
// A, or its QR factor R when it is tall, is reduced to bidiagonal form, which
// divide and conquer factors; the reflectors of the reduction are applied to
// the vectors last.
func ThinSVD(a *Mat) (*SVD, error) { return svd(a, false) }

// FullSVD returns the SVD of A with complete bases: U is M x M and V N x N,
// while S has K = min(M, N) entries.
func FullSVD(a *Mat) (*SVD, error) { return svd(a, true) }

func svd(a *Mat, full bool) (*SVD, error) {
	work, exp, err := prepare(a, "svd")
	if err != nil {
		return nil, err
	}
	rows := min(a.Rows, a.Cols)
	if full {
		rows = max(a.Rows, a.Cols)
	}
	ut, vt, s := svdRows(work, rows)
	if a.Rows <= a.Cols { // work was A: its columns are those of A^T
		ut, vt = vt, ut
	}
	return assemble(ut, vt, s, exp), nil
}

// prepare returns a copy of A or A^T with no more rows than columns, times
// 2^-exp so that its largest entry is in [1/2, 1).
func prepare(a *Mat, what string) (work *Mat, exp int, err error) {
	if err := a.checkFinite(what); err != nil {
		return nil, 0, err
	}
	if a.Rows > a.Cols {
		work = a.T()
	} else {
		work = a.Clone()
	}
	return work, work.normalize(), nil
}

// normalize multiplies a compact m by the power of two 2^-exp that brings its
// largest entry into [1/2, 1).
func (m *Mat) normalize() (exp int) {
	_, exp = math.Frexp(m.maxAbs())
	half := -exp / 2 // 2^-exp alone may overflow
	f, g := math.Ldexp(1, half), math.Ldexp(1, -exp-half)
	for i, v := range m.Data {
		m.Data[i] = v * f * g
	}
	return exp
}

// tall is the ratio M / N from which a QR factorisation first saves work.
const tall = 1.5

// svdRows factors the M x N matrix, N <= M, whose transpose is at
// (overwritten). The left vectors are the rows of ut (rows x M, rows N or M), the right
// ones of vt (N x N), the values s in no order, rows beyond N completing the basis.
func svdRows(at *Mat, rows int) (ut, vt *Mat, s []float64) {
	n, m := at.Rows, at.Cols
	if float64(m) >= tall*float64(n) {
		rt, tau := householderQR(at)
		inner, vt, s := svdRows(rt, n)
		ut := pad(inner, rows, m)
		applyReflectors(ut, at, tau, 0)
		return ut, vt, s
	}
	b := bidiagonalize(at, true)
	dc := bidiagonalSVD(b.d, b.e)
	ut = pad(dc.u, rows, m)
	applyReflectors(ut, b.u, b.tauQ, 0)
	applyReflectors(dc.v, b.v, b.tauP, 1)
	return ut, dc.v, dc.s
}

// pad extends the square x to r x c with ones on the diagonal.
func pad(x *Mat, r, c int) *Mat {
	if x.Rows == r && x.Cols == c {
		return x
	}
	y := NewMat(r, c)
	for i := range x.Rows {
		copy(y.Row(i), x.Row(i))
	}
	for i := x.Rows; i < r; i++ {
		y.Set(i, i, 1)
	}
	return y
}

// assemble sorts the vectors, rows of ut and vt, fixes their signs and scales
// the values by 2^exp.
func assemble(ut, vt *Mat, s []float64, exp int) *SVD {
	order := descending(s)
	sign := signs(ut)
	r := &SVD{S: make([]float64, len(s))}
	for j, i := range order {
		r.S[j] = math.Ldexp(s[i], exp)
	}
	r.U = columns(ut, order, sign)
	if vt.Rows > len(sign) {
		sign = append(sign, signs(vt.Slice(len(sign), vt.Rows, 0, vt.Cols))...)
	}
	r.V = columns(vt, order, sign)
	return r
}

// descending returns the order that sorts s from the largest down.
func descending(s []float64) []int {
	order := make([]int, len(s))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case s[i] > s[j]:
			return -1
		case s[i] < s[j]:
			return 1
		}
		return 0
	})
	return order
}

// signs returns, for each row, the sign of its entry of largest magnitude.
func signs(x *Mat) []float64 {
	sign := make([]float64, x.Rows)
	ranges(x.Rows, x.Cols, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			best := 0.0
			for _, v := range x.Row(i) {
				if math.Abs(v) > math.Abs(best) {
					best = v
				}
			}
			sign[i] = math.Copysign(1, best)
		}
	})
	return sign
}

// columns returns the transpose of x with its first rows put in order, the
// others left in place, each times its sign.
func columns(x *Mat, order []int, sign []float64) *Mat {
	y := NewMat(x.Cols, x.Rows)
	const tile = 16
	ranges(y.Rows, 2*y.Cols, func(lo, hi int) {
		for i0 := lo; i0 < hi; i0 += tile {
			for j := range x.Rows {
				src := j
				if j < len(order) {
					src = order[j]
				}
				f := sign[src]
				for i, v := range x.Row(src)[i0:min(i0+tile, hi)] {
					y.Data[(i0+i)*y.Stride+j] = f * v
				}
			}
		}
	})
	return y
}

// SingularValues returns the min(M, N) singular values of A, descending. The
// values of the bidiagonal form come from the dqds algorithm (Fernando and
// Parlett 1994), without vectors.
func SingularValues(a *Mat) ([]float64, error) {
	at, exp, err := prepare(a, "singular values")
	if err != nil {
		return nil, err
	}
	if float64(at.Cols) >= tall*float64(at.Rows) {
		at, _ = householderQR(at)
	}
	b := bidiagonalize(at, false)
	n := len(b.d)
	if n == 0 {
		return nil, nil
	}
	gonum.Implementation{}.Dlasq1(n, b.d, append(b.e, 0), make([]float64, 4*n))
	for i, v := range b.d {
		b.d[i] = math.Ldexp(v, exp)
	}
	return b.d, nil
}

// TruncatedSVD returns the best approximation of A of rank min(r, M, N).
func TruncatedSVD(a *Mat, r int) (*SVD, error) {
	s, err := ThinSVD(a)
	if err != nil {
		return nil, err
	}
	return s.truncate(r), nil
}

func (s *SVD) truncate(r int) *SVD {
	r = min(r, len(s.S))
	return &SVD{s.U.Slice(0, s.U.Rows, 0, r).Clone(), s.S[:r:r], s.V.Slice(0, s.V.Rows, 0, r).Clone()}
}

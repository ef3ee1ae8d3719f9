package linalg

import (
	"fmt"
	"math"
)

const cholBlock = 32

// Cholesky returns the lower triangular L with A = L L^T for a symmetric A
// (N x N), and false when A is not positive definite. Only the lower triangle
// of A is read.
func Cholesky(a *Mat) (l *Mat, ok bool) {
	l = a.Clone()
	return l, l.cholesky()
}

// cholesky overwrites the matrix by its factor, by nothing of use where it returns false.
func (l *Mat) cholesky() bool {
	if l.Rows != l.Cols {
		panic(fmt.Sprintf("linalg: Cholesky factor of a %d x %d matrix", l.Rows, l.Cols))
	}
	n := l.Rows
	for lo := 0; lo < n; lo += cholBlock {
		hi := min(lo+cholBlock, n)
		Mul(l.Slice(lo, n, lo, hi), -1, l.Slice(lo, n, 0, lo), false, l.Slice(lo, hi, 0, lo), true, 1)
		for i := lo; i < hi; i++ {
			if !l.cholRow(i, lo) {
				return false
			}
			clear(l.Row(i)[i+1:])
		}
		if hi < n { // what is below times the block's inverse, see byInverse
			below := l.Slice(hi, n, lo, hi)
			Mul(below, 1, below.Clone(), false, invertLower(l.Slice(lo, hi, lo, hi)), true, 0)
		}
	}
	return true
}

// cholRow computes entries [lo, i] of row i given the block's rows above and
// false if the pivot is not positive.
func (l *Mat) cholRow(i, lo int) bool {
	r := l.Row(i)
	for j := lo; j < i; j++ {
		r[j] = (r[j] - dot(r[lo:j], l.Row(j)[lo:j])) / l.Row(j)[j]
	}
	s := r[i] - dot(r[lo:i], r[lo:i])
	if !(s > 0) || math.IsInf(s, 1) {
		return false
	}
	r[i] = math.Sqrt(s)
	return true
}

// byInverse is the number of right sides from which blocks on the diagonal are inverted and multiplied by, which
// is as stable as substitution within so small blocks (Higham, Accuracy and Stability of Numerical Algorithms, 14.3)
// and runs as fast as products.
const byInverse = 4 * cholBlock

// solveLower overwrites X (N x R) by L^-1 X, or by L^-T X when trans is set.
func solveLower(l, x *Mat, trans bool) {
	n := l.Rows
	for b := 0; b < n; b += cholBlock {
		lo, hi := b, min(b+cholBlock, n)
		if trans {
			lo, hi = max(n-b-cholBlock, 0), n-b
			Mul(x.Slice(lo, hi, 0, x.Cols), -1, l.Slice(hi, n, lo, hi), true, x.Slice(hi, n, 0, x.Cols), false, 1)
		} else {
			Mul(x.Slice(lo, hi, 0, x.Cols), -1, l.Slice(lo, hi, 0, lo), false, x.Slice(0, lo, 0, x.Cols), false, 1)
		}
		if d := l.Slice(lo, hi, lo, hi); x.Cols >= byInverse {
			y, inverse := x.Slice(lo, hi, 0, x.Cols), Eye(hi-lo)
			solveBlock(d, inverse, trans)
			Mul(y, 1, inverse, false, y.Clone(), false, 0)
		} else {
			solveBlock(d, x.Slice(lo, hi, 0, x.Cols), trans)
		}
	}
}

// invertLower returns L^-1.
func invertLower(l *Mat) *Mat {
	x := Eye(l.Rows)
	invertInto(x, l)
	return x
}

// invertInto makes L^-1 of X = I: (L11 0; L21 L22)^-1 = (X11 0; -X22 L21 X11 X22).
func invertInto(x, l *Mat) {
	n := l.Rows
	if n <= cholBlock {
		solveBlock(l, x, false)
		return
	}
	h := n / 2
	x11, x22, w := x.Slice(0, h, 0, h), x.Slice(h, n, h, n), NewMat(n-h, h)
	invertInto(x11, l.Slice(0, h, 0, h))
	invertInto(x22, l.Slice(h, n, h, n))
	Mul(w, 1, l.Slice(h, n, 0, h), false, x11, false, 0)
	Mul(x.Slice(h, n, 0, h), -1, x22, false, w, false, 0)
}

func solveBlock(l, x *Mat, trans bool) {
	n := l.Rows
	for i := range n {
		if trans {
			i = n - 1 - i
			for k := i + 1; k < n; k++ {
				axpy(x.Row(i), -l.Row(k)[i], x.Row(k))
			}
		} else {
			for k := range i {
				axpy(x.Row(i), -l.Row(i)[k], x.Row(k))
			}
		}
		scale(x.Row(i), 1/l.Row(i)[i])
	}
}

// SolveSPD returns X (N x R) with (A + ridge I) X = B for a symmetric positive
// definite A (N x N, lower triangle read) and B (N x R).
func SolveSPD(a, b *Mat, ridge float64) (*Mat, error) {
	x := b.Clone()
	if err := SolveSPDInPlace(a.Clone(), x, ridge); err != nil {
		return nil, err
	}
	return x, nil
}

// SolveSPDInPlace is SolveSPD that overwrites A, and B by X, or leaves B on error.
func SolveSPDInPlace(a, b *Mat, ridge float64) error {
	if a.Rows != b.Rows {
		panic(fmt.Sprintf("linalg: %d x %d system with a right side of %d rows", a.Rows, a.Cols, b.Rows))
	}
	for i := range a.Rows {
		a.Row(i)[i] += ridge
	}
	if !a.cholesky() {
		return fmt.Errorf("linalg: the %d x %d matrix with ridge %g is not positive definite; raise the ridge", a.Rows, a.Cols, ridge)
	}
	solveLower(a, b, false)
	solveLower(a, b, true)
	return nil
}

// LeastSquares returns the X (N x R) of least norm among those that minimise
// ||A X - B||_F, for A (M x N) of any rank and B (M x R). Singular values
// below max(M, N) times the unit round-off of the largest count as zero.
func LeastSquares(a, b *Mat) (*Mat, error) {
	if a.Rows != b.Rows {
		panic(fmt.Sprintf("linalg: %d x %d system with a right side of %d rows", a.Rows, a.Cols, b.Rows))
	}
	s, err := ThinSVD(a)
	if err != nil {
		return nil, err
	}
	if err := b.checkFinite("least squares, right side"); err != nil {
		return nil, err
	}
	w, x := NewMat(len(s.S), b.Cols), NewMat(a.Cols, b.Cols)
	Mul(w, 1, s.U, true, b, false, 0)
	for i, v := range s.S {
		if v > s.S[0]*2*eps*float64(max(a.Rows, a.Cols)) {
			divide(w.Row(i), v)
		} else {
			clear(w.Row(i))
		}
	}
	Mul(x, 1, s.V, false, w, false, 0)
	return x, nil
}

// divide is exact where 1/v would overflow.
func divide(x []float64, v float64) {
	for i := range x {
		x[i] /= v
	}
}

package linalg

import (
	"fmt"
	"math"
)

// rangeBlock is the number of directions RangeFinder adds at a time.
const rangeBlock = 32

// RangeFinder returns an orthonormal Q (M x R) with ||A - Q Q^T A||_F at most
// tol ||A||_F and that error, measured, not guessed. R is as small as the
// directions found allow and at most maxRank (0 means min(M, N)); when maxRank
// is too small for tol, the error says how far the result is off.
//
// It adds blocks of random directions, each improved by one subspace iteration and made orthogonal
// to those before, until the error is reached (Yu, Gu and Li 2018, randQB_EI).
func RangeFinder(a *Mat, tol float64, maxRank int, seed uint64) (q *Mat, estErr float64, err error) {
	if !(tol >= 0) {
		return nil, 0, fmt.Errorf("linalg: range finder with tolerance %g; it must not be negative", tol)
	}
	if err := a.checkFinite("range finder"); err != nil {
		return nil, 0, err
	}
	k := min(a.Rows, a.Cols)
	if maxRank <= 0 || maxRank > k {
		maxRank = k
	}
	w := a.Clone()
	exp := w.normalize()
	f := &rangeFinder{a: w, q: NewMat(k, a.Rows), b: NewMat(k, a.Cols), norm: w.frobenius()}
	for f.n < min(maxRank+rangeBlock, k) && f.rest() > 0.5*tol*f.norm {
		f.grow(min(rangeBlock, k-f.n), seed)
	}
	q, e := f.trim(tol, maxRank)
	return q, math.Ldexp(e, exp), nil
}

type rangeFinder struct {
	a    *Mat
	q, b *Mat // the first n rows: Q^T, and B = Q^T A
	n    int
	norm float64
}

func (f *rangeFinder) rest() float64 {
	b := f.b.Slice(0, f.n, 0, f.b.Cols).frobenius()
	return math.Sqrt(max((f.norm-b)*(f.norm+b), 0))
}

// grow adds m directions.
func (f *rangeFinder) grow(m int, seed uint64) {
	y := f.q.Slice(f.n, f.n+m, 0, f.q.Cols)
	z := f.b.Slice(f.n, f.n+m, 0, f.b.Cols)
	Mul(y, 1, (*Mat)(randomRows[float64](m, f.a.Cols, seed, uint64(f.n))), false, f.a, true, 0)
	f.fresh(y)
	Mul(z, 1, y, false, f.a, false, 0)
	w := convert[float64]((*matrix[float64])(z))
	basis(w)
	Mul(y, 1, (*Mat)(w), false, f.a, true, 0)
	f.fresh(y)
	Mul(z, 1, y, false, f.a, false, 0)
	f.n += m
}

// fresh makes the rows of y orthonormal and orthogonal to the directions there
// are; twice is enough (Giraud, Langou and Rozloznik 2005).
func (f *rangeFinder) fresh(y *Mat) {
	old := f.q.Slice(0, f.n, 0, f.q.Cols)
	c := NewMat(y.Rows, f.n)
	for range 3 {
		Mul(c, 1, y, false, old, true, 0)
		Mul(y, -1, c, false, old, false, 1)
		copyRows((*matrix[float64])(y), (*matrix[float64])(OrthonormalRows(y)))
	}
}

// trim rotates Q to the singular directions of B and keeps as few as reach tol.
func (f *rangeFinder) trim(tol float64, maxRank int) (*Mat, float64) {
	s, err := ThinSVD(f.b.Slice(0, f.n, 0, f.b.Cols))
	if err != nil { // B is finite and scaled
		panic(err)
	}
	r, e := len(s.S), f.rest()
	for r > 0 && (r > maxRank || math.Hypot(e, s.S[r-1]) <= tol*f.norm) {
		r--
		e = math.Hypot(e, s.S[r])
	}
	q := NewMat(f.a.Rows, r)
	Mul(q, 1, f.q.Slice(0, f.n, 0, f.q.Cols), true, s.U.Slice(0, f.n, 0, r), false, 0)
	return q, e
}

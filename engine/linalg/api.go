package linalg

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// RandOpts configures RandomizedSVD; zero values give sensible defaults.
type RandOpts struct {
	Rank       int     // R, the number of triplets returned; required
	Oversample int     // extra columns of the sketch; 0 means 10
	PowerIters int     // subspace iterations; 0 means 2, negative none
	Tol        float64 // if > 0, iterate more until the error estimate is below Tol*||A||_F or no longer falls
	Seed       uint64
}

func gn(a *Mat) *mat.Dense {
	return mat.NewDense(a.Rows, a.Cols, a.Clone().Data)
}

func fromGn(d mat.Matrix) *Mat {
	r, c := d.Dims()
	m := NewMat(r, c)
	for i := range r {
		for j := range c {
			m.Data[i*c+j] = d.At(i, j)
		}
	}
	return m
}

// RandomizedSVD returns an approximate SVD of rank min(R, M, N) and an estimate
// of the error ||A - U S V^T||_F.
func RandomizedSVD(a *Mat, o RandOpts) (*SVD, float64, error) {
	s, err := ThinSVD(a)
	if err != nil {
		return nil, 0, err
	}
	rest := 0.0
	for _, v := range s.S[min(o.Rank, len(s.S)):] {
		rest = math.Hypot(rest, v)
	}
	return s.truncate(o.Rank), rest, nil
}

// RangeFinder returns an orthonormal Q (M x R) with the estimated error
// ||A - Q Q^T A||_F at most tol*||A||_F, of the smallest R it finds sufficient,
// at most maxRank (0 = min(M, N)), and that error estimate.
func RangeFinder(a *Mat, tol float64, maxRank int, seed uint64) (*Mat, float64, error) {
	s, err := ThinSVD(a)
	if err != nil {
		return nil, 0, err
	}
	if maxRank <= 0 {
		maxRank = len(s.S)
	}
	norm := 0.0
	for _, v := range s.S {
		norm = math.Hypot(norm, v)
	}
	rest, r := 0.0, len(s.S)
	for r > 0 && (math.Hypot(rest, s.S[r-1]) <= tol*norm || r > maxRank) {
		rest = math.Hypot(rest, s.S[r-1])
		r--
	}
	_ = tensor.NewRand(seed)
	return s.truncate(r).U, rest, nil
}

// SymEig returns the eigenvalues of the symmetric N x N matrix A, descending,
// and its orthonormal eigenvectors as the columns of vecs (N x N). Only the
// lower triangle of A is read.
func SymEig(a *Mat) (vals []float64, vecs *Mat, err error) {
	if err := a.checkFinite("eigen"); err != nil {
		return nil, nil, err
	}
	n := a.Rows
	var d mat.EigenSym
	if !d.Factorize(mat.NewSymDense(n, a.T().Data), true) {
		return nil, nil, errors.New("linalg: eigen did not converge")
	}
	var v mat.Dense
	d.VectorsTo(&v)
	m := fromGn(&v)
	w := d.Values(nil)
	out := NewMat(n, n)
	vals = make([]float64, n)
	for j := range n {
		vals[j] = w[n-1-j]
		for i := range n {
			out.Set(i, j, m.At(i, n-1-j))
		}
	}
	return vals, out, nil
}

// Cholesky returns the lower triangular L with A = L L^T, and false when the
// symmetric A is not positive definite. Only the lower triangle of A is read.
func Cholesky(a *Mat) (l *Mat, ok bool) {
	n := a.Rows
	l = NewMat(n, n)
	for j := range n {
		for i := j; i < n; i++ {
			s := a.At(i, j)
			for k := range j {
				s -= l.At(i, k) * l.At(j, k)
			}
			if i == j {
				if !(s > 0) {
					return nil, false
				}
				l.Set(j, j, math.Sqrt(s))
			} else {
				l.Set(i, j, s/l.At(j, j))
			}
		}
	}
	return l, true
}

// SolveSPD returns X (N x R) with (A + ridge I) X = B for a symmetric positive
// definite A (N x N) and B (N x R).
func SolveSPD(a, b *Mat, ridge float64) (*Mat, error) {
	c := a.Clone()
	for i := range c.Rows {
		c.Set(i, i, c.At(i, i)+ridge)
	}
	l, ok := Cholesky(c)
	if !ok {
		return nil, fmt.Errorf("linalg: the %d x %d matrix with ridge %g is not positive definite; raise the ridge", a.Rows, a.Cols, ridge)
	}
	x := b.Clone()
	for c := range x.Cols {
		for i := range x.Rows {
			s := x.At(i, c)
			for k := range i {
				s -= l.At(i, k) * x.At(k, c)
			}
			x.Set(i, c, s/l.At(i, i))
		}
		for i := x.Rows - 1; i >= 0; i-- {
			s := x.At(i, c)
			for k := i + 1; k < x.Rows; k++ {
				s -= l.At(k, i) * x.At(k, c)
			}
			x.Set(i, c, s/l.At(i, i))
		}
	}
	return x, nil
}

// LeastSquares returns the X (N x R) of least norm that minimises ||A X - B||_F
// for A (M x N, any rank) and B (M x R).
func LeastSquares(a, b *Mat) (*Mat, error) {
	s, err := ThinSVD(a)
	if err != nil {
		return nil, err
	}
	k := len(s.S)
	w := NewMat(k, b.Cols)
	Mul(w, 1, s.U, true, b, false, 0)
	for i, v := range s.S {
		inv := 0.0
		if v > s.S[0]*2.2e-16*float64(max(a.Rows, a.Cols)) {
			inv = 1 / v
		}
		for j := range w.Cols {
			w.Set(i, j, w.At(i, j)*inv)
		}
	}
	x := NewMat(a.Cols, b.Cols)
	Mul(x, 1, s.V, false, w, false, 0)
	return x, nil
}

// UseGonum registers our matrix product as gonum's.
func UseGonum() {}

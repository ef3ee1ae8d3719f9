package linalg

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// RandOpts configures RandomizedSVD; zero values mean the defaults.
type RandOpts struct {
	Rank       int     // R, the number of triplets wanted
	Oversample int     // columns of the sketch beyond R; 0 means 10, negative none
	PowerIters int     // subspace iterations; 0 means 2, negative none
	Tol        float64 // if > 0, iterate on until the error is below Tol ||A||_F or stops falling
	Seed       uint64
}

func (o RandOpts) withDefaults() RandOpts {
	o.Oversample = orDefault(o.Oversample, 10)
	o.PowerIters = orDefault(o.PowerIters, 2)
	return o
}

func orDefault(v, def int) int {
	if v == 0 {
		return def
	}
	return max(v, 0)
}

// RandomizedSVD returns an approximate SVD of A of rank min(R, M, N) from a
// random sketch improved by subspace iteration (Halko, Martinsson and Tropp
// 2011, algorithms 4.4 and 5.1), and the error ||A - U S V^T||_F it has,
// measured afterwards and exact but for rounding. The best possible error is
// approached fast when singular values decay after the R-th.
//
// A sketch of half the matrix or more saves nothing: the full SVD is truncated.
func RandomizedSVD(a *Mat, o RandOpts) (svd *SVD, estErr float64, err error) {
	if o.Rank < 1 {
		return nil, 0, fmt.Errorf("linalg: randomised svd of rank %d; the rank must be at least 1", o.Rank)
	}
	w, exp, err := a.tame("randomised svd")
	if err != nil {
		return nil, 0, err
	}
	o = o.withDefaults()
	l := o.Rank + o.Oversample
	if 2*l >= min(a.Rows, a.Cols) {
		return truncateFull(a, o.Rank)
	}
	s := newSketch(w, l, o.Seed)
	for range o.PowerIters {
		s.iterate()
	}
	r, e := s.svd(o.Rank)
	for prev := math.Inf(1); o.Tol > 0 && e > o.Tol*s.norm && e < 0.99*prev; {
		prev = e
		s.iterate()
		r, e = s.svd(o.Rank)
	}
	for i, v := range r.S {
		r.S[i] = math.Ldexp(v, exp)
	}
	return r, math.Ldexp(e, exp), nil
}

// truncateFull is the best approximation of rank r with its error.
func truncateFull(a *Mat, r int) (*SVD, float64, error) {
	s, err := ThinSVD(a)
	if err != nil {
		return nil, 0, err
	}
	rest := 0.0
	for i := len(s.S) - 1; i >= r; i-- {
		rest = math.Hypot(rest, s.S[i])
	}
	return s.truncate(r), rest, nil
}

// sketch is a subspace iteration on A (M x N). Bases are kept as rows.
type sketch struct {
	a    *Mat
	norm float64 // ||A||_F
	y    *Mat    // L x M, spans the approximate range after orthonormalisation
}

func newSketch(a *Mat, l int, seed uint64) *sketch {
	s := &sketch{a: a, norm: a.frobenius(), y: NewMat(l, a.Rows)}
	Mul(s.y, 1, randomRows(l, a.Cols, seed, 0), false, a, true, 0)
	return s
}

// randomRows are numbers from [-1, 1): any such independent test matrix
// serves as a normal one would (Martinsson and Tropp 2020, section 8).
func randomRows(l, n int, seed, block uint64) *Mat {
	m, g := NewMat(l, n), tensor.NewRand(seed, "linalg sketch").Sub(block)
	for i := range m.Data {
		m.Data[i] = 2*g.Float64(uint64(i)) - 1
	}
	return m
}

// iterate replaces y by the rows of y A A^T.
func (s *sketch) iterate() {
	z := NewMat(s.y.Rows, s.a.Cols)
	Mul(z, 1, basis(s.y), false, s.a, false, 0)
	Mul(s.y, 1, basis(z), false, s.a, true, 0)
}

// svd returns the SVD of Q Q^T A, Q the span of y, cut to rank r, and its error.
func (s *sketch) svd(r int) (*SVD, float64) {
	q := OrthonormalRows(s.y)
	b := NewMat(q.Rows, s.a.Cols)
	Mul(b, 1, q, false, s.a, false, 0)
	small, err := ThinSVD(b)
	if err != nil { // A is finite and scaled
		panic(err)
	}
	small = small.truncate(r)
	u := NewMat(s.a.Rows, len(small.S))
	Mul(u, 1, q, true, small.U, false, 0)
	small.U = u
	small.fixSigns()
	return small, s.err(small)
}

// err is ||A - U S V^T||_F for U S V^T = U U^T A. ||A||^2 - ||S||^2 is its square,
// but when that has cancelled the difference is formed.
func (s *sketch) err(r *SVD) float64 {
	sq := (s.norm - norm2(r.S)) * (s.norm + norm2(r.S))
	if sq > 1e-8*s.norm*s.norm {
		return math.Sqrt(sq)
	}
	us, d := r.U.Clone(), s.a.Clone()
	for i := range us.Rows {
		row := us.Row(i)
		for j, v := range r.S {
			row[j] *= v
		}
	}
	Mul(d, -1, us, false, r.V, true, 1)
	return d.frobenius()
}

func norm2(x []float64) float64 { return math.Sqrt(dot(x, x)) }

// frobenius is ||m||_F for entries whose squares do not overflow.
func (m *Mat) frobenius() float64 {
	rows := make([]float64, m.Rows)
	ranges(m.Rows, m.Cols, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			rows[i] = norm2(m.Row(i))
		}
	})
	return norm2(rows)
}

// basis overwrites the rows of y by a well-conditioned basis of their span,
// L^-1 Y with L L^T = Y Y^T, or an orthonormal one where that breaks down.
func basis(y *Mat) *Mat {
	if ok, _ := cholOrth(y); !ok {
		return householderRows(y)
	}
	return y
}

// OrthonormalRows overwrites the rows of Y (R x N, R <= N) by an orthonormal basis of their span, completed
// at random if they are dependent, and returns it. A second round of Cholesky QR repairs what
// the first left (Yamamoto, Nakatsukasa, Yanagisawa and Fukaya 2015); rows that were nearly orthogonal need none.
func OrthonormalRows(y *Mat) *Mat {
	for range 2 {
		ok, near := cholOrth(y)
		if !ok {
			return householderRows(y)
		}
		if near {
			return y
		}
	}
	return y
}

// cholOrth is one round of Cholesky QR on rows scaled to length 1. It leaves y spanning the same space and
// returns false when y is too ill-conditioned; near says that the rows were so near to orthogonal that their
// condition was below 2 (Gershgorin).
func cholOrth(y *Mat) (ok, near bool) {
	for i := range y.Rows {
		n := norm2(y.Row(i))
		if !(n > tinyNorm) {
			return false, false
		}
		scale(y.Row(i), 1/n)
	}
	g := NewMat(y.Rows, y.Rows)
	Mul(g, 1, y, false, y, true, 0)
	near = dominant(g)
	l, ok := Cholesky(g)
	if !ok {
		return false, false
	}
	for i := range l.Rows {
		if l.Row(i)[i] < 1e-5 { // condition above 1e5: the square, 1e10, leaves 6 digits
			return false, false
		}
	}
	solveLower(l, y, false)
	return true, near
}

// dominant reports whether what is off the diagonal of G, which is 1, adds up to less than 1/2 in every row.
func dominant(g *Mat) bool {
	for i := range g.Rows {
		sum := -1.0
		for _, v := range g.Row(i) {
			sum += math.Abs(v)
		}
		if !(sum < 0.5) {
			return false
		}
	}
	return true
}

const tinyNorm = 1e-140

func householderRows(y *Mat) *Mat {
	l := y.Rows
	_, tau := householderQR(y)
	q := pad(NewMat(0, 0), l, y.Cols)
	applyReflectors(q, y, tau, 0)
	return q
}

// fixSigns makes the entry of largest magnitude in each column of U positive.
func (s *SVD) fixSigns() {
	for j := range s.S {
		best := 0.0
		for i := range s.U.Rows {
			if v := s.U.Data[i*s.U.Stride+j]; math.Abs(v) > math.Abs(best) {
				best = v
			}
		}
		if best < 0 {
			negateColumn(s.U, j)
			negateColumn(s.V, j)
		}
	}
}

func negateColumn(m *Mat, j int) {
	for i := range m.Rows {
		m.Data[i*m.Stride+j] *= -1
	}
}

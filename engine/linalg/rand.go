package linalg

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/kernel"
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
// The iterations run in float32 where their noise is far below the error, the projection on their result in float64
// always. A sketch of half the matrix or more saves nothing: the best approximation is computed.
func RandomizedSVD(a *Mat, o RandOpts) (svd *SVD, estErr float64, err error) {
	if o.Rank < 1 {
		return nil, 0, fmt.Errorf("linalg: randomised svd of rank %d; the rank must be at least 1", o.Rank)
	}
	w, norm, exp, err := a.tame("randomised svd")
	if err != nil {
		return nil, 0, err
	}
	svd, e := randomized(w, norm, o.withDefaults())
	for i, v := range svd.S {
		svd.S[i] = math.Ldexp(v, exp)
	}
	return svd, math.Ldexp(e, exp), nil
}

// singleError is the error, over ||A||_F, above which the iterations may run in float32. Their noise turns the L
// directions out of the best subspace, which adds up to 1e-6 ||A||_F at right angles to the error: less
// than a millionth of it.
const singleError = 1e-3

func randomized(a *Mat, norm float64, o RandOpts) (*SVD, float64) {
	l := o.Rank + o.Oversample
	if 2*l >= min(a.Rows, a.Cols) {
		ut, vt, s := leading(a, o.Rank)
		r := assemble(ut, vt, s, 0)
		return r, r.err(a, norm)
	}
	right := a.Rows > a.Cols // the shorter vectors are made orthogonal
	if !(o.Tol > 0 && o.Tol <= singleError) {
		if r, e, ok := search(newSketch(narrow(a, norm), right, l, o.Seed), a, norm, o); ok && e > singleError*norm {
			return r, e
		}
	}
	r, e, _ := search(newSketch((*matrix[float64])(a), right, l, o.Seed), a, norm, o)
	return r, e
}

// search iterates on the sketch and returns the approximation of A with its error. ok is false where T has too few digits.
func search[T kernel.Float](s *sketch[T], a *Mat, norm float64, o RandOpts) (r *SVD, e float64, ok bool) {
	ok = s.start()
	for i := 0; i < o.PowerIters && ok; i++ {
		ok = s.iterate()
	}
	for prev := math.Inf(1); ok; ok = s.iterate() {
		r = s.svd(a, o.Rank)
		if e = r.err(a, norm); !(o.Tol > 0 && e > o.Tol*norm && e < 0.99*prev) {
			break
		}
		prev = e
	}
	return r, e, ok
}

// narrow returns A in float32, times the power of two that brings its norm near 1. What underflows there, or
// would in products, is 0.
func narrow(a *Mat, norm float64) *matrix[float32] {
	_, exp := math.Frexp(norm)
	m, f := newMatrix[float32](a.Rows, a.Cols), math.Ldexp(1, -exp)
	ranges(a.Rows, a.Cols, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d := m.row(i)
			for j, v := range a.Row(i) {
				if v *= f; math.Abs(v) > 0x1p-100 {
					d[j] = float32(v)
				}
			}
		}
	})
	return m
}

// sketch is a subspace iteration on A (M x N), for the range of A or, when right is set, of A^T. Its rows are made a
// basis where their growth, see cholOrth, since they were one may be above mildGrowth.
type sketch[T kernel.Float] struct {
	a      *matrix[T]
	right  bool
	y, z   *matrix[T] // L x M, whose rows span the approximate range, and L x N; the other way round when right is set
	rate   float64    // growth by an iteration; 2 at least, so that rows do not shrink for long
	growth float64    // of y
}

const mildGrowth = 4

// newSketch is random until start.
func newSketch[T kernel.Float](a *matrix[T], right bool, l int, seed uint64) *sketch[T] {
	n, k := shape(a.Rows, a.Cols, right)
	return &sketch[T]{a: a, right: right, y: newMatrix[T](l, n), z: randomRows[T](l, k, seed, 0), rate: 2}
}

// start replaces y by a basis of the rows of z A^T. It reports whether T has digits enough.
func (s *sketch[T]) start() bool {
	mul(s.y, 1, s.z, false, s.a, !s.right, 0)
	growth, ok := basis(s.y)
	s.rate, s.growth = max(s.rate, growth), 1
	return ok
}

// iterate replaces y by the rows of y A A^T. It reports whether T has digits enough.
func (s *sketch[T]) iterate() bool {
	mul(s.z, 1, s.y, false, s.a, s.right, 0)
	if s.rate > mildGrowth {
		if _, ok := basis(s.z); !ok {
			return false
		}
	}
	if s.growth *= s.rate; s.growth > mildGrowth {
		return s.start()
	}
	mul(s.y, 1, s.z, false, s.a, !s.right, 0)
	return true
}

// randomRows are numbers from [-1, 1): any such independent test matrix
// serves as a normal one would (Martinsson and Tropp 2020, section 8).
func randomRows[T kernel.Float](l, n int, seed, block uint64) *matrix[T] {
	m, g := newMatrix[T](l, n), tensor.NewRand(seed, "linalg sketch").Sub(block)
	ranges(len(m.Data), 4, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			m.Data[i] = T(2*g.Float64(uint64(i)) - 1)
		}
	})
	return m
}

// svd returns the SVD of Q Q^T A, or of A Q Q^T when right is set, Q the span of y, cut to rank r.
func (s *sketch[T]) svd(a *Mat, r int) *SVD {
	q := OrthonormalRows((*Mat)(convert[float64](s.y)))
	b := NewMat(q.Rows, s.z.Cols)
	Mul(b, 1, q, false, a, s.right, 0)
	x, other, values := leading(b, r)
	side := NewMat(len(values), q.Cols)
	Mul(side, 1, x, false, q, false, 0)
	if s.right {
		side, other = other, side
	}
	return assemble(side, other, values, 0)
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

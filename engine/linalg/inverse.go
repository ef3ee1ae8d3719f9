package linalg

import (
	"math"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// inverter finds eigenvectors of a symmetric tridiagonal matrix T (N x N, diagonal d,
// off-diagonal e) by inverse iteration, x = (T - lambda I)^-1 x (Wielandt 1944), keeping
// those of close eigenvalues apart by orthogonalisation (Jessup and Ipsen 1992).
// T - lambda I = P L U is factored with partial pivoting: row i of U is
// (u0, u1, u2) from column i, and mult and swap make L and P.
type inverter struct {
	d, e       []float64
	norm       float64
	u0, u1, u2 []float64
	mult       []float64
	swap       []bool
	random     []float64
}

// Limits of inverse iteration.
const (
	inverseGap    = 1e-3 // of ||T||: closer eigenvalues' vectors are made orthogonal
	inverseRounds = 8
	inverseTol    = 1e-13 // of ||T||, the residual of a vector
)

// inverseIteration returns unit eigenvectors for eigenvalues in falling order as rows, nil when
// one does not converge.
func inverseIteration(d, e, vals []float64) *Mat {
	n := len(d)
	room := NewMat(5, n)
	s := &inverter{d: d, e: e, u0: room.Row(0), u1: room.Row(1), u2: room.Row(2),
		mult: room.Row(3), swap: make([]bool, n), random: room.Row(4)}
	rnd := tensor.NewRand(1, "inverse iteration")
	for i := range s.random {
		s.random[i] = 2*rnd.Float64(uint64(i)) - 1
	}
	for i := range d {
		s.norm = max(s.norm, math.Abs(d[i])+s.off(i-1)+s.off(i))
	}
	x, from := NewMat(len(vals), n), 0
	for j, v := range vals {
		for vals[from]-v > inverseGap*s.norm {
			from++
		}
		if !s.vector(x.Row(j), x.Slice(from, j, 0, n), v, j) {
			return nil
		}
	}
	return x
}

// off is |e_i|, 0 outside.
func (s *inverter) off(i int) float64 {
	if i < 0 || i >= len(s.e) {
		return 0
	}
	return math.Abs(s.e[i])
}

// vector iterates for the j-th eigenvalue; others are vectors of close ones.
func (s *inverter) vector(x []float64, others *Mat, lambda float64, j int) bool {
	s.factor(lambda)
	n := len(x)
	copy(x, s.random[j%n:])
	copy(x[n-j%n:], s.random)
	for done, round := false, 0; round < inverseRounds; round++ {
		s.solve(x)
		if !unitLength(x) {
			return false
		}
		if others.Rows > 0 && !apart(x, others) {
			return false
		}
		if done { // one round more than it takes
			return true
		}
		done = s.residual(x, lambda) <= inverseTol*s.norm
	}
	return false
}

// apart makes x orthogonal to others and of length 1 again, and reports whether that was possible.
func apart(x []float64, others *Mat) bool {
	for range 2 {
		for i := range others.Rows {
			o := others.Row(i)
			axpy(x, -dot(x, o), o)
		}
	}
	return unitLength(x)
}

// unitLength scales x to length 1 and reports whether that was possible.
func unitLength(x []float64) bool {
	top := 0.0
	for _, v := range x {
		top = max(top, math.Abs(v))
	}
	if !(top > 0) || math.IsInf(top, 1) {
		return false
	}
	scale(x, 1/top)
	scale(x, 1/norm2(x))
	return true
}

// factor computes P L U, with pivots of 0 replaced by rounding errors.
func (s *inverter) factor(lambda float64) {
	n := len(s.d)
	least := eps * max(s.norm, floor)
	p, q := s.d[0]-lambda, 0.0
	if n > 1 {
		q = s.e[0]
	}
	for i := range n - 1 {
		below, diag, next := s.e[i], s.d[i+1]-lambda, 0.0
		if i+2 < n {
			next = s.e[i+1]
		}
		if s.swap[i] = math.Abs(below) > math.Abs(p); s.swap[i] {
			s.mult[i] = p / below
			s.u0[i], s.u1[i], s.u2[i] = below, diag, next
			p, q = q-s.mult[i]*diag, -s.mult[i]*next
			continue
		}
		p = pivot(p, least)
		s.mult[i] = below / p
		s.u0[i], s.u1[i], s.u2[i] = p, q, 0
		p, q = diag-s.mult[i]*q, next
	}
	s.u0[n-1] = pivot(p, least)
}

func pivot(p, least float64) float64 {
	if math.Abs(p) < least {
		return math.Copysign(least, p)
	}
	return p
}

// solve overwrites x by (T - lambda I)^-1 x.
func (s *inverter) solve(x []float64) {
	n := len(x)
	for i := range n - 1 {
		if s.swap[i] {
			x[i], x[i+1] = x[i+1], x[i]-s.mult[i]*x[i+1]
		} else {
			x[i+1] -= s.mult[i] * x[i]
		}
	}
	var a, b float64 // x[i+1], x[i+2]
	for i := n - 1; i >= 0; i-- {
		v := x[i]
		if i+1 < n {
			v -= s.u1[i]*a + s.u2[i]*b
		}
		a, b = v/s.u0[i], a
		x[i] = a
	}
}

// residual returns max |T x - lambda x|.
func (s *inverter) residual(x []float64, lambda float64) float64 {
	worst := 0.0
	for i, v := range x {
		r := (s.d[i] - lambda) * v
		if i > 0 {
			r += s.e[i-1] * x[i-1]
		}
		if i+1 < len(x) {
			r += s.e[i] * x[i+1]
		}
		worst = max(worst, math.Abs(r))
	}
	return worst
}

package linalg

import (
	"fmt"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/tensor"
)

func fill(r, c int, f func(i, j int) float64) *Mat {
	m := NewMat(r, c)
	for i := range r {
		for j := range c {
			m.Set(i, j, f(i, j))
		}
	}
	return m
}

func randn(r, c int, seed uint64) *Mat {
	g := tensor.NewRand(seed, "linalg test")
	return fill(r, c, func(i, j int) float64 { return g.Normal(uint64(i*c + j)) })
}

// withValues returns Q1 diag(f(0), f(1), ...) Q2^T for random Q1 and Q2.
func withValues(r, c int, seed uint64, f func(i int) float64) *Mat {
	k := min(r, c)
	q1, _ := QR(randn(r, k, seed))
	q2, _ := QR(randn(c, k, seed+1))
	a := NewMat(r, c)
	Mul(a, 1, scaleColumns(q1, f), false, q2, true, 0)
	return a
}

func scaleColumns(m *Mat, f func(i int) float64) *Mat {
	return fill(m.Rows, m.Cols, func(i, j int) float64 { return m.At(i, j) * f(j) })
}

// gallery holds generators of matrices on which SVD codes have failed.
var gallery = map[string]func(r, c int) *Mat{
	"normal":   func(r, c int) *Mat { return randn(r, c, 1) },
	"zero":     NewMat,
	"identity": func(r, c int) *Mat { return fill(r, c, func(i, j int) float64 { return b2f(i == j) }) },
	"ones":     func(r, c int) *Mat { return fill(r, c, func(i, j int) float64 { return 1 }) },
	"one entry": func(r, c int) *Mat {
		return fill(r, c, func(i, j int) float64 { return -3 * b2f(i == r/2 && j == c/3) })
	},
	"permutation": func(r, c int) *Mat { return fill(r, c, func(i, j int) float64 { return b2f((i*7+3)%r == j) }) },
	"rank 3": func(r, c int) *Mat {
		return withValues(r, c, 2, func(i int) float64 { return b2f(i < 3) * float64(i+1) })
	},
	"repeated":  func(r, c int) *Mat { return withValues(r, c, 3, func(i int) float64 { return float64(1 + i/5%3) }) },
	"clustered": func(r, c int) *Mat { return withValues(r, c, 4, func(i int) float64 { return 1 + 1e-14*float64(i) }) },
	"geometric": func(r, c int) *Mat {
		return withValues(r, c, 5, func(i int) float64 { return math.Pow(0.7, float64(i)) })
	},
	"one large": func(r, c int) *Mat { return withValues(r, c, 6, func(i int) float64 { return 1e-9 + b2f(i == 0) }) },
	"graded rows": func(r, c int) *Mat {
		return scaleRows(randn(r, c, 7), func(i int) float64 { return math.Pow(10, -float64(i)) })
	},
	"graded columns": func(r, c int) *Mat {
		return scaleColumns(randn(r, c, 8), func(i int) float64 { return math.Pow(10, float64(i%300)) })
	},
	"tiny":     func(r, c int) *Mat { return scaleRows(randn(r, c, 9), func(int) float64 { return 1e-300 }) },
	"denormal": func(r, c int) *Mat { return scaleRows(randn(r, c, 10), func(int) float64 { return 1e-319 }) },
	"huge":     func(r, c int) *Mat { return scaleRows(randn(r, c, 11), func(int) float64 { return 1e300 }) },
	"wide range": func(r, c int) *Mat {
		return fill(r, c, func(i, j int) float64 { return math.Pow(10, float64((i*31+j*17)%600-300)) })
	},
	"hilbert": func(r, c int) *Mat { return fill(r, c, func(i, j int) float64 { return 1 / float64(i+j+1) }) },
	"kahan": func(r, c int) *Mat {
		s, cs := math.Sin(1.2), math.Cos(1.2)
		return fill(r, c, func(i, j int) float64 { return math.Pow(s, float64(i)) * (b2f(i == j) - cs*b2f(j > i)) })
	},
	"bidiagonal": func(r, c int) *Mat {
		return fill(r, c, func(i, j int) float64 { return b2f(i == j)*float64(i%4) + b2f(j == i+1) })
	},
	"glued": func(r, c int) *Mat {
		return fill(r, c, func(i, j int) float64 { return b2f(i == j)*math.Abs(float64(i%21-10)) + b2f(j == i+1)*glue(i) })
	},
	"lower ones": func(r, c int) *Mat { return fill(r, c, func(i, j int) float64 { return b2f(j <= i) }) },
	"signs": func(r, c int) *Mat {
		return fill(r, c, func(i, j int) float64 { return math.Copysign(1, math.Sin(float64(i*j+i+1))) })
	},
}

func glue(i int) float64 {
	if i%21 == 20 {
		return 1e-9
	}
	return 1
}

func scaleRows(m *Mat, f func(i int) float64) *Mat {
	return fill(m.Rows, m.Cols, func(i, j int) float64 { return m.At(i, j) * f(i) })
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var galleryShapes = [][2]int{
	{1, 1}, {1, 7}, {7, 1}, {2, 2}, {3, 2}, {2, 3}, {5, 5}, {8, 8}, {17, 16}, {16, 33}, {40, 40}, {65, 64}, {64, 130}, {131, 129},
}

func eachMatrix(t *testing.T, f func(t *testing.T, a *Mat)) {
	for name, gen := range gallery {
		for _, s := range galleryShapes {
			t.Run(fmt.Sprintf("%s/%dx%d", name, s[0], s[1]), func(t *testing.T) { f(t, gen(s[0], s[1])) })
		}
	}
}

// scaled returns a times the power of two that makes its largest entry about 1, and the power.
func scaled(a *Mat) (*Mat, int) {
	c := a.Clone()
	return c, c.normalize()
}

// orthogonality returns max |X^T X - I|.
func orthogonality(x *Mat) float64 {
	g := Eye(x.Cols)
	Mul(g, 1, x, true, x, false, -1)
	return g.maxAbs()
}

// residual returns ||A - U diag(s) V^T||_F / ||A||_F, 0 for two zeros, less
// what rounding s to the grid of denormal numbers may cause.
func residual(a *Mat, r *SVD) float64 {
	d, exp := scaled(a)
	norm := d.frobenius()
	k := len(r.S)
	us := scaleColumns(r.U.Slice(0, r.U.Rows, 0, k), func(i int) float64 { return math.Ldexp(r.S[i], -exp) })
	Mul(d, -1, us, false, r.V.Slice(0, r.V.Rows, 0, k), true, 1)
	if e := d.frobenius() - float64(k)*math.Ldexp(1, -1074-exp); e > 0 {
		return e / norm
	}
	return 0
}

const tol = 1e-12

func checkSVD(t *testing.T, a *Mat, r *SVD) {
	t.Helper()
	if e := residual(a, r); !(e <= tol) {
		t.Errorf("residual %.2g", e)
	}
	if e := orthogonality(r.U); !(e <= tol) {
		t.Errorf("U: orthogonality %.2g", e)
	}
	if e := orthogonality(r.V); !(e <= tol) {
		t.Errorf("V: orthogonality %.2g", e)
	}
	for i, s := range r.S {
		if s < 0 || i > 0 && s > r.S[i-1] {
			t.Errorf("singular value %d is %g after %g", i, s, r.S[max(i-1, 0)])
		}
	}
	checkSigns(t, r.U)
}

func checkSigns(t *testing.T, u *Mat) {
	t.Helper()
	for j := range u.Cols {
		best := 0.0
		for i := range u.Rows {
			if math.Abs(u.At(i, j)) > math.Abs(best) {
				best = u.At(i, j)
			}
		}
		if best < 0 {
			t.Errorf("column %d: entry of largest magnitude is %g", j, best)
		}
	}
}

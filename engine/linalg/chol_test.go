package linalg

import (
	"math"
	"testing"
)

func spd(n int, seed uint64) *Mat {
	x := randn(n, n+5, seed)
	a := NewMat(n, n)
	Mul(a, 1, x, false, x, true, 0)
	return a
}

func TestCholesky(t *testing.T) {
	for _, n := range []int{1, 2, 5, 63, 64, 65, 150} {
		a := spd(n, uint64(n))
		l, ok := Cholesky(a)
		if !ok {
			t.Fatalf("%d: not positive definite", n)
		}
		d := a.Clone()
		Mul(d, -1, l, false, l, true, 1)
		if e := d.maxAbs() / a.maxAbs(); !(e < 1e-14) {
			t.Errorf("%d: residual %.2g", n, e)
		}
		for i := range n {
			for j := i + 1; j < n; j++ {
				if l.At(i, j) != 0 {
					t.Fatalf("%d: L(%d, %d) = %g", n, i, j, l.At(i, j))
				}
			}
		}
	}
}

func TestCholeskyRefuses(t *testing.T) {
	for name, v := range map[string]float64{"indefinite": -1, "singular": 0, "nan": math.NaN(), "inf": math.Inf(1)} {
		for _, at := range []int{0, 50, 99} {
			a := Eye(100)
			a.Set(at, at, v)
			if _, ok := Cholesky(a); ok {
				t.Errorf("%s at %d: accepted", name, at)
			}
		}
	}
}

func TestSolveSPD(t *testing.T) {
	for _, n := range []int{1, 7, 64, 130} {
		a, want := spd(n, 9), randn(n, 3, 10)
		for _, ridge := range []float64{0, 2.5} {
			b := NewMat(n, 3)
			Mul(b, 1, a, false, want, false, 0)
			for i, v := range want.Data {
				b.Data[i] += ridge * v
			}
			x, err := SolveSPD(a, b, ridge)
			if err != nil {
				t.Fatal(err)
			}
			if e := difference(x, want); !(e < 1e-7) {
				t.Errorf("%d, ridge %g: error %.2g", n, ridge, e)
			}
		}
	}
	if _, err := SolveSPD(NewMat(3, 3), NewMat(3, 1), 0); err == nil {
		t.Error("a singular system was solved")
	}
}

func difference(x, y *Mat) float64 {
	d := 0.0
	for i := range x.Rows {
		for j := range x.Cols {
			d = math.Max(d, math.Abs(x.At(i, j)-y.At(i, j)))
		}
	}
	return d
}

// The solution of least norm satisfies A^T (A X - B) = 0 and lies in the row
// space of A.
func TestLeastSquares(t *testing.T) {
	for _, s := range [][3]int{{30, 10, 10}, {10, 30, 10}, {20, 20, 7}, {40, 12, 5}, {1, 1, 1}, {5, 3, 0}} {
		a := withValues(s[0], s[1], 1, func(i int) float64 { return b2f(i < s[2]) * float64(i+1) })
		b := randn(s[0], 2, 2)
		x, err := LeastSquares(a, b)
		if err != nil {
			t.Fatal(err)
		}
		r, g := b.Clone(), NewMat(s[1], 2)
		Mul(r, 1, a, false, x, false, -1)
		Mul(g, 1, a, true, r, false, 0)
		if e := g.maxAbs(); !(e < 1e-12) {
			t.Errorf("%v: gradient %.2g", s, e)
		}
		f, err := FullSVD(a)
		if err != nil {
			t.Fatal(err)
		}
		null := NewMat(s[1]-s[2], 2)
		Mul(null, 1, f.V.Slice(0, s[1], s[2], s[1]), true, x, false, 0)
		if e := null.maxAbs(); !(e < 1e-12) {
			t.Errorf("%v: part in the null space %.2g", s, e)
		}
	}
}

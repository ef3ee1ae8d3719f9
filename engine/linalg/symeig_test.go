package linalg

import (
	"math"
	"testing"
)

// symmetric completes the lower triangle of the leading square of a.
func symmetric(a *Mat) *Mat {
	n := min(a.Rows, a.Cols)
	return fill(n, n, func(i, j int) float64 { return a.At(max(i, j), min(i, j)) })
}

func checkEig(t *testing.T, a *Mat, vals []float64, vecs *Mat) {
	t.Helper()
	if e := residual(a, &SVD{vecs, vals, vecs}); !(e <= tol) {
		t.Errorf("residual %.2g", e)
	}
	if e := orthogonality(vecs); !(e <= tol) {
		t.Errorf("orthogonality %.2g", e)
	}
	for i := 1; i < len(vals); i++ {
		if vals[i] > vals[i-1] {
			t.Errorf("eigenvalue %d is %g after %g", i, vals[i], vals[i-1])
		}
	}
	checkSigns(t, vecs)
}

func TestSymEig(t *testing.T) {
	eachMatrix(t, func(t *testing.T, a *Mat) {
		a = symmetric(a)
		vals, vecs, err := SymEig(a)
		if err != nil {
			t.Fatal(err)
		}
		checkEig(t, a, vals, vecs)
	})
}

func TestSymEigWilkinson(t *testing.T) {
	a := fill(101, 101, func(i, j int) float64 {
		return b2f(i == j)*math.Abs(float64(i-50)) + b2f(i == j+1 || j == i+1)
	})
	vals, vecs, err := SymEig(a)
	if err != nil {
		t.Fatal(err)
	}
	checkEig(t, a, vals, vecs)
}

func TestSymEigReadsLowerTriangle(t *testing.T) {
	a := symmetric(randn(20, 20, 1))
	want, _, err := SymEig(a)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		for j := i + 1; j < 20; j++ {
			a.Set(i, j, math.NaN())
		}
	}
	got, _, err := SymEig(a)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != want[i] {
			t.Errorf("eigenvalue %d: %g, want %g", i, v, want[i])
		}
	}
}

// The second difference matrix has the eigenvalues 4 sin^2(k pi / (2(n+1))).
func TestSymEigKnownValues(t *testing.T) {
	const n = 200
	vals, _, err := SymEig(fill(n, n, func(i, j int) float64 { return 2*b2f(i == j) - b2f(i == j+1 || j == i+1) }))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vals {
		s := 2 * math.Sin(float64(n-i)*math.Pi/(2*(n+1)))
		if math.Abs(v-s*s) > 1e-14 {
			t.Errorf("eigenvalue %d is %.17g, want %.17g", i, v, s*s)
		}
	}
}

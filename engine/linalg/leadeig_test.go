package linalg

import (
	"fmt"
	"math"
	"testing"
)

// Few and many leading eigenvectors agree with all of them, of every matrix of the gallery.
func TestLeadingEig(t *testing.T) {
	eachMatrix(t, func(t *testing.T, a *Mat) {
		a, _ = scaled(symmetric(a))
		want, _, err := SymEig(a)
		if err != nil {
			t.Fatal(err)
		}
		n := a.Rows
		for _, r := range []int{1, n / 4, n / 2, n} {
			vals, rows, err := LeadingEig(a.Clone(), r)
			if err != nil {
				t.Fatal(err)
			}
			checkLeading(t, a, want[:r], vals, rows.T())
		}
	})
}

// checkLeading checks A V = V diag(vals), V orthonormal.
func checkLeading(t *testing.T, a *Mat, want, vals []float64, v *Mat) {
	t.Helper()
	d, norm := NewMat(v.Rows, v.Cols), max(a.frobenius(), 1e-300)
	Mul(d, 1, a, false, v, false, 0)
	for j, val := range vals {
		if math.Abs(val-want[j]) > tol*norm {
			t.Errorf("eigenvalue %d of %d is %g, want %g", j, len(vals), val, want[j])
		}
		for i := range v.Rows {
			d.Row(i)[j] -= val * v.At(i, j)
		}
	}
	if e := d.frobenius() / norm; !(e <= tol) {
		t.Errorf("%d vectors: residual %.2g", v.Cols, e)
	}
	if e := orthogonality(v); !(e <= 1e-11) {
		t.Errorf("%d vectors: orthogonality %.2g", v.Cols, e)
	}
	checkSigns(t, v)
}

func BenchmarkLeadingEig(b *testing.B) {
	for _, c := range []struct{ n, r int }{{16, 8}, {32, 16}, {64, 32}, {256, 64}, {1024, 512}} {
		a := symmetric(randn(c.n, c.n, 1))
		b.Run(fmt.Sprintf("%d of %d/leading", c.r, c.n), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := LeadingEig(a.Clone(), c.r); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d of %d/all", c.r, c.n), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := SymEig(a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

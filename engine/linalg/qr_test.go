package linalg

import (
	"math"
	"testing"
)

func TestQR(t *testing.T) {
	eachMatrix(t, func(t *testing.T, a *Mat) {
		s, exp := scaled(a)
		q, r := QR(s)
		k := min(a.Rows, a.Cols)
		if q.Rows != a.Rows || q.Cols != k || r.Rows != k || r.Cols != a.Cols {
			t.Fatalf("shapes: Q %d x %d, R %d x %d", q.Rows, q.Cols, r.Rows, r.Cols)
		}
		if e := orthogonality(q); !(e <= tol) {
			t.Errorf("orthogonality %.2g", e)
		}
		d := s.Clone()
		Mul(d, -1, q, false, r, false, 1)
		if e := d.frobenius(); !(e <= tol*s.frobenius()) {
			t.Errorf("residual %.2g", e)
		}
		for i := range k {
			for j := range i {
				if r.At(i, j) != 0 {
					t.Errorf("R(%d, %d) = %g", i, j, r.At(i, j))
				}
			}
			if r.At(i, i) < 0 {
				t.Errorf("R(%d, %d) = %g", i, i, r.At(i, i))
			}
		}
		_ = exp
	})
}

// Unscaled columns keep their own accuracy, as small as they may be.
func TestQRColumnwise(t *testing.T) {
	a := scaleColumns(randn(30, 20, 3), func(i int) float64 { return math.Pow(10, float64(14*i-140)) })
	q, r := QR(a)
	d := a.Clone()
	Mul(d, -1, q, false, r, false, 1)
	for j := range a.Cols {
		e := d.Slice(0, 30, j, j+1).maxAbs() / a.Slice(0, 30, j, j+1).maxAbs()
		if !(e <= 1e-14) {
			t.Errorf("column %d: relative residual %.2g", j, e)
		}
	}
}

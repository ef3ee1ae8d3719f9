package linalg

import (
	"math"
	"testing"
)

func TestThinSVD(t *testing.T) {
	eachMatrix(t, func(t *testing.T, a *Mat) {
		before := a.Clone()
		r, err := ThinSVD(a)
		if err != nil {
			t.Fatal(err)
		}
		k := min(a.Rows, a.Cols)
		if r.U.Rows != a.Rows || r.U.Cols != k || r.V.Rows != a.Cols || r.V.Cols != k || len(r.S) != k {
			t.Fatalf("shapes: U %d x %d, S %d, V %d x %d", r.U.Rows, r.U.Cols, len(r.S), r.V.Rows, r.V.Cols)
		}
		checkSVD(t, a, r)
		for i, v := range a.Data {
			if v != before.Data[i] {
				t.Fatal("the argument changed")
			}
		}
	})
}

func TestFullSVD(t *testing.T) {
	eachMatrix(t, func(t *testing.T, a *Mat) {
		r, err := FullSVD(a)
		if err != nil {
			t.Fatal(err)
		}
		if r.U.Rows != a.Rows || r.U.Cols != a.Rows || r.V.Rows != a.Cols || r.V.Cols != a.Cols {
			t.Fatalf("shapes: U %d x %d, V %d x %d", r.U.Rows, r.U.Cols, r.V.Rows, r.V.Cols)
		}
		checkSVD(t, a, r)
	})
}

func TestSingularValues(t *testing.T) {
	eachMatrix(t, func(t *testing.T, a *Mat) {
		got, err := SingularValues(a)
		if err != nil {
			t.Fatal(err)
		}
		want, err := ThinSVD(a)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want.S) {
			t.Fatalf("%d values, want %d", len(got), len(want.S))
		}
		for i, s := range got {
			if !(math.Abs(s-want.S[i]) <= 1e-13*want.S[0]) {
				t.Errorf("value %d: %g, with vectors %g, of %g", i, s, want.S[i], want.S[0])
			}
		}
	})
}

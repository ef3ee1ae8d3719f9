package linalg

import (
	"fmt"
	"math"
	"testing"
)

func TestX(t *testing.T) {
	for _, sh := range [][2]int{{1, 1}, {2, 2}, {3, 3}, {5, 4}, {4, 5}, {10, 10}, {33, 20}, {100, 100}, {130, 120}, {300, 300}, {600, 200}} {
		a := NewMat(sh[0], sh[1])
		for i := range a.Data {
			a.Data[i] = math.Sin(float64(i*i + 1))
		}
		s, err := ThinSVD(a)
		if err != nil {
			t.Fatal(err)
		}
		us := s.U.Clone()
		for i := range us.Rows {
			for j := range us.Cols {
				us.Data[i*us.Stride+j] *= s.S[j]
			}
		}
		r := a.Clone()
		Mul(r, 1, us, false, s.V, true, -1)
		g := Eye(s.U.Cols)
		Mul(g, 1, s.U, true, s.U, false, -1)
		h := Eye(s.U.Cols)
		Mul(h, 1, s.V, true, s.V, false, -1)
		fmt.Println(sh, r.maxAbs(), g.maxAbs(), h.maxAbs(), s.S[:min(3, len(s.S))])
	}
}

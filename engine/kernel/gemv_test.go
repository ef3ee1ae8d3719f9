package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func testRows[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, m := range []int{0, 1, 3, 4, 5, 8, 9, 17} {
		for _, n := range []int{0, 1, 7, 8, 15, 16, 33, 100} {
			lda := n + 3
			a, _ := guarded[T](r, m*lda, 1)
			x, _ := guarded[T](r, n, 3)
			dst, okD := guarded[T](r, m, 1)
			RowDots(dst, a, lda, x)
			y, okY := guarded[T](r, n, 5)
			want := exactSums(y, dst, a, lda)
			for i := range m {
				s := 0.0
				for l, v := range x {
					s += float64(v) * float64(a[i*lda+l])
				}
				if math.Abs(s-float64(dst[i])) > 10*eps[T]()*float64(n+1) {
					t.Fatalf("%d x %d: dot %d is %v, want %v", m, n, i, dst[i], s)
				}
			}
			AddRows(y, dst, a, lda)
			for j, v := range want {
				if math.Abs(v-float64(y[j])) > 10*eps[T]()*float64(n+1)*float64(m+1) {
					t.Fatalf("%d x %d: sum %d is %v, want %v", m, n, j, y[j], v)
				}
			}
			if !okD() || !okY() {
				t.Fatalf("%d x %d: a guard word was overwritten", m, n)
			}
		}
	}
}

// exactSums is y + sum_i c[i] A_i.
func exactSums[T Float](y, c, a []T, lda int) []float64 {
	s := make([]float64, len(y))
	for j, v := range y {
		s[j] = float64(v)
		for i, x := range c {
			s[j] += float64(x) * float64(a[i*lda+j])
		}
	}
	return s
}

func TestRows(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		t.Run("float32", testRows[float32])
		t.Run("float64", testRows[float64])
	})
}

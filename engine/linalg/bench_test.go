package linalg

import (
	"fmt"
	"testing"
)

// sizes runs f for each shape.
func sizes(b *testing.B, shapes [][2]int, f func(b *testing.B, a *Mat)) {
	for _, s := range shapes {
		a := randn(s[0], s[1], 1)
		b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) { f(b, a) })
	}
}

var square = [][2]int{{16, 16}, {64, 64}, {256, 256}, {512, 512}, {1024, 1024}}

func BenchmarkThinSVD(b *testing.B) {
	sizes(b, append(square, [2]int{2048, 1024}, [2]int{4096, 256}), func(b *testing.B, a *Mat) {
		for b.Loop() {
			if _, err := ThinSVD(a); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The stages of ThinSVD.

func BenchmarkBidiagonalize(b *testing.B) {
	sizes(b, square, func(b *testing.B, a *Mat) {
		for b.Loop() {
			b.StopTimer()
			c := a.Clone()
			b.StartTimer()
			bidiagonalize(c, true)
		}
	})
}

func BenchmarkBidiagonalSVD(b *testing.B) {
	sizes(b, square, func(b *testing.B, a *Mat) {
		r := bidiagonalize(a.Clone(), true)
		scale(r.d, 1/a.frobenius())
		scale(r.e, 1/a.frobenius())
		for b.Loop() {
			bidiagonalSVD(r.d, r.e)
		}
	})
}

func BenchmarkApplyReflectors(b *testing.B) {
	sizes(b, square, func(b *testing.B, a *Mat) {
		r := bidiagonalize(a.Clone(), true)
		for b.Loop() {
			applyReflectors(a, r.u, r.tauQ, 0)
		}
	})
}

func BenchmarkColumns(b *testing.B) {
	sizes(b, square, func(b *testing.B, a *Mat) {
		order, sign := descending(make([]float64, a.Rows)), signs(a)
		for b.Loop() {
			columns(a, order, sign)
		}
	})
}

func BenchmarkSymEig(b *testing.B) {
	sizes(b, square, func(b *testing.B, a *Mat) {
		for b.Loop() {
			if _, _, err := SymEig(a); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkQR(b *testing.B) {
	sizes(b, square, func(b *testing.B, a *Mat) {
		for b.Loop() {
			QR(a)
		}
	})
}

func BenchmarkCholesky(b *testing.B) {
	sizes(b, square, func(b *testing.B, a *Mat) {
		s := NewMat(a.Rows, a.Rows)
		Mul(s, 1, a, false, a, true, 0)
		for b.Loop() {
			if _, ok := Cholesky(s); !ok {
				b.Fatal("not positive definite")
			}
		}
	})
}

func BenchmarkRandomizedSVD(b *testing.B) {
	sizes(b, [][2]int{{512, 512}, {1024, 1024}, {2048, 1024}}, func(b *testing.B, a *Mat) {
		for _, r := range []int{64, 128, 256} {
			b.Run(fmt.Sprint("r", r), func(b *testing.B) {
				for b.Loop() {
					if _, _, err := RandomizedSVD(a, RandOpts{Rank: r}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

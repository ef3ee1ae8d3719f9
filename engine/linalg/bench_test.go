package linalg

import (
	"fmt"
	"testing"
)

func BenchmarkThinSVD(b *testing.B) {
	for _, s := range [][2]int{{64, 64}, {256, 256}, {512, 512}, {1024, 1024}, {2048, 1024}} {
		a := randn(s[0], s[1], 1)
		b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) {
			for b.Loop() {
				if _, err := ThinSVD(a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

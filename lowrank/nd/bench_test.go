package nd

import (
	"context"
	"fmt"
	"testing"
)

func BenchmarkTucker2(b *testing.B) {
	a := decaying(256, 256, 3, 3)
	for b.Loop() {
		if _, err := DecomposeTucker(a, []int{64, 64, 0, 0}, TuckerOpts{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCP(b *testing.B) {
	a := decaying(256, 256, 3, 3)
	for b.Loop() {
		if _, _, err := DecomposeCP(context.Background(), a, CPOpts{Rank: 64}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTT(b *testing.B) {
	a := decaying(256, 256, 3, 3)
	for b.Loop() {
		if _, _, err := DecomposeTT(a, TTOpts{Ranks: []int{16, 16, 3}}); err != nil {
			b.Fatal(err)
		}
	}
}

// A kernel of the middle of a ResNet-20, where calls cost as much as arithmetic.
func BenchmarkSmall(b *testing.B) {
	a := decaying(32, 32, 3, 3)
	for _, ranks := range [][]int{{8, 8, 3}, {16, 9, 3}} {
		b.Run(fmt.Sprint("tt", ranks), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := DecomposeTT(a, TTOpts{Ranks: ranks}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("tucker2", func(b *testing.B) {
		for b.Loop() {
			if _, err := DecomposeTucker(a, []int{16, 16, 0, 0}, TuckerOpts{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A dense layer of 1,024 x 1,024 as a tensor train of five 4 x 4 modes.
func BenchmarkTTMatrix(b *testing.B) {
	a := decaying(1024, 1024, 1, 1).Reshape(16, 16, 16, 16, 16)
	for b.Loop() {
		if _, _, err := DecomposeTT(a, TTOpts{Ranks: []int{16, 64, 64, 16}}); err != nil {
			b.Fatal(err)
		}
	}
}

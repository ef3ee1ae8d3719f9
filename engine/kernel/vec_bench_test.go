package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkVec shows the traffic of kernels in MB/s, in cache and in memory.
func BenchmarkVec(b *testing.B) {
	f := elementwise[float32]()
	u := AdamUpdate[float32]{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Step: 1e-3, RootScale: 1, Shrink: 1}
	f["sumAndDot"] = func(d []float32, x [][]float32) { ops[float32]().sumAndDot(x[0], x[1], 0.5) }
	f["sum"] = func(d []float32, x [][]float32) { Sum(x[0]) }
	f["adam"] = func(d []float32, x [][]float32) { Adam(d, x[0], x[1], x[2], &u) }
	f["momentum"] = func(d []float32, x [][]float32) {
		SGDMomentum(d, x[0], x[1], &SGDUpdate[float32]{Rate: 1e-3, Momentum: 0.9})
	}
	for _, c := range []struct {
		name    string
		streams int // read and written
	}{{"add", 3}, {"relu", 2}, {"reluGrad", 3}, {"affine2", 3}, {"sum", 1}, {"sumAndDot", 2}, {"exp", 2}, {"tanh", 2},
		{"sigmoid", 2}, {"erf", 2}, {"gelu", 2}, {"momentum", 5}, {"adam", 7}} {
		for _, n := range []int{1 << 11, 1 << 22} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				d, x := make([]float32, n), [][]float32{make([]float32, n), make([]float32, n), make([]float32, n)}
				for i := range n {
					x[0][i], x[1][i] = float32(i%17)/8-1, float32(i%13)/8
				}
				b.SetBytes(int64(c.streams * 4 * n))
				for b.Loop() {
					f[c.name](d, x)
				}
			})
		}
	}
}

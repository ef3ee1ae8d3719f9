package kernel

import (
	"fmt"
	"testing"
)

// convBenches are the layers of ResNet-20 and LeNet, and some others.
var convBenches = []struct {
	name string
	s    ConvShape
}{
	{"3-16x32x32", square(128, 3, 32, 16, 3, 1, 1)},
	{"16-16x32x32", square(128, 16, 32, 16, 3, 1, 1)},
	{"16-32x32x32s2", square(128, 16, 32, 32, 3, 2, 1)},
	{"32-32x16x16", square(128, 32, 16, 32, 3, 1, 1)},
	{"32-64x16x16s2", square(128, 32, 16, 64, 3, 2, 1)},
	{"64-64x8x8", square(128, 64, 8, 64, 3, 1, 1)},
	{"16-32x32x32k1s2", square(128, 16, 32, 32, 1, 2, 0)},
	{"64-64x16x16k1", square(32, 64, 16, 64, 1, 1, 0)},
	{"1-20x28x28k5", square(128, 1, 28, 20, 5, 1, 0)},
	{"20-50x12x12k5", square(128, 20, 12, 50, 5, 1, 0)},
	{"256-256x14x14", square(1, 256, 14, 256, 3, 1, 1)},
	{"depthwise128x28x28", ConvShape{N: 8, C: 128, H: 28, W: 28, M: 128, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1,
		PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 128}.output()},
}

// BenchmarkConv prints GFLOP/s of every layer, direction and thread count.
func BenchmarkConv(b *testing.B) {
	for _, threads := range []int{1, 2} {
		p := NewPool(threads)
		for _, c := range convBenches {
			d := newConvCase[float32](c.s)
			k := NewConv[float32](d.s)
			for name, f := range map[string]func(){
				"forward": func() { k.Forward(p, d.x, d.w, d.y, nil) },
				"input":   func() { k.BackwardInput(p, d.dy, d.w, d.dx) },
				"weight":  func() { k.BackwardWeight(p, d.x, d.dy, d.dw) },
			} {
				b.Run(fmt.Sprintf("%s/%s/%d", c.name, name, threads), func(b *testing.B) {
					f()
					for b.Loop() {
						f()
					}
					flop := 2 * float64(d.s.lenY()) * float64(d.s.taps())
					b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
		p.Close()
	}
}

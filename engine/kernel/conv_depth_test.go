package kernel

import (
	"fmt"
	"testing"
)

// depthwise is a convolution of each of c channels of hw x hw images by itself, its
// outputs as large as its inputs but for the strides.
func depthwise(n, c, hw, kh, kw, sh, sw int) ConvShape {
	return ConvShape{N: n, C: c, H: hw, W: hw, M: c, KH: kh, KW: kw, StrideH: sh, StrideW: sw, DilH: 1, DilW: 1,
		PadTop: kh / 2, PadBottom: kh / 2, PadLeft: kw / 2, PadRight: kw / 2, Groups: c}.output()
}

// depthBenches are the layers of a ResNet-20 whose 3x3 kernels are CP, and 3x3 ones.
var depthBenches = []ConvShape{
	depthwise(128, 16, 32, 3, 1, 1, 1),
	depthwise(128, 16, 32, 1, 3, 1, 1),
	depthwise(128, 16, 32, 3, 3, 1, 1),
	depthwise(128, 32, 32, 3, 1, 2, 1),
	depthwise(128, 32, 32, 1, 3, 1, 2),
	depthwise(128, 32, 16, 3, 1, 1, 1),
	depthwise(128, 32, 16, 1, 3, 1, 1),
	depthwise(128, 32, 16, 3, 3, 2, 2),
	depthwise(64, 64, 8, 3, 1, 1, 1),
	depthwise(64, 64, 8, 1, 3, 1, 1),
	depthwise(64, 64, 8, 3, 3, 1, 1),
	depthwise(1, 32, 112, 3, 3, 1, 1),
	depthwise(8, 128, 28, 3, 3, 1, 1),
}

// BenchmarkDepthwise prints the speed of every layer and direction on one thread,
// counting the bytes of the input and of the output once.
func BenchmarkDepthwise(b *testing.B) {
	for _, s := range depthBenches {
		d := newConvCase[float32](s)
		k := NewConv[float32](s)
		for _, pass := range []struct {
			name string
			f    func()
		}{
			{"forward", func() { k.Forward(nil, d.x, d.w, d.y, nil) }},
			{"input", func() { k.BackwardInput(nil, d.dy, d.w, d.dx) }},
			{"weight", func() { k.BackwardWeight(nil, d.x, d.dy, d.dw) }},
		} {
			b.Run(fmt.Sprintf("%dx%dx%dx%dk%dx%ds%dx%d/%s", s.N, s.C, s.H, s.W, s.KH, s.KW, s.StrideH, s.StrideW, pass.name), func(b *testing.B) {
				b.SetBytes(int64(4 * (s.lenX() + s.lenY())))
				for b.Loop() {
					pass.f()
				}
			})
		}
	}
}

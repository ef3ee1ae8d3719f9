package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "ConvInteger", min: 2, max: 4, bind: func(b *graph.Bind) (graph.Kernel, error) {
		return bindBytes(b, newConvInteger[uint8, uint8], newConvInteger[uint8, int8], newConvInteger[int8, uint8], newConvInteger[int8, int8])
	}})
}

// convInteger is the convolution of (x - zx) and (w - zw) in int32: X is N C H W
// (or N C W), W is M C/G KH KW, Y is N M OH OW. zx is one number, zw one or M.
type convInteger[A, B byteInt] struct {
	graph.Bound
	win     *window
	c, m, g int // channels of a group of x, output channels, groups
	planes  pieces
	x, zx   []A
	w, zw   []B
	y       []int32
}

func newConvInteger[A, B byteInt](b *graph.Bind) (graph.Kernel, error) {
	x, w, groups := b.In[0].Shape, b.In[1].Shape, b.Node.Attrs.Int("group", 1)
	if err := convRanks(b); err != nil {
		return nil, err
	}
	if len(x) > 4 {
		return nil, b.Errorf("%w: %d spatial axes: the engine convolves integers along 1 and 2", graph.ErrUnsupported, len(x)-2)
	}
	if groups < 1 || x[1] != w[1]*groups || w[0]%groups != 0 {
		return nil, b.Errorf("%d channels in %d groups do not fit weights %v", x[1], groups, w)
	}
	if z := b.Input(2); z.Present() && z.Shape.Size() != 1 {
		return nil, b.Errorf("the zero point of x has shape %v, want one number", z.Shape)
	}
	if z := b.Input(3); z.Present() && z.Shape.Size() != 1 && !z.Shape.Equal(w[:1]) {
		return nil, b.Errorf("the zero point of w has shape %v, want one number or [%d]", z.Shape, w[0])
	}
	win, err := readWindow(b, x[2:], w[2:])
	if err != nil {
		return nil, err
	}
	k := &convInteger[A, B]{win: win, c: w[1], m: w[0], g: groups}
	shape := append(tensor.Shape{x[0], w[0]}, win.outDims()...)
	k.Outs = []graph.Spec{{DType: tensor.I32, Shape: shape}}
	k.MACs = int64(shape.Size()) * int64(product(w[1:]))
	k.planes = newPieces(x[0]*w[0], product(shape[2:])*product(w[1:]), k.piece)
	return k, nil
}

// piece computes planes [from, to) of the output. Padding is x - zx = 0.
func (k *convInteger[A, B]) piece(from, to int) {
	size, taps := k.win.out[0]*k.win.out[1], k.win.kernel[0]*k.win.kernel[1]
	for p := from; p < to; p++ {
		n, m := p/k.m, p%k.m
		y := k.y[p*size:][:size]
		clear(y)
		for c := range k.c {
			plane := (n*k.g+m/(k.m/k.g))*k.c + c
			x := k.x[plane*k.win.in[0]*k.win.in[1]:][:k.win.in[0]*k.win.in[1]]
			w := k.w[(m*k.c+c)*taps:][:taps]
			for t, v := range w {
				k.tap(y, x, t, int32(v)-zeroPoint(k.zw, m))
			}
		}
	}
}

// tap adds what one weight of the kernel contributes to a plane.
func (k *convInteger[A, B]) tap(y []int32, x []A, t int, weight int32) {
	w, zx := k.win, zeroPoint(k.zx, 0)
	top := t/w.kernel[1]*w.dil[0] - w.before[0]
	left := t%w.kernel[1]*w.dil[1] - w.before[1]
	for i := range w.out[0] {
		h := top + i*w.stride[0]
		if h < 0 || h >= w.in[0] {
			continue
		}
		row := x[h*w.in[1]:][:w.in[1]]
		for j := range w.out[1] {
			if v := left + j*w.stride[1]; v >= 0 && v < len(row) {
				y[i*w.out[1]+j] += weight * (int32(row[v]) - zx)
			}
		}
	}
}

func (k *convInteger[A, B]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.w, k.zx, k.zw = elems[A](in, 0), elems[B](in, 1), elems[A](in, 2), elems[B](in, 3)
	k.y = elems[int32](out, 0)
	k.planes.do(x.Pool)
}

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Conv", min: 2, max: 3, f32: bindConv[float32], f64: bindConv[float64]})
}

// conv is a 1-d or 2-d convolution: X is N C H W (or N C W), W is M C/G KH KW,
// the bias M, Y is N M OH OW. It is one kernel call each way; the plan is
// made by the first.
type conv[T kernel.Float] struct {
	graph.Bound
	shape kernel.ConvShape
	plan  *kernel.Conv[T]
	epi   kernel.Epilogue[T]
}

func bindConv[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	s, dims, err := convShape(b)
	if err != nil {
		return nil, err
	}
	if bias := b.Input(2); bias.Present() && (len(bias.Shape) != 1 || bias.Shape[0] != s.M) {
		return nil, b.Errorf("bias has shape %v, want [%d]", bias.Shape, s.M)
	}
	c := &conv[T]{shape: s}
	c.Outs = []graph.Spec{specOf[T](append([]int{s.N, s.M}, dims...)...)}
	c.MACs = convMACs(s)
	return c, nil
}

// convMACs is N M OH OW C/G KH KW.
func convMACs(s kernel.ConvShape) int64 {
	return int64(s.N) * int64(s.M) * int64(s.OH*s.OW) * int64(s.C/s.Groups*s.KH*s.KW)
}

// convRanks checks that input and weights have 1 or 2 spatial axes.
func convRanks(b *graph.Bind) error {
	x, w := b.In[0].Shape, b.In[1].Shape
	if len(x) < 3 || len(w) != len(x) {
		return b.Errorf("want an input N C and spatial axes, and weights of the same rank")
	}
	if len(x) > 4 {
		return b.Errorf("%w: %d spatial axes: the engine convolves along 1 and 2", graph.ErrUnsupported, len(x)-2)
	}
	return nil
}

// convShape returns the convolution and the output's spatial extents.
func convShape(b *graph.Bind) (s kernel.ConvShape, dims []int, err error) {
	x, w := b.In[0].Shape, b.In[1].Shape
	if err := convRanks(b); err != nil {
		return s, nil, err
	}
	groups := b.Node.Attrs.Int("group", 1)
	if groups < 1 || x[1] != w[1]*groups || w[0]%groups != 0 {
		return s, nil, b.Errorf("%d channels in %d groups do not fit weights %v", x[1], groups, w)
	}
	win, err := readWindow(b, x[2:], w[2:])
	if err != nil {
		return s, nil, err
	}
	return win.conv(x[0], x[1], w[0], groups), win.outDims(), nil
}

// conv returns the window as a convolution's shape.
func (w *window) conv(n, c, m, groups int) kernel.ConvShape {
	return kernel.ConvShape{
		N: n, C: c, H: w.in[0], W: w.in[1], M: m, KH: w.kernel[0], KW: w.kernel[1], OH: w.out[0], OW: w.out[1],
		StrideH: w.stride[0], StrideW: w.stride[1], DilH: w.dil[0], DilW: w.dil[1],
		PadTop: w.before[0], PadLeft: w.before[1], PadBottom: w.after[0], PadRight: w.after[1], Groups: groups,
	}
}

func (c *conv[T]) bound() *kernel.Conv[T] {
	if c.plan == nil {
		c.plan = kernel.NewConv[T](c.shape)
	}
	return c.plan
}

// Prepare implements graph.Preparer.
func (c *conv[T]) Prepare(in []*tensor.Tensor) {
	if w := dataAt[T](in, 1); w != nil {
		c.bound().Prepack(w)
	}
}

func (c *conv[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	c.epi.Bias = dataAt[T](in, 2)
	c.bound().Forward(x.Pool, dataAt[T](in, 0), dataAt[T](in, 1), dataAt[T](out, 0), &c.epi)
}

// BackwardReads implements graph.Frugal.
func (c *conv[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, nil }

func (c *conv[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	dy, k := dataAt[T](dout, 0), c.bound()
	if dx := dataAt[T](din, 0); dx != nil {
		k.BackwardInput(x.Pool, dy, dataAt[T](in, 1), dx)
	}
	if dw := dataAt[T](din, 1); dw != nil {
		k.BackwardWeight(x.Pool, dataAt[T](in, 0), dy, dw)
	}
	if db := dataAt[T](din, 2); db != nil {
		k.BackwardBias(x.Pool, dy, db)
	}
}

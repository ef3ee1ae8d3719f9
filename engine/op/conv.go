package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Conv", min: 2, max: 3, f32: bindConv[float32], f64: bindConv[float64]})
}

// conv is a convolution: X is N C and spatial axes, W is M C/G and the kernel's
// extents, the bias M, Y is N M and spatial axes. It is one call of the plan each
// way; the plan is made by the first.
type conv[T kernel.Float] struct {
	graph.Bound
	shape convShape
	plan  convPlan[T]
	epi   kernel.Epilogue[T]
}

// convPlan is a convolution and its gradients: kernel.Conv for 1 and 2 spatial axes.
type convPlan[T kernel.Float] interface {
	Prepack(w []T)
	Forward(p *kernel.Pool, x, w, y []T, e *kernel.Epilogue[T])
	BackwardInput(p *kernel.Pool, dy, w, dx []T)
	BackwardWeight(p *kernel.Pool, x, dy, dw []T)
	BackwardBias(p *kernel.Pool, dy, db []T)
}

// convShape is a window over inputs N C with M output channels in groups.
type convShape struct {
	*window
	n, c, m, groups int
}

// newConvPlan plans a convolution.
func newConvPlan[T kernel.Float](s convShape) convPlan[T] {
	if s.rank > 2 {
		return newAnyConv[T](s)
	}
	return kernel.NewConv[T](s.window.conv(s.n, s.c, s.m, s.groups))
}

// macs is N M C/G times the outputs and the taps of a plane.
func (s *convShape) macs() int64 {
	return int64(s.n) * int64(s.m) * int64(s.c/s.groups) * int64(product(s.out)) * int64(product(s.kernel))
}

func bindConv[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	s, err := readConv(b)
	if err != nil {
		return nil, err
	}
	if bias := b.Input(2); bias.Present() && (len(bias.Shape) != 1 || bias.Shape[0] != s.m) {
		return nil, b.Errorf("bias has shape %v, want [%d]", bias.Shape, s.m)
	}
	c := &conv[T]{shape: s}
	c.Outs = []graph.Spec{specOf[T](append([]int{s.n, s.m}, s.outDims()...)...)}
	c.MACs = s.macs()
	return c, nil
}

// convRanks checks that input and weights have the same rank and spatial axes.
func convRanks(b *graph.Bind) error {
	x, w := b.In[0].Shape, b.In[1].Shape
	if len(x) < 3 || len(w) != len(x) {
		return b.Errorf("want an input N C and spatial axes, and weights of the same rank")
	}
	return nil
}

// readConv reads the node.
func readConv(b *graph.Bind) (s convShape, err error) {
	if err := convRanks(b); err != nil {
		return s, err
	}
	x, w := b.In[0].Shape, b.In[1].Shape
	groups := b.Node.Attrs.Int("group", 1)
	if groups < 1 || x[1] != w[1]*groups || w[0]%groups != 0 {
		return s, b.Errorf("%d channels in %d groups do not fit weights %v", x[1], groups, w)
	}
	win, err := readWindow(b, x[2:], w[2:])
	return convShape{win, x[0], x[1], w[0], groups}, err
}

// conv returns the window as a convolution's shape.
func (w *window) conv(n, c, m, groups int) kernel.ConvShape {
	return kernel.ConvShape{
		N: n, C: c, H: w.in[0], W: w.in[1], M: m, KH: w.kernel[0], KW: w.kernel[1], OH: w.out[0], OW: w.out[1],
		StrideH: w.stride[0], StrideW: w.stride[1], DilH: w.dil[0], DilW: w.dil[1],
		PadTop: w.before[0], PadLeft: w.before[1], PadBottom: w.after[0], PadRight: w.after[1], Groups: groups,
	}
}

func (c *conv[T]) bound() convPlan[T] {
	if c.plan == nil {
		c.plan = newConvPlan[T](c.shape)
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

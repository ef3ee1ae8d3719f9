package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "ConvTranspose", min: 2, max: 3, f32: bindConvTranspose[float32], f64: bindConvTranspose[float64]})
}

// convTranspose is the transpose of a convolution from Y to X: X is N C and
// spatial axes, W is C M/G and the kernel's extents, the bias M, Y is N M and
// spatial axes. Its forward pass is that convolution's input gradient, and the
// other way round.
type convTranspose[T kernel.Float] struct {
	graph.Bound
	shape convShape // of the convolution from Y to X
	plan  convPlan[T]
	ones  []T // M
	bias  chanSum[T]
}

func bindConvTranspose[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	x, w := b.In[0].Shape, b.In[1].Shape
	if err := convRanks(b); err != nil {
		return nil, err
	}
	groups := b.Node.Attrs.Int("group", 1)
	if groups < 1 || x[1] != w[0] || x[1]%groups != 0 {
		return nil, b.Errorf("%d channels in %d groups do not fit weights %v", x[1], groups, w)
	}
	m := w[1] * groups
	if bias := b.Input(2); bias.Present() && (len(bias.Shape) != 1 || bias.Shape[0] != m) {
		return nil, b.Errorf("bias has shape %v, want [%d]", bias.Shape, m)
	}
	win, err := transposedWindow(b, x[2:], w[2:])
	if err != nil {
		return nil, err
	}
	c := &convTranspose[T]{}
	c.Outs = []graph.Spec{specOf[T](append([]int{x[0], m}, win.outDims()...)...)}
	c.MACs = int64(product(x)) * int64(product(w[1:]))
	back := *win
	back.in, back.out = win.out, win.in
	c.shape = convShape{&back, x[0], m, x[1], groups}
	return c, nil
}

// transposedWindow reads the attributes of a transposed convolution. Without
// output_shape, the output of an axis has
//
//	stride (in-1) + output_padding + reach - before - after
//
// elements; with it, or with SAME_ padding, the padding follows from the output.
func transposedWindow(b *graph.Bind, in, weights tensor.Shape) (*window, error) {
	w, err := readKernel(b, in, weights)
	if err != nil {
		return nil, err
	}
	same, err := w.readPads(b)
	if err != nil {
		return nil, err
	}
	extra, want := b.Node.Attrs.Ints("output_padding"), b.Node.Attrs.Ints("output_shape")
	if extra != nil && len(extra) != w.rank || want != nil && len(want) != w.rank {
		return nil, b.Errorf("output_padding %v, output_shape %v: want %d numbers each", extra, want, w.rank)
	}
	for i := range w.rank {
		a := w.axis(i)
		full := w.stride[a]*(w.in[a]-1) + w.reach(a)
		if extra != nil {
			full += extra[i]
		}
		switch {
		case want != nil:
			w.fitOut(a, full, want[i], same == "SAME_UPPER")
		case same != "":
			w.fitOut(a, full, w.in[a]*w.stride[a], same == "SAME_UPPER")
		default:
			w.out[a] = full - w.before[a] - w.after[a]
		}
		if w.out[a] < 1 || w.out[a] > maxWindow {
			return nil, b.Errorf("output extent %d of spatial axis %d", w.out[a], i)
		}
	}
	if w.rank == 1 {
		w.out[0] = 1
	}
	return w, nil
}

// fitOut sets the output extent of axis a and the padding that makes it of full elements.
func (w *window) fitOut(a, full, out int, upper bool) {
	w.out[a] = out
	w.before[a], w.after[a] = halves(max(0, full-out), upper)
}

func (c *convTranspose[T]) bound() convPlan[T] {
	if c.plan == nil {
		c.plan = newConvPlan[T](c.shape)
		c.ones = make([]T, c.shape.c)
		fill(c.ones, 1)
	}
	return c.plan
}

func (c *convTranspose[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	y, s := dataAt[T](out, 0), &c.shape
	c.bound().BackwardInput(x.Pool, dataAt[T](in, 0), dataAt[T](in, 1), y)
	if bias := dataAt[T](in, 2); bias != nil {
		kernel.ChannelAffine(x.Pool, y, y, s.n, s.c, product(s.in), c.ones, bias, kernel.ActNone)
	}
}

// BackwardReads implements graph.Frugal.
func (c *convTranspose[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, nil }

func (c *convTranspose[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	dy, s, k := dataAt[T](dout, 0), &c.shape, c.bound()
	if dx := dataAt[T](din, 0); dx != nil {
		k.Forward(x.Pool, dy, dataAt[T](in, 1), dx, nil)
	}
	if dw := dataAt[T](din, 1); dw != nil {
		k.BackwardWeight(x.Pool, dy, dataAt[T](in, 0), dw)
	}
	if db := dataAt[T](din, 2); db != nil {
		c.bias.sum(x.Pool, db, dy, s.n, s.c, product(s.in))
	}
}

package op

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "MaxUnpool", min: 2, max: 3, other: []int{1, 2}, f32: bindUnpool[float32], f64: bindUnpool[float64]})
}

// unpool undoes MaxPool: each element of X goes to the index that input 1 gives,
// all others are 0. Indices count in the output that the window implies; a larger
// output_shape, input 2, has zeros after it along each axis.
type unpool[T kernel.Float] struct {
	graph.Bound
	implied tensor.Shape
	strides []int // of the output
}

func bindUnpool[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	x := b.In[0].Shape
	if len(x) < 3 || !b.In[1].Shape.Equal(x) || b.In[1].DType != tensor.I64 {
		return nil, b.Errorf("want an input with axes N C and spatial ones, and int64 indices of its shape")
	}
	if b.Node.Attrs.Ints("kernel_shape") == nil {
		return nil, b.Errorf("attribute kernel_shape is missing")
	}
	w, err := transposedWindow(b, x[2:], nil)
	if err != nil {
		return nil, err
	}
	k := &unpool[T]{implied: append(x[:2].Clone(), w.outDims()...)}
	out := k.implied
	if b.Has(2) {
		if out, err = b.ConstInts(2); err != nil {
			return nil, err
		}
	}
	if len(out) != len(x) {
		return nil, b.Errorf("output_shape %v, want %d extents", out, len(x))
	}
	for d, n := range out {
		if n < k.implied[d] || n > maxWindow {
			return nil, b.Errorf("output_shape %v is smaller than %v, or too large", out, k.implied)
		}
	}
	k.Outs = outLike(b, 0, out)
	k.strides = out.Strides()
	return k, nil
}

// place turns an index into an offset of the output.
func (k *unpool[T]) place(i int) int {
	at := 0
	for d := len(k.implied) - 1; d >= 0; d-- {
		at += i % k.implied[d] * k.strides[d]
		i /= k.implied[d]
	}
	return at
}

func (k *unpool[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	y, n := dataAt[T](out, 0), k.implied.Size()
	clear(y)
	for j, i := range in[1].I64s() {
		if i < 0 || int(i) >= n {
			x.Fail(fmt.Errorf("index %d at %d is outside [0, %d)", i, j, n))
			return
		}
		y[k.place(int(i))] = dataAt[T](in, 0)[j]
	}
}

// BackwardReads implements graph.Frugal.
func (k *unpool[T]) BackwardReads() (in, out []bool) { return []bool{false, true}, nil }

func (k *unpool[T]) Backward(_ *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	dx, dy := dataAt[T](din, 0), dataAt[T](dout, 0)
	for j, i := range in[1].I64s() {
		dx[j] = dy[k.place(int(i))]
	}
}

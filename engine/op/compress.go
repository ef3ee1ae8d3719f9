package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Compress", min: 2, max: 2, mixed: true, types: wordTypes(
		bindCompress[float32], bindCompress[float64], bindCompress[uint8],
		bindCompress[uint16], bindCompress[uint32], bindCompress[uint64], bindCompress[string])})
}

// compress keeps the slices along attribute axis, or the elements, for which the
// bool vector in input 1 is true; the vector may be shorter than the axis.
type compress[T word] struct {
	graph.Bound
	at       []int // what is kept
	n, inner int   // extent of the axis, elements after it
	fwd, bwd pieces
	x, y     []T
}

// bindCompress counts what is kept, for which it needs the value of input 1.
func bindCompress[T word](b *graph.Bind) (graph.Kernel, error) {
	c, s := b.In[1], b.In[0].Shape
	if c.DType != tensor.Bool || len(c.Shape) != 1 {
		return nil, b.Errorf("the condition, input 1, is %v%v, want a vector of bools", c.DType, c.Shape)
	}
	if c.Const == nil {
		return nil, graph.ErrNeedValue
	}
	axis := 0
	if b.Node.Attrs.Has("axis") {
		var err error
		if axis, err = axisOf(b, b.Node.Attrs.Int("axis", 0), len(s)); err != nil {
			return nil, err
		}
	} else {
		s = tensor.Shape{s.Size()}
	}
	if c.Shape[0] > s[axis] {
		return nil, b.Errorf("the condition has %d elements for %d slices", c.Shape[0], s[axis])
	}
	k := &compress[T]{n: s[axis], inner: product(s[axis+1:])}
	for i, keep := range tensor.Data[bool](c.Const) {
		if keep {
			k.at = append(k.at, i)
		}
	}
	out := s.Clone()
	out[axis] = len(k.at)
	k.Outs = outLike(b, 0, out)
	rows := product(s[:axis]) * len(k.at)
	k.fwd, k.bwd = newPieces(rows, k.inner, k.pack), newPieces(rows, k.inner, k.unpack)
	return k, nil
}

// row returns where row r of the output is in x.
func (k *compress[T]) row(r int) []T {
	at := (r/len(k.at)*k.n + k.at[r%len(k.at)]) * k.inner
	return k.x[at : at+k.inner]
}

func (k *compress[T]) pack(from, to int) {
	for r := from; r < to; r++ {
		copy(k.y[r*k.inner:], k.row(r))
	}
}

func (k *compress[T]) unpack(from, to int) {
	for r := from; r < to; r++ {
		copy(k.row(r), k.y[r*k.inner:(r+1)*k.inner])
	}
}

func (k *compress[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = words[T](in[0]), words[T](out[0])
	k.fwd.do(x.Pool)
}

// BackwardReads implements graph.Frugal.
func (k *compress[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *compress[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if din[0] != nil {
		din[0].Zero()
		k.x, k.y = words[T](din[0]), words[T](dout[0])
		k.bwd.do(x.Pool)
	}
}

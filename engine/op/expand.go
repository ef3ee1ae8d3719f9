package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Expand", min: 2, max: 2, mixed: true, types: wordTypes(
		bindRepeatFloat[float32](expandOf), bindRepeatFloat[float64](expandOf), bindRepeat[uint8](expandOf),
		bindRepeat[uint16](expandOf), bindRepeat[uint32](expandOf), bindRepeat[uint64](expandOf), bindRepeat[string](expandOf))})
	graph.Register("", typedOp{name: "Tile", min: 2, max: 2, mixed: true, types: wordTypes(
		bindRepeatFloat[float32](tileOf), bindRepeatFloat[float64](tileOf), bindRepeat[uint8](tileOf),
		bindRepeat[uint16](tileOf), bindRepeat[uint32](tileOf), bindRepeat[uint64](tileOf), bindRepeat[string](tileOf))})
}

// repeat describes an output that holds input 0's elements several times: a shape
// of as many elements, and the axes of it along which the input is repeated.
type repeat struct {
	out, shape tensor.Shape
	along      []bool
}

// expandOf broadcasts input 0 together with the shape in input 1.
func expandOf(b *graph.Bind) (r repeat, err error) {
	want, err := b.ConstInts(1)
	if err != nil {
		return r, err
	}
	if _, ok := tensor.Shape(want).CheckedSize(maxElems); !ok {
		return r, b.Errorf("shape %v is negative or too large", want)
	}
	both := *b
	both.In = []graph.Spec{b.In[0], {DType: b.In[0].DType, Shape: want}}
	if r.out, err = broadcast(&both, 0, 1); err != nil {
		return r, err
	}
	r.shape, r.along = r.out, repeatedAlong(r.out, b.In[0].Shape)
	return r, nil
}

// tileOf repeats input 0 along each axis as often as input 1 says.
func tileOf(b *graph.Bind) (r repeat, err error) {
	times, err := b.ConstInts(1)
	if err != nil {
		return r, err
	}
	s := b.In[0].Shape
	if len(times) != len(s) {
		return r, b.Errorf("%d repeats for %d axes", len(times), len(s))
	}
	if _, ok := tensor.Shape(times).CheckedSize(maxElems / max(1, s.Size())); !ok {
		return r, b.Errorf("repeats %v are negative or too many", times)
	}
	r.out = tensor.Shape{}
	for d, n := range times {
		r.out = append(r.out, n*s[d])
		r.shape = append(r.shape, n, s[d])
		r.along = append(r.along, true, false)
	}
	return r, nil
}

// from places input 0 under the shape.
func (r *repeat) from() strided {
	st := make([]int, len(r.shape))
	for d, n := len(r.shape)-1, 1; d >= 0; d-- {
		if !r.along[d] {
			st[d] = n
			n *= r.shape[d]
		}
	}
	return strided{strides: st}
}

// repeating copies input 0 several times.
type repeating[T word] struct {
	graph.Bound
	fwd *copier[T]
}

func newRepeating[T word](b *graph.Bind, r repeat) (*repeating[T], error) {
	k := &repeating[T]{fwd: newCopier[T](r.shape, strided{strides: r.shape.Strides()}, r.from())}
	if !k.fwd.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = outLike(b, 0, r.out)
	return k, nil
}

func bindRepeat[T word](of func(*graph.Bind) (repeat, error)) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		r, err := of(b)
		if err != nil {
			return nil, err
		}
		if r.out.Size() == b.In[0].Shape.Size() {
			return newView(b, r.out), nil
		}
		return newRepeating[T](b, r)
	}
}

func (k *repeating[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.fwd.do(x.Pool, words[T](out[0]), words[T](in[0]))
}

// diffRepeating is repeating with a gradient: the sum over the copies.
type diffRepeating[T kernel.Float] struct {
	*repeating[T]
	bwd *fold[T]
}

func bindRepeatFloat[T kernel.Float](of func(*graph.Bind) (repeat, error)) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		r, err := of(b)
		if err != nil {
			return nil, err
		}
		if r.out.Size() == b.In[0].Shape.Size() {
			return newView(b, r.out), nil
		}
		inner, err := newRepeating[T](b, r)
		if err != nil {
			return nil, err
		}
		return &diffRepeating[T]{inner, newFold(r.shape, r.along, summing[T](), nil)}, nil
	}
}

// BackwardReads implements graph.Frugal.
func (k *diffRepeating[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *diffRepeating[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if din[0] != nil {
		k.bwd.do(x.Pool, elems[T](din, 0), elems[T](dout, 0))
	}
}

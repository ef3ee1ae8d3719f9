package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "CumSum", min: 2, max: 2, mixed: true, types: realTypes(
		bindDiffCumSum[float32], bindDiffCumSum[float64],
		bindCumSum[int8], bindCumSum[int16], bindCumSum[int32], bindCumSum[int64],
		bindCumSum[uint8], bindCumSum[uint16], bindCumSum[uint32], bindCumSum[uint64])})
}

// cumSum adds up the elements along an axis, input 1: each with all before it, with
// attribute exclusive only those before it, with reverse those after it.
type cumSum[T real] struct {
	graph.Bound
	exclusive, reverse bool
	n, inner           int
	cols               pieces // over all other axes
	x, y               []T
	back               bool // sum in the other direction
}

func bindCumSum[T real](b *graph.Bind) (graph.Kernel, error) { return newCumSum[T](b) }

func newCumSum[T real](b *graph.Bind) (*cumSum[T], error) {
	list, err := b.ConstInts(1)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, b.Errorf("the axis, input 1, has %d elements, want 1", len(list))
	}
	s := b.In[0].Shape
	axis, err := axisOf(b, list[0], len(s))
	if err != nil {
		return nil, err
	}
	k := &cumSum[T]{exclusive: b.Node.Attrs.Bool("exclusive", false), reverse: b.Node.Attrs.Bool("reverse", false)}
	k.n, k.inner = s[axis], product(s[axis+1:])
	k.Outs = outLike(b, 0, s)
	k.cols = newPieces(product(s[:axis])*k.inner, k.n, k.piece)
	return k, nil
}

func (k *cumSum[T]) piece(from, to int) {
	for o := from; o < to; o++ {
		at, step := o/k.inner*k.n*k.inner+o%k.inner, k.inner
		if k.reverse != k.back {
			at, step = at+(k.n-1)*k.inner, -k.inner
		}
		k.column(at, step)
	}
}

// column adds up n elements that are step apart.
func (k *cumSum[T]) column(at, step int) {
	var sum T
	for range k.n {
		v := k.x[at]
		if k.exclusive {
			k.y[at] = sum
		}
		sum += v
		if !k.exclusive {
			k.y[at] = sum
		}
		at += step
	}
}

func (k *cumSum[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y, k.back = elems[T](in, 0), elems[T](out, 0), false
	k.cols.do(x.Pool)
}

// InPlace implements graph.InPlacer.
func (k *cumSum[T]) InPlace() (forward, backward bool) { return true, true }

// diffCumSum is cumSum with its gradient, a sum in the other direction.
type diffCumSum[T kernel.Float] struct{ *cumSum[T] }

func bindDiffCumSum[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k, err := newCumSum[T](b)
	if err != nil {
		return nil, err
	}
	return diffCumSum[T]{k}, nil
}

// BackwardReads implements graph.Frugal.
func (diffCumSum[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k diffCumSum[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if k.x, k.y, k.back = elems[T](dout, 0), elems[T](din, 0), true; k.y != nil {
		k.cols.do(x.Pool)
	}
}

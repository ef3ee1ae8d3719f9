package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "OneHot", min: 3, max: 3, key: 2, mixed: true, types: wordTypes(
		bindOneHot[float32], bindOneHot[float64], bindOneHot[uint8],
		bindOneHot[uint16], bindOneHot[uint32], bindOneHot[uint64], bindOneHot[string])})
}

// oneHot inserts an axis of extent depth, input 1: the second of the values, input
// 2, where its index is the element of input 0, which may count from the end, and
// the first elsewhere.
type oneHot[T word] struct {
	graph.Bound
	n, inner int // extent of the new axis, and of all after it
	fwd      pieces
	index    func(t *tensor.Tensor, i int) int
	ids      *tensor.Tensor
	off, on  T
	y        []T
}

func bindOneHot[T word](b *graph.Bind) (graph.Kernel, error) {
	depth := b.In[1]
	index, ok := numberReaders[b.In[0].DType]
	readDepth, okDepth := numberReaders[depth.DType]
	if !ok || !okDepth || depth.Shape.Size() != 1 || b.In[2].Shape.Size() != 2 {
		return nil, b.Errorf("want numbers, one number and two values [off, on]")
	}
	if depth.Const == nil {
		return nil, graph.ErrNeedValue
	}
	s, n := b.In[0].Shape, readDepth(depth.Const, 0)
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", -1), len(s)+1)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxElems/max(1, s.Size()) {
		return nil, b.Errorf("depth %d is negative or too large", n)
	}
	out := append(append(s[:axis].Clone(), n), s[axis:]...)
	k := &oneHot[T]{n: n, inner: product(s[axis:]), index: index}
	k.Outs = outLike(b, 2, out)
	k.fwd = newPieces(product(s[:axis]), n*k.inner, k.piece)
	return k, nil
}

// numberReaders read an element of a numeric tensor as an integer.
var numberReaders = map[tensor.DType]func(t *tensor.Tensor, i int) int{
	tensor.F32: readNumber[float32], tensor.F64: readNumber[float64],
	tensor.I8: readNumber[int8], tensor.I16: readNumber[int16], tensor.I32: readNumber[int32], tensor.I64: readNumber[int64],
	tensor.U8: readNumber[uint8], tensor.U16: readNumber[uint16], tensor.U32: readNumber[uint32], tensor.U64: readNumber[uint64],
	tensor.F16:  func(t *tensor.Tensor, i int) int { return int(tensor.Data[tensor.Float16](t)[i].Float32()) },
	tensor.BF16: func(t *tensor.Tensor, i int) int { return int(tensor.Data[tensor.BFloat16](t)[i].Float32()) },
}

func readNumber[T real](t *tensor.Tensor, i int) int { return int(tensor.Data[T](t)[i]) }

func (k *oneHot[T]) piece(from, to int) {
	for o := from; o < to; o++ {
		y := k.y[o*k.n*k.inner : (o+1)*k.n*k.inner]
		fill(y, k.off)
		for i := range k.inner {
			j := k.index(k.ids, o*k.inner+i)
			if j < 0 {
				j += k.n
			}
			if j >= 0 && j < k.n {
				y[j*k.inner+i] = k.on
			}
		}
	}
}

func (k *oneHot[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	v := words[T](in[2])
	k.off, k.on, k.ids, k.y = v[0], v[1], in[0], words[T](out[0])
	k.fwd.do(x.Pool)
}

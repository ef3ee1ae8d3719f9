package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "ArgMax", min: 1, max: 1, types: argTypes(false)})
	graph.Register("", typedOp{name: "ArgMin", min: 1, max: 1, types: argTypes(true)})
}

func argTypes(least bool) byType {
	return realTypes(bindArg[float32](least), bindArg[float64](least),
		bindArg[int8](least), bindArg[int16](least), bindArg[int32](least), bindArg[int64](least),
		bindArg[uint8](least), bindArg[uint16](least), bindArg[uint32](least), bindArg[uint64](least))
}

// arg finds the index of the largest or the least element along attribute axis:
// the first of equal ones, or the last with select_last_index. NaN wins.
type arg[T real] struct {
	graph.Bound
	better   func(v, best T) bool
	n, inner int // extent of the axis, and of all after it
	fwd      pieces
	x        []T
	y        []int64
}

func bindArg[T real](least bool) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		s := b.In[0].Shape
		axis, err := axisOf(b, b.Node.Attrs.Int("axis", 0), len(s))
		if err != nil {
			return nil, err
		}
		along := make([]bool, len(s))
		along[axis] = true
		out := reducedShape(s, along, b.Node.Attrs.Bool("keepdims", true))
		if s[axis] == 0 && out.Size() > 0 {
			return nil, b.Errorf("axis %d has no elements", axis)
		}
		k := &arg[T]{n: s[axis], inner: product(s[axis+1:]), better: betterThan[T](least, b.Node.Attrs.Bool("select_last_index", false))}
		k.Outs = []graph.Spec{{DType: tensor.I64, Shape: out}}
		k.fwd = newPieces(out.Size(), 2*k.n, k.piece)
		return k, nil
	}
}

// betterThan returns the order of a search. A NaN is better than all that are none.
func betterThan[T real](least, last bool) func(v, best T) bool {
	before := func(v, best T) bool { return v > best }
	if least {
		before = func(v, best T) bool { return v < best }
	}
	return func(v, best T) bool {
		if v != v || best != best {
			return v != v && (last || best == best)
		}
		return before(v, best) || last && v == best
	}
}

func (k *arg[T]) piece(from, to int) {
	for o := from; o < to; {
		row, col := o/k.inner, o%k.inner
		n := min(k.inner-col, to-o)
		k.columns(k.y[o:o+n], k.x[row*k.n*k.inner+col:])
		o += n
	}
}

// columns finds the indices of adjacent columns.
func (k *arg[T]) columns(y []int64, x []T) {
	clear(y)
	for j := 1; j < k.n; j++ {
		row := x[j*k.inner:]
		for c := range y {
			if k.better(row[c], x[int(y[c])*k.inner+c]) {
				y[c] = int64(j)
			}
		}
	}
}

func (k *arg[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = elems[T](in, 0), elems[int64](out, 0)
	k.fwd.do(x.Pool)
}

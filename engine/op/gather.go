package op

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Gather", min: 2, max: 2, mixed: true, types: wordTypes(
		bindGatherFloat[float32], bindGatherFloat[float64], bindGather[uint8],
		bindGather[uint16], bindGather[uint32], bindGather[uint64], bindGather[string])})
}

// indices are the elements of an index tensor as offsets into an axis.
type indices struct{ at []int }

// need makes the memory, once; binding must stay cheap.
func (x *indices) need(n int) {
	if len(x.at) != n {
		x.at = make([]int, n)
	}
}

// read checks that the indices, int64 or int32, are in [-extent, extent), and
// counts the negative ones from the end.
func (x *indices) read(t *tensor.Tensor, extent int) error {
	x.need(t.Len())
	if t.DType() == tensor.I32 {
		return normalise(x.at, tensor.Data[int32](t), extent)
	}
	return normalise(x.at, t.I64s(), extent)
}

func normalise[I int32 | int64](dst []int, src []I, extent int) error {
	for i, v := range src {
		j := int(v)
		if j < 0 {
			j += extent
		}
		if j < 0 || j >= extent {
			return fmt.Errorf("index %d at element %d is outside [%d, %d)", v, i, -extent, extent)
		}
		dst[i] = j
	}
	return nil
}

// checkIndexType checks that input i holds int64 or int32.
func checkIndexType(b *graph.Bind, i int) error {
	if t := b.In[i].DType; t != tensor.I64 && t != tensor.I32 {
		return b.Errorf("input %d is %v, want int64 or int32", i, t)
	}
	return nil
}

// gather takes slices of input 0 along attribute axis: y[o, j, i] = x[o, index[j], i].
type gather[T word] struct {
	graph.Bound
	indices
	n, m, inner int // extent of the axis, number of indices, elements after the axis
	fwd         pieces
	x, y        []T
}

func newGather[T word](b *graph.Bind) (*gather[T], error) {
	if err := checkIndexType(b, 1); err != nil {
		return nil, err
	}
	s, idx := b.In[0].Shape, b.In[1].Shape
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", 0), len(s))
	if err != nil {
		return nil, err
	}
	out := append(append(s[:axis].Clone(), idx...), s[axis+1:]...)
	k := &gather[T]{n: s[axis], m: idx.Size(), inner: product(s[axis+1:])}
	k.Outs = outLike(b, 0, out)
	k.fwd = newPieces(product(s[:axis])*k.m, k.inner, k.piece)
	return k, nil
}

func bindGather[T word](b *graph.Bind) (graph.Kernel, error) {
	k, err := newGather[T](b)
	return k, err
}

func (k *gather[T]) piece(from, to int) {
	for r := from; r < to; r++ {
		o, j := r/k.m, k.at[r%k.m]
		if k.inner == 1 {
			k.y[r] = k.x[o*k.n+j]
		} else {
			copy(k.y[r*k.inner:(r+1)*k.inner], k.x[(o*k.n+j)*k.inner:])
		}
	}
}

func (k *gather[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if err := k.read(in[1], k.n); err != nil {
		x.Fail(err)
		return
	}
	k.x, k.y = words[T](in[0]), words[T](out[0])
	k.fwd.do(x.Pool)
}

// diffGather is gather with the gradient dx[o, index[j], i] = sum over j of
// dy[o, j, i], added in the order of j.
type diffGather[T kernel.Float] struct {
	*gather[T]
	bwd    unit
	outer  int
	parts  int // of the axis
	size   int // extent of a part
	dx, dy []T
}

func bindGatherFloat[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newGather[T](b)
	if err != nil {
		return nil, err
	}
	k := &diffGather[T]{gather: inner, outer: b.In[0].Shape.Size() / max(1, inner.n*inner.inner)}
	k.bwd = k.scatter
	// Each part looks at all indices, so there are few when the slices are small.
	parts := min(16, max(1, k.inner/4))
	k.parts, k.size = kernel.Split(k.n, max((k.n+parts-1)/parts, pieceGrain/max(1, k.inner)))
	return k, nil
}

// scatter sums into part u%parts of the axis of outer slice u/parts.
func (k *diffGather[T]) scatter(_, u int) {
	o, from := u/k.parts, u%k.parts*k.size
	to := min(from+k.size, k.n)
	dx, dy := k.dx[o*k.n*k.inner:], k.dy[o*k.m*k.inner:]
	clear(dx[from*k.inner : to*k.inner])
	for r, j := range k.at {
		switch {
		case j < from || j >= to:
		case k.inner == 1:
			dx[j] += dy[r]
		default:
			d := dx[j*k.inner : (j+1)*k.inner]
			kernel.Add(d, d, dy[r*k.inner:][:k.inner])
		}
	}
}

// BackwardReads implements graph.Frugal.
func (k *diffGather[T]) BackwardReads() (in, out []bool) { return []bool{false, true}, nil }

func (k *diffGather[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	if din[0] == nil {
		return
	}
	if err := k.read(in[1], k.n); err != nil {
		x.Fail(err)
		return
	}
	k.dx, k.dy = elems[T](din, 0), elems[T](dout, 0)
	x.Pool.Do(k.bwd, k.outer*k.parts)
}

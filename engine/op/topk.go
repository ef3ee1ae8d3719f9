package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "TopK", min: 2, max: 2, mixed: true, types: realTypes(
		bindTopKFloat[float32], bindTopKFloat[float64],
		bindTopK[int8], bindTopK[int16], bindTopK[int32], bindTopK[int64],
		bindTopK[uint8], bindTopK[uint16], bindTopK[uint32], bindTopK[uint64])})
}

// topK finds the k largest elements along attribute axis, or the smallest, in
// order, and their indices; k is input 1. Of equal ones the first comes first, and
// NaN counts as larger than all numbers.
type topK[T real] struct {
	graph.Bound
	better   func(v, best T) bool
	n, k     int
	inner    int // extent of all axes after the axis
	lines    int
	size     int // lines of a unit
	fwd      unit
	heaps    workTmp[int]
	x, y     []T
	ids, out []int64 // saved, and output 1 if it is wanted
}

func newTopK[T real](b *graph.Bind) (*topK[T], error) {
	count, err := b.ConstInts(1)
	if err != nil {
		return nil, err
	}
	s := b.In[0].Shape
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", -1), len(s))
	if err != nil {
		return nil, err
	}
	if len(count) != 1 || count[0] < 0 || count[0] > s[axis] {
		return nil, b.Errorf("k is %v, want one number from 0 to %d", count, s[axis])
	}
	out := s.Clone()
	out[axis] = count[0]
	k := &topK[T]{n: s[axis], k: count[0], inner: product(s[axis+1:])}
	k.lines = product(s[:axis]) * k.inner
	k.better = larger[T]
	if !b.Node.Attrs.Bool("largest", true) {
		k.better = func(v, best T) bool { return larger(best, v) }
	}
	k.Outs = append(outLike(b, 0, out), graph.Spec{DType: tensor.I64, Shape: out})
	k.fwd = k.part
	return k, nil
}

func bindTopK[T real](b *graph.Bind) (graph.Kernel, error) {
	k, err := newTopK[T](b)
	return k, err
}

// larger is the order of numbers with NaN above them.
func larger[T real](a, b T) bool { return a > b || a != a && b == b }

// Workspace implements graph.Workspacer.
func (k *topK[T]) Workspace() (saved, scratch []graph.Spec) { return k.Outs[1:], nil }

func (k *topK[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y, k.ids, k.out = elems[T](in, 0), elems[T](out, 0), elems[int64](x.Saved, 0), elems[int64](out, 1)
	k.heaps.need(x.Pool, k.k)
	parts, size := kernel.Split(k.lines, max(1, pieceGrain/max(1, 4*k.n)))
	k.size = size
	x.Pool.Do(k.fwd, parts)
}

func (k *topK[T]) part(worker, u int) {
	for l := u * k.size; l < min((u+1)*k.size, k.lines); l++ {
		o, c := l/k.inner, l%k.inner
		x := k.x[o*k.n*k.inner+c:]
		best := k.choose(k.heaps[worker], x)
		for i, j := range best {
			at := (o*k.k+i)*k.inner + c
			k.ids[at] = int64(j)
			if k.out != nil {
				k.out[at] = int64(j)
			}
			if k.y != nil {
				k.y[at] = x[j*k.inner]
			}
		}
	}
}

// worse reports whether element i of a line comes after element j.
func (k *topK[T]) worse(x []T, i, j int) bool {
	a, b := x[i*k.inner], x[j*k.inner]
	if k.better(b, a) {
		return true
	}
	return i > j && !k.better(a, b)
}

// choose fills h with the indices of the best elements of a line in order. It
// keeps them in a heap with the worst on top, and sorts that in the end.
func (k *topK[T]) choose(h []int, x []T) []int {
	if len(h) == 0 {
		return h
	}
	for j := range h {
		h[j] = j
	}
	for j := len(h)/2 - 1; j >= 0; j-- {
		k.sink(h, x, j)
	}
	for j := len(h); j < k.n; j++ {
		if k.worse(x, h[0], j) {
			h[0] = j
			k.sink(h, x, 0)
		}
	}
	for n := len(h) - 1; n > 0; n-- {
		h[0], h[n] = h[n], h[0]
		k.sink(h[:n], x, 0)
	}
	return h
}

// sink moves the index at place j down to where none below is worse.
func (k *topK[T]) sink(h []int, x []T, j int) {
	for {
		c := 2*j + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && k.worse(x, h[c+1], h[c]) {
			c++
		}
		if !k.worse(x, h[c], h[j]) {
			return
		}
		h[j], h[c] = h[c], h[j]
		j = c
	}
}

// diffTopK is topK with a gradient, which goes to the elements that were chosen.
type diffTopK[T kernel.Float] struct {
	*topK[T]
	bwd    pieces
	dx, dy []T
}

func bindTopKFloat[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newTopK[T](b)
	if err != nil {
		return nil, err
	}
	k := &diffTopK[T]{topK: inner}
	k.bwd = newPieces(k.lines, k.k, k.scatter)
	return k, nil
}

func (k *diffTopK[T]) scatter(from, to int) {
	for l := from; l < to; l++ {
		o, c := l/k.inner, l%k.inner
		for i := range k.k {
			at := (o*k.k+i)*k.inner + c
			k.dx[(o*k.n+int(k.ids[at]))*k.inner+c] = k.dy[at]
		}
	}
}

// BackwardReads implements graph.Frugal.
func (k *diffTopK[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *diffTopK[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if din[0] == nil {
		return
	}
	k.dx, k.dy, k.ids = elems[T](din, 0), elems[T](dout, 0), elems[int64](x.Saved, 0)
	clear(k.dx)
	if k.dy != nil {
		k.bwd.do(x.Pool)
	}
}

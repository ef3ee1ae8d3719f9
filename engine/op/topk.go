package op

import (
	"cmp"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "TopK", min: 2, max: 2, mixed: true, types: realTypes(
		bindDiffTopK[float32], bindDiffTopK[float64],
		bindTopK[int8], bindTopK[int16], bindTopK[int32], bindTopK[int64],
		bindTopK[uint8], bindTopK[uint16], bindTopK[uint32], bindTopK[uint64])})
}

// topK gives the K, input 1, greatest elements along attribute axis and their
// indices, or the least ones when attribute largest is 0. The best comes first; of
// equal ones that of the lower index. NaN is less than all numbers.
type topK[T real] struct {
	graph.Bound
	sign        int // of the comparison when an element ranks before another
	n, k, inner int
	cols        pieces // over all other axes
	x, y        []T
	at          []int64
}

func bindTopK[T real](b *graph.Bind) (graph.Kernel, error) {
	k, err := newTopK[T](b)
	return k, err
}

func newTopK[T real](b *graph.Bind) (*topK[T], error) {
	list, err := b.ConstInts(1)
	if err != nil {
		return nil, err
	}
	s := b.In[0].Shape
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", -1), len(s))
	if err != nil {
		return nil, err
	}
	if len(list) != 1 || list[0] < 0 || list[0] > s[axis] {
		return nil, b.Errorf("K is %v, want one number from 0 to %d", list, s[axis])
	}
	k := &topK[T]{sign: -1, n: s[axis], k: list[0], inner: product(s[axis+1:])}
	if b.Node.Attrs.Bool("largest", true) {
		k.sign = 1
	}
	out := s.Clone()
	out[axis] = k.k
	k.Outs = append(outLike(b, 0, out), graph.Spec{DType: tensor.I64, Shape: out.Clone()})
	k.cols = newPieces(product(s[:axis])*k.inner, k.n, k.piece)
	return k, nil
}

// Workspace implements graph.Workspacer.
func (k *topK[T]) Workspace() (saved, scratch []graph.Spec) { return k.Outs[1:], nil }

func (k *topK[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y, k.at = elems[T](in, 0), elems[T](out, 0), x.Saved[0].I64s()
	if k.k > 0 {
		k.cols.do(x.Pool)
	}
	if len(out) > 1 && out[1] != nil {
		copy(out[1].I64s(), k.at)
	}
}

func (k *topK[T]) piece(from, to int) {
	for o := from; o < to; o++ {
		c := k.column(o)
		c.sort()
		if k.y == nil {
			continue
		}
		for i := range k.k {
			k.y[c.at+i*k.inner] = c.x[c.heap[i*k.inner]*int64(k.inner)]
		}
	}
}

// column returns the o-th of the columns along the axis.
func (k *topK[T]) column(o int) topColumn[T] {
	outer, i := o/k.inner, o%k.inner
	at := outer*k.k*k.inner + i
	return topColumn[T]{x: k.x[outer*k.n*k.inner+i:], heap: k.at[at:], at: at, n: k.n, k: k.k, step: k.inner, sign: k.sign}
}

// topColumn is a column of n elements of x, step apart, and a heap of the indices of
// the k best, also step apart, the worst at its root.
type topColumn[T real] struct {
	x          []T
	heap       []int64
	at         int // of the heap in the output
	n, k, step int
	sign       int
}

// before reports whether element i ranks before element j.
func (c *topColumn[T]) before(i, j int64) bool {
	step := int64(c.step)
	if d := cmp.Compare(c.x[i*step], c.x[j*step]); d != 0 {
		return d == c.sign
	}
	return i < j
}

// sort finds the k best and puts them in order.
func (c *topColumn[T]) sort() {
	for i := range c.k {
		c.heap[i*c.step] = int64(i)
	}
	for i := c.k/2 - 1; i >= 0; i-- {
		c.sift(i, c.k)
	}
	for i := int64(c.k); i < int64(c.n); i++ {
		if c.before(i, c.heap[0]) {
			c.heap[0] = i
			c.sift(0, c.k)
		}
	}
	for last := c.k - 1; last > 0; last-- {
		c.heap[0], c.heap[last*c.step] = c.heap[last*c.step], c.heap[0]
		c.sift(0, last)
	}
}

// sift moves node i down to its place in a heap of n.
func (c *topColumn[T]) sift(i, n int) {
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && c.before(c.heap[child*c.step], c.heap[(child+1)*c.step]) {
			child++
		}
		if c.before(c.heap[child*c.step], c.heap[i*c.step]) {
			return
		}
		c.heap[i*c.step], c.heap[child*c.step] = c.heap[child*c.step], c.heap[i*c.step]
		i = child
	}
}

// diffTopK is topK with its gradient, which goes to the elements that were taken.
type diffTopK[T kernel.Float] struct {
	*topK[T]
	bwd    pieces
	dx, dy []T
}

func bindDiffTopK[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newTopK[T](b)
	if err != nil {
		return nil, err
	}
	k := &diffTopK[T]{topK: inner}
	k.bwd = newPieces(inner.cols.n, inner.n, k.gradPiece)
	return k, nil
}

// BackwardReads implements graph.Frugal.
func (k *diffTopK[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *diffTopK[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if k.dx, k.dy, k.at = elems[T](din, 0), elems[T](dout, 0), x.Saved[0].I64s(); k.dx != nil {
		k.bwd.do(x.Pool)
	}
}

func (k *diffTopK[T]) gradPiece(from, to int) {
	for o := from; o < to; o++ {
		dx, dy := k.dx[o/k.inner*k.n*k.inner+o%k.inner:], o/k.inner*k.k*k.inner+o%k.inner
		for i := range k.n {
			dx[i*k.inner] = 0
		}
		for i := range k.k {
			dx[int(k.at[dy+i*k.inner])*k.inner] = k.dy[dy+i*k.inner]
		}
	}
}

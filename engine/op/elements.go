package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "GatherElements", min: 2, max: 2, mixed: true, types: wordTypes(
		bindGatherElementsFloat[float32], bindGatherElementsFloat[float64], bindGatherElements[uint8],
		bindGatherElements[uint16], bindGatherElements[uint32], bindGatherElements[uint64], bindGatherElements[string])})
}

// lines pairs the elements of an index tensor with those of a data tensor of the
// same rank that they name along one axis. Elements which name the same one are in
// one line along that axis, so that lines are independent of each other.
type lines struct {
	indices
	n      int   // extent of the data's axis
	count  int   // of indices along the axis
	idx    int   // step of the indices along the axis
	data   int   // step of the data along the axis
	across *walk // over the lines: operand 0 is the index tensor, 1 the data
}

// newLines checks shapes: the indices may reach over less of the other axes than the data.
func newLines(b *graph.Bind, data, idx tensor.Shape) (lines, error) {
	var l lines
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", 0), len(data))
	if err != nil {
		return l, err
	}
	if len(idx) != len(data) {
		return l, b.Errorf("the indices have %d axes, want %d as the data", len(idx), len(data))
	}
	for d, n := range idx {
		if d != axis && n > data[d] {
			return l, b.Errorf("axis %d of the indices has extent %d, want at most %d as the data", d, n, data[d])
		}
	}
	without := func(s []int) []int { return slices.Delete(slices.Clone(s), axis, axis+1) }
	is, ds := idx.Strides(), data.Strides()
	l.n, l.count, l.idx, l.data = data[axis], idx[axis], is[axis], ds[axis]
	l.across = newWalk(without(idx), strided{strides: without(is)}, strided{strides: without(ds)})
	if !l.across.ok() {
		return l, b.Errorf("more than %d axes", maxDims)
	}
	return l, nil
}

// each calls f for every run of lines [from, to) at every index along the axis, in
// order: element o + i of the indices belongs to element d + i*step + the named
// index times the axis' step of the data.
func (l *lines) each(from, to int, f func(o, d, n, so, sd int)) {
	so, sd := l.across.step(0), l.across.step(1)
	l.across.rows(from, to, func(_, n int, at [3]int) {
		if so == 1 {
			for j := range l.count {
				f(at[0]+j*l.idx, at[1], n, so, sd)
			}
			return
		}
		for i := range n { // one line after the other
			f(at[0]+i*so, at[1]+i*sd, l.count, l.idx, 0)
		}
	})
}

// gatherElements takes one element of input 0 for each index.
type gatherElements[T word] struct {
	graph.Bound
	lines
	fwd  pieces
	x, y []T
}

func newGatherElements[T word](b *graph.Bind) (*gatherElements[T], error) {
	if err := checkIndexType(b, 1); err != nil {
		return nil, err
	}
	l, err := newLines(b, b.In[0].Shape, b.In[1].Shape)
	if err != nil {
		return nil, err
	}
	k := &gatherElements[T]{lines: l}
	k.Outs = outLike(b, 0, b.In[1].Shape)
	k.fwd = newPieces(l.across.n, l.count, k.piece)
	return k, nil
}

func bindGatherElements[T word](b *graph.Bind) (graph.Kernel, error) {
	k, err := newGatherElements[T](b)
	return k, err
}

func (k *gatherElements[T]) piece(from, to int) {
	k.each(from, to, func(o, d, n, so, sd int) {
		for i := range n {
			k.y[o+i*so] = k.x[d+i*sd+k.at[o+i*so]*k.data]
		}
	})
}

func (k *gatherElements[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if err := k.read(in[1], k.n); err != nil {
		x.Fail(err)
		return
	}
	k.x, k.y = words[T](in[0]), words[T](out[0])
	k.fwd.do(x.Pool)
}

// diffGatherElements is gatherElements with a gradient, which sums in the order of
// the indices along the axis.
type diffGatherElements[T kernel.Float] struct {
	*gatherElements[T]
	bwd    pieces
	dx, dy []T
}

func bindGatherElementsFloat[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newGatherElements[T](b)
	if err != nil {
		return nil, err
	}
	k := &diffGatherElements[T]{gatherElements: inner}
	k.bwd = newPieces(inner.across.n, inner.count, k.scatter)
	return k, nil
}

func (k *diffGatherElements[T]) scatter(from, to int) {
	k.each(from, to, func(o, d, n, so, sd int) {
		for i := range n {
			k.dx[d+i*sd+k.at[o+i*so]*k.data] += k.dy[o+i*so]
		}
	})
}

// BackwardReads implements graph.Frugal.
func (k *diffGatherElements[T]) BackwardReads() (in, out []bool) { return []bool{false, true}, nil }

func (k *diffGatherElements[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	if din[0] == nil {
		return
	}
	if err := k.read(in[1], k.n); err != nil {
		x.Fail(err)
		return
	}
	k.dx, k.dy = elems[T](din, 0), elems[T](dout, 0)
	clear(k.dx)
	k.bwd.do(x.Pool)
}

package op

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "GatherND", min: 2, max: 2, mixed: true, types: wordTypes(
		bindGatherNDFloat[float32], bindGatherNDFloat[float64], bindGatherND[uint8],
		bindGatherND[uint16], bindGatherND[uint32], bindGatherND[uint64], bindGatherND[string])})
}

// tuples are the index tuples along the last axis of an int64 tensor, as offsets
// of slices of a data tensor. The first axes may be a batch, common to both.
type tuples struct {
	at            []int
	dims, strides []int // of the axes that a tuple indexes
	batches       int
	per           int // tuples of a batch
	batchSize     int // elements of a batch of data
	slice         int // elements of a slice
}

// newTuples makes the tuples and returns the shape that one slice for each makes.
func newTuples(b *graph.Bind, batch int) (t tuples, slices tensor.Shape, err error) {
	s, idx := b.In[0].Shape, b.In[1].Shape
	q := len(idx) - 1
	if b.In[1].DType != tensor.I64 || q < 0 || len(s) == 0 {
		return t, nil, b.Errorf("want data of at least one axis, and int64 indices of at least one")
	}
	k := idx[q]
	if batch < 0 || batch > q || batch+k > len(s) || !idx[:batch].Equal(s[:batch]) {
		return t, nil, b.Errorf("tuples of %d indices after %d batch axes do not fit the data", k, batch)
	}
	t = tuples{dims: s[batch : batch+k], strides: s.Strides()[batch : batch+k], batches: product(s[:batch]),
		per: product(idx[batch:q]), batchSize: product(s[batch:]), slice: product(s[batch+k:])}
	return t, append(idx[:q].Clone(), s[batch+k:]...), nil
}

// read checks the indices and computes the offsets.
func (t *tuples) read(idx *tensor.Tensor) error {
	n, k := t.batches*t.per, len(t.dims)
	if len(t.at) != n {
		t.at = make([]int, n)
	}
	v := idx.I64s()
	for i := range t.at {
		at := i / t.per * t.batchSize
		for d, j := range v[i*k : (i+1)*k] {
			if j < 0 {
				j += int64(t.dims[d])
			}
			if j < 0 || j >= int64(t.dims[d]) {
				return fmt.Errorf("index %d of tuple %v is outside [%d, %d)", d, v[i*k:(i+1)*k], -t.dims[d], t.dims[d])
			}
			at += int(j) * t.strides[d]
		}
		t.at[i] = at
	}
	return nil
}

// gatherND takes one slice of input 0 for each tuple of input 1.
type gatherND[T word] struct {
	graph.Bound
	tuples
	fwd  pieces
	x, y []T
}

func newGatherND[T word](b *graph.Bind) (*gatherND[T], error) {
	t, out, err := newTuples(b, b.Node.Attrs.Int("batch_dims", 0))
	if err != nil {
		return nil, err
	}
	k := &gatherND[T]{tuples: t}
	k.Outs = outLike(b, 0, out)
	k.fwd = newPieces(t.batches*t.per, t.slice, k.piece)
	return k, nil
}

func bindGatherND[T word](b *graph.Bind) (graph.Kernel, error) {
	k, err := newGatherND[T](b)
	return k, err
}

func (k *gatherND[T]) piece(from, to int) {
	for i := from; i < to; i++ {
		copy(k.y[i*k.slice:(i+1)*k.slice], k.x[k.at[i]:])
	}
}

func (k *gatherND[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if err := k.read(in[1]); err != nil {
		x.Fail(err)
		return
	}
	k.x, k.y = words[T](in[0]), words[T](out[0])
	k.fwd.do(x.Pool)
}

// diffGatherND is gatherND with a gradient, which sums in the order of the tuples.
type diffGatherND[T kernel.Float] struct {
	*gatherND[T]
	bwd         unit
	parts, size int // of a slice
	dx, dy      []T
}

func bindGatherNDFloat[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newGatherND[T](b)
	if err != nil {
		return nil, err
	}
	k := &diffGatherND[T]{gatherND: inner}
	k.parts, k.size = kernel.Split(k.slice, max(1, pieceGrain/max(1, k.per)))
	k.bwd = k.scatter
	return k, nil
}

// scatter sums one part of the slices of a batch.
func (k *diffGatherND[T]) scatter(_, u int) {
	batch, from := u/k.parts, u%k.parts*k.size
	n := min(k.size, k.slice-from)
	for i := batch * k.per; i < (batch+1)*k.per; i++ {
		d := k.dx[k.at[i]+from:][:n]
		kernel.Add(d, d, k.dy[i*k.slice+from:][:n])
	}
}

// BackwardReads implements graph.Frugal.
func (k *diffGatherND[T]) BackwardReads() (in, out []bool) { return []bool{false, true}, nil }

func (k *diffGatherND[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	if din[0] == nil {
		return
	}
	if err := k.read(in[1]); err != nil {
		x.Fail(err)
		return
	}
	k.dx, k.dy = elems[T](din, 0), elems[T](dout, 0)
	clear(k.dx)
	x.Pool.Do(k.bwd, k.batches*k.parts)
}

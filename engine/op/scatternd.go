package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "ScatterND", min: 3, max: 3, bind: scatterTables{
		set: wordTypes(bindScatterNDFloat[float32], bindScatterNDFloat[float64], bindScatterND[uint8],
			bindScatterND[uint16], bindScatterND[uint32], bindScatterND[uint64], bindScatterND[string]),
		combine: realTypes(bindScatterNDReduce[float32], bindScatterNDReduce[float64],
			bindScatterNDReduce[int8], bindScatterNDReduce[int16], bindScatterNDReduce[int32], bindScatterNDReduce[int64],
			bindScatterNDReduce[uint8], bindScatterNDReduce[uint16], bindScatterNDReduce[uint32], bindScatterNDReduce[uint64]),
		add: floatTypes(bindScatterNDFloat[float32], bindScatterNDFloat[float64]),
	}.bind})
}

// scatterND puts the slices of input 2 where the tuples of input 1 name slices of
// input 0, or combines them with what is there. Of several that go to one place,
// the last stays.
type scatterND[T any] struct {
	graph.Bound
	tuples
	scattering[T] // over the elements of a slice
}

func newScatterND[T any](b *graph.Bind, load func(*tensor.Tensor) []T) (*scatterND[T], error) {
	t, updates, err := newTuples(b, 0)
	if err != nil {
		return nil, err
	}
	if !updates.Equal(b.In[2].Shape) {
		return nil, b.Errorf("updates have shape %v, want %v", b.In[2].Shape, updates)
	}
	k := &scatterND[T]{tuples: t, scattering: scattering[T]{load: load}}
	k.Outs = outLike(b, 0, b.In[0].Shape)
	k.fwd = newPieces(t.slice, t.per, k.piece)
	return k, nil
}

func bindScatterND[T word](b *graph.Bind) (graph.Kernel, error) {
	k, err := newScatterND(b, words[T])
	return k, err
}

func bindScatterNDReduce[T real](b *graph.Bind) (graph.Kernel, error) {
	k, err := newScatterND(b, tensor.Data[T])
	if err != nil {
		return nil, err
	}
	k.combine = combination[T](b)
	return k, nil
}

func (k *scatterND[T]) piece(from, to int) {
	for i, at := range k.at {
		y, u := k.y[at+from:at+to], k.u[i*k.slice+from:i*k.slice+to]
		if k.combine == nil {
			copy(y, u)
			continue
		}
		for j, v := range u {
			y[j] = k.combine(y[j], v)
		}
	}
}

func (k *scatterND[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if err := k.read(in[1]); err != nil {
		x.Fail(err)
		return
	}
	k.scatter(x, in, out)
}

// diffScatterND is scatterND with gradients, when it replaces or adds.
type diffScatterND[T kernel.Float] struct {
	*scatterND[T]
	unscattering[T]
}

func bindScatterNDFloat[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newScatterND(b, tensor.Data[T])
	if err != nil {
		return nil, err
	}
	inner.combine = combination[T](b)
	k := &diffScatterND[T]{scatterND: inner}
	k.bwd = newPieces(k.slice, k.per, k.gatherBack)
	return k, nil
}

// Workspace implements graph.Workspacer: a copy of the output's gradient for when
// the data's is not wanted.
func (k *diffScatterND[T]) Workspace() (saved, scratch []graph.Spec) {
	return nil, []graph.Spec{specOf[T](k.Outs[0].Shape...)}
}

func (k *diffScatterND[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	if err := k.read(in[1]); err != nil {
		x.Fail(err)
		return
	}
	k.unscatter(x, dout, din)
}

// gatherBack takes gradients out of dx, from the last tuple to the first: what is
// replaced by a later one has none.
func (k *diffScatterND[T]) gatherBack(from, to int) {
	for i := len(k.at) - 1; i >= 0; i-- {
		dx := k.dx[k.at[i]+from : k.at[i]+to]
		if k.du != nil {
			copy(k.du[i*k.slice+from:i*k.slice+to], dx)
		}
		if k.combine == nil {
			clear(dx)
		}
	}
}

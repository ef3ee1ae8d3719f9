package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// anyMaxPool is maxPool for windows of any rank and for integers.
type anyMaxPool[T real] struct {
	graph.Bound
	windows planes
	indices indexing
	empty   T // of a window without elements
	x, y    []T
	arg     []int32
}

func bindAnyMaxPool[T integer](b *graph.Bind) (graph.Kernel, error) {
	w, err := poolWindow(b)
	if err != nil {
		return nil, err
	}
	k := &anyMaxPool[T]{}
	k.empty, _ = limits[T]()
	k.set(b, w)
	return k, nil
}

func (k *anyMaxPool[T]) set(b *graph.Bind, w *window) {
	k.windows, k.indices = newPlanes(b, w), newIndexing(b, w)
	k.windows.each, k.windows.plane = k.largest, k.windows.runPlane
	k.Outs = poolOuts(b, w)
}

// largest finds the largest element of one window; NaN is larger than all.
func (k *anyMaxPool[T]) largest(in, o int, at []int, _ int) {
	k.y[o], k.arg[o] = k.empty, -1
	for _, i := range at {
		if v := k.x[in+i]; k.arg[o] < 0 || v > k.y[o] || v != v {
			k.y[o], k.arg[o] = v, int32(i)
		}
	}
}

// Workspace implements graph.Workspacer.
func (k *anyMaxPool[T]) Workspace() (saved, scratch []graph.Spec) {
	return []graph.Spec{{DType: tensor.I32, Shape: k.Outs[0].Shape}}, nil
}

func (k *anyMaxPool[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y, k.arg = elems[T](in, 0), elems[T](out, 0), tensor.Data[int32](x.Saved[0])
	k.windows.run(x.Pool)
	k.indices.write(elems[int64](out, 1), k.arg)
}

// diffMaxPool is anyMaxPool with its gradient.
type diffMaxPool[T kernel.Float] struct{ anyMaxPool[T] }

func newAnyMaxPool[T kernel.Float](b *graph.Bind, w *window) graph.Kernel {
	k := &diffMaxPool[T]{}
	k.empty = T(math.Inf(-1))
	k.set(b, w)
	return k
}

// BackwardReads implements graph.Frugal.
func (k *diffMaxPool[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *diffMaxPool[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	dx, dy := dataAt[T](din, 0), dataAt[T](dout, 0)
	clear(dx)
	for o, d := range dy {
		if i := int(tensor.Data[int32](x.Saved[0])[o]); i >= 0 {
			dx[o/k.windows.out*k.windows.in+i] += d
		}
	}
}

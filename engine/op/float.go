package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// binder builds a kernel for one element type.
type binder func(*graph.Bind) (graph.Kernel, error)

// floatOp is an operator on float32 or float64 tensors: input 0 decides which,
// and all other inputs have its type, but those listed in other.
type floatOp struct {
	name     string
	min, max int   // number of inputs; the first min must be present
	other    []int // inputs whose type the binder checks itself
	f32, f64 binder
}

// Name implements graph.Op.
func (o floatOp) Name() string { return o.name }

// Bind implements graph.Op.
func (o floatOp) Bind(b *graph.Bind) (graph.Kernel, error) {
	if len(b.In) > o.max {
		return nil, b.Errorf("%d inputs, want at most %d", len(b.In), o.max)
	}
	t := b.Input(0).DType
	for i := range max(o.min, len(b.In)) {
		s := b.Input(i)
		switch {
		case !s.Present() && i < o.min:
			return nil, b.Errorf("input %d is missing", i)
		case s.Present() && s.DType != t && !slices.Contains(o.other, i):
			return nil, b.Errorf("input %d is %v, want %v as input 0", i, s.DType, t)
		}
	}
	switch t {
	case tensor.F32:
		return o.f32(b)
	case tensor.F64:
		return o.f64(b)
	}
	return nil, b.Errorf("element type %v: want float32 or float64 (insert a Cast)", t)
}

// unit is a kernel.Task made of a function. A method value kept in a bound
// kernel is one that costs no allocation when it runs.
type unit func(worker, i int)

// Run implements kernel.Task.
func (u unit) Run(worker, i int) { u(worker, i) }

// dataAt returns the elements of ts[i], or nil when it is missing.
func dataAt[T kernel.Float](ts []*tensor.Tensor, i int) []T {
	if i >= len(ts) || ts[i] == nil {
		return nil
	}
	return tensor.Data[T](ts[i])
}

// specOf describes a value of element type T.
func specOf[T kernel.Float](dims ...int) graph.Spec {
	return graph.Spec{DType: tensor.DTypeOf[T](), Shape: append(tensor.Shape{}, dims...)}
}

// axisOf returns attribute or input axis a of a tensor of the given rank as a
// number in [0, rank).
func axisOf(b *graph.Bind, a, rank int) (int, error) {
	if a < -rank || a >= rank {
		return 0, b.Errorf("axis %d is outside [%d, %d)", a, -rank, rank)
	}
	if a < 0 {
		a += rank
	}
	return a, nil
}

// product returns the product of dims, 1 for none.
func product(dims []int) int { return tensor.Shape(dims).Size() }

// workTmp is memory for the workers of a pool, made by the first call of need.
type workTmp[T any] [][]T

// need makes sure that every worker has n elements.
func (w *workTmp[T]) need(p *kernel.Pool, n int) {
	for len(*w) < p.Threads() {
		*w = append(*w, make([]T, n))
	}
}

package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Range", min: 3, max: 3, types: byType{
		tensor.F32: bindRange[float32], tensor.F64: bindRange[float64],
		tensor.I16: bindRange[int16], tensor.I32: bindRange[int32], tensor.I64: bindRange[int64]}})
}

// ranged counts from start by delta: y[i] = start + i delta.
type ranged[T real] struct {
	graph.Bound
	start, delta T
}

// bindRange makes max(0, ceil((limit - start)/delta)) numbers of inputs 0 to 2.
func bindRange[T real](b *graph.Bind) (graph.Kernel, error) {
	var v [3]T
	for i, s := range b.In {
		if s.Shape.Size() != 1 {
			return nil, b.Errorf("input %d has %d elements, want 1", i, s.Shape.Size())
		}
		if s.Const == nil {
			return nil, graph.ErrNeedValue
		}
		v[i] = tensor.Data[T](s.Const)[0]
	}
	k := &ranged[T]{start: v[0], delta: v[2]}
	if k.delta == 0 {
		return nil, b.Errorf("delta is 0")
	}
	n := math.Ceil((float64(v[1]) - float64(v[0])) / float64(v[2]))
	if !(n <= maxElems) {
		return nil, b.Errorf("%v numbers from %v to %v by %v are too many", n, v[0], v[1], v[2])
	}
	k.Outs = []graph.Spec{{DType: b.In[0].DType, Shape: tensor.Shape{int(max(n, 0))}}}
	return k, nil
}

func (k *ranged[T]) Forward(_ *graph.Exec, _, out []*tensor.Tensor) {
	y := tensor.Data[T](out[0])
	for i := range y {
		y[i] = k.start + T(i)*k.delta
	}
}

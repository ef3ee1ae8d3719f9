package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "ConstantOfShape", min: 1, max: 1, bind: bindConstantOfShape})
}

var filledTypes = wordTypes(bindFilled[float32], bindFilled[float64], bindFilled[uint8],
	bindFilled[uint16], bindFilled[uint32], bindFilled[uint64], bindFilled[string])

// bindConstantOfShape makes a tensor of the shape in input 0 with the one element
// of attribute value everywhere, float32 zero by default.
func bindConstantOfShape(b *graph.Bind) (graph.Kernel, error) {
	v := valueOf(b)
	if v.Len() != 1 {
		return nil, b.Errorf("attribute value has %d elements, want 1", v.Len())
	}
	return filledTypes[v.DType()](b)
}

func valueOf(b *graph.Bind) *tensor.Tensor {
	if v := b.Node.Attrs.Tensor("value"); v != nil {
		return v
	}
	return tensor.Scalar[float32](0)
}

// filled is a tensor of equal elements.
type filled[T word] struct {
	graph.Bound
	value T
	fwd   pieces
	y     []T
}

func bindFilled[T word](b *graph.Bind) (graph.Kernel, error) {
	dims, err := b.ConstInts(0)
	if err != nil {
		return nil, err
	}
	s := append(tensor.Shape{}, dims...)
	n, ok := s.CheckedSize(maxElems)
	if !ok || len(b.In[0].Shape) > 1 {
		return nil, b.Errorf("no shape: %v", dims)
	}
	v := valueOf(b)
	k := &filled[T]{value: words[T](v)[0]}
	k.Outs = []graph.Spec{{DType: v.DType(), Shape: s}}
	k.fwd = newPieces(n, 1, func(from, to int) { fill(k.y[from:to], k.value) })
	return k, nil
}

func (k *filled[T]) Forward(x *graph.Exec, _, out []*tensor.Tensor) {
	k.y = words[T](out[0])
	k.fwd.do(x.Pool)
}

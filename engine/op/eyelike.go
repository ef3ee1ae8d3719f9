package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "EyeLike", min: 1, max: 1, bind: bindEyeLike})
}

var eyeTypes = realTypes(bindEye[float32](1), bindEye[float64](1),
	bindEye[int8](1), bindEye[int16](1), bindEye[int32](1), bindEye[int64](1),
	bindEye[uint8](1), bindEye[uint16](1), bindEye[uint32](1), bindEye[uint64](1)).
	with(tensor.Bool, bindEye(true)).
	with(tensor.F16, bindEye(tensor.ToFloat16(1))).with(tensor.BF16, bindEye(tensor.ToBFloat16(1)))

// bindEyeLike makes a matrix of input 0's shape, and of the type in attribute
// dtype or input 0's, with ones on its k-th diagonal.
func bindEyeLike(b *graph.Bind) (graph.Kernel, error) {
	if f, ok := eyeTypes[eyeType(b)]; ok && len(b.In[0].Shape) == 2 {
		return f(b)
	}
	return nil, b.Errorf("want a matrix, and attribute dtype the number of a numeric type")
}

func eyeType(b *graph.Bind) tensor.DType {
	if n := b.Node.Attrs.Int("dtype", 0); n != 0 {
		return onnxTypes[n]
	}
	return b.In[0].DType
}

// eye is a matrix of zeros with ones on a diagonal.
type eye[T tensor.Elem] struct {
	graph.Bound
	one        T
	diagonal   int
	rows, cols int
}

func bindEye[T tensor.Elem](one T) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		s := b.In[0].Shape
		k := &eye[T]{one: one, diagonal: b.Node.Attrs.Int("k", 0), rows: s[0], cols: s[1]}
		k.Outs = []graph.Spec{{DType: eyeType(b), Shape: s.Clone()}}
		return k, nil
	}
}

func (k *eye[T]) Forward(_ *graph.Exec, _, out []*tensor.Tensor) {
	y := tensor.Data[T](out[0])
	clear(y)
	for r := range k.rows {
		if c := r + k.diagonal; c >= 0 && c < k.cols {
			y[r*k.cols+c] = k.one
		}
	}
}

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "Shape", min: 1, max: 1, bind: bindShape})
	graph.Register("", anyOp{name: "Size", min: 1, max: 1, bind: bindSize})
	graph.Register("", anyOp{name: "Constant", min: 0, bind: bindConstant})
}

// known is an operator whose value is known when it is bound.
type known struct{ graph.Bound }

func newKnown(t *tensor.Tensor) *known {
	return &known{graph.Bound{Outs: []graph.Spec{{DType: t.DType(), Shape: t.Shape(), Const: t}}}}
}

func (k *known) Forward(_ *graph.Exec, _, out []*tensor.Tensor) { out[0].CopyFrom(k.Outs[0].Const) }

// bindShape gives the extents of the axes from attribute start to end.
func bindShape(b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	bound := func(name string, def int) int {
		i := b.Node.Attrs.Int(name, def)
		if i < 0 {
			i += len(s)
		}
		return min(max(i, 0), len(s))
	}
	from, to := bound("start", 0), bound("end", len(s))
	return newKnown(tensor.Vec(graph.Ints64(s[from:max(from, to)]...)...)), nil
}

func bindSize(b *graph.Bind) (graph.Kernel, error) {
	return newKnown(tensor.Scalar(int64(b.In[0].Shape.Size()))), nil
}

// bindConstant gives the value in the one attribute that the node has.
func bindConstant(b *graph.Bind) (graph.Kernel, error) {
	if len(b.In) > 0 {
		return nil, b.Errorf("%d inputs, want none", len(b.In))
	}
	var t *tensor.Tensor
	for _, name := range b.Node.Attrs.Names() {
		v := constantValue(name, b.Node.Attrs[name])
		if v == nil {
			continue
		}
		if t != nil {
			return nil, b.Errorf("more than one value")
		}
		t = v
	}
	if t == nil {
		return nil, b.Errorf("no value: want one attribute value, value_float(s), value_int(s) or value_string(s)")
	}
	return newKnown(t), nil
}

// constantValue returns the tensor that an attribute of Constant stands for, or nil.
func constantValue(name string, v any) *tensor.Tensor {
	switch v := v.(type) {
	case *tensor.Tensor:
		if name == "value" {
			return v
		}
	case float32:
		if name == "value_float" {
			return tensor.Scalar(v)
		}
	case []float32:
		if name == "value_floats" {
			return tensor.Vec(v...)
		}
	case int64:
		if name == "value_int" {
			return tensor.Scalar(v)
		}
	case []int64:
		if name == "value_ints" {
			return tensor.Vec(v...)
		}
	case string:
		if name == "value_string" {
			return tensor.Scalar(v)
		}
	case []string:
		if name == "value_strings" {
			return tensor.Vec(v...)
		}
	}
	return nil
}

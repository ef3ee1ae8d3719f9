package onnx

import (
	"errors"
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// step is how an operator changed at a version of the operator set. A change
// that no step names, such as more element types, needs nothing.
type step struct {
	version int
	up      adapt // from the version before to this one
	down    adapt // from this version to the one before
}

// adapt rewrites node n in place; it may emit nodes before and after it.
type adapt func(a *adapter, n *graph.Node) error

// errOpaque says that a node has no equal in the other version.
var errOpaque = errors.New("no equal in this version")

// adapter is what a step may use.
type adapter struct {
	names         *namer         // of nodes and values anywhere
	params        []*graph.Param // made for the node
	before, after []*graph.Node
	spec          func(graph.Value) (graph.Spec, bool)
	param         func(graph.Value) *graph.Param
}

// versionAt returns the version of an operator's definition that holds at an
// opset, or 0.
func versionAt(op string, opset int) int {
	got := 0
	for _, v := range since[op] {
		if v <= opset {
			got = v
		}
	}
	return got
}

// fresh returns a name that nothing has, derived from n's.
func (a *adapter) fresh(n *graph.Node, what string) string { return a.names.free(n.Name + "/" + what) }

// constant adds a constant.
func (a *adapter) constant(n *graph.Node, what string, t *tensor.Tensor) graph.Value {
	p := graph.NewParam(graph.Value(a.fresh(n, what)), t, false)
	p.Ext = &paramExt{Made: true}
	a.params = append(a.params, p)
	return p.Name
}

// ints adds a constant rank-1 int64 tensor.
func (a *adapter) ints(n *graph.Node, what string, v ...int) graph.Value {
	return a.constant(n, what, tensor.Vec(graph.Ints64(v...)...))
}

// float adds a scalar of v's element type, float32 when that is unknown.
func (a *adapter) float(n *graph.Node, what string, like graph.Value, v float32) graph.Value {
	return a.constant(n, what, scalarOf(a.dtype(like), v))
}

// dtype returns the element type of v, float32 when it is unknown.
func (a *adapter) dtype(v graph.Value) tensor.DType {
	if s, ok := a.spec(v); ok && s.DType != tensor.Invalid {
		return s.DType
	}
	return tensor.F32
}

func scalarOf(d tensor.DType, v float32) *tensor.Tensor {
	switch d {
	case tensor.F64:
		return tensor.Scalar(float64(v))
	case tensor.F16:
		return tensor.Scalar(tensor.ToFloat16(v))
	case tensor.BF16:
		return tensor.Scalar(tensor.ToBFloat16(v))
	case tensor.I64:
		return tensor.Scalar(int64(v))
	case tensor.I32:
		return tensor.Scalar(int32(v))
	case tensor.I8:
		return tensor.Scalar(int8(v))
	case tensor.U8:
		return tensor.Scalar(uint8(v))
	}
	return tensor.Scalar(v)
}

// rank returns the rank of v.
func (a *adapter) rank(v graph.Value) (int, bool) {
	s, ok := a.spec(v)
	return len(s.Shape), ok
}

// prepend emits a node with one output before n and returns that.
func (a *adapter) prepend(n *graph.Node, op string, attrs graph.Attrs, in ...graph.Value) graph.Value {
	m := a.helper(n, op, attrs, in)
	a.before = append(a.before, m)
	return m.Out[0]
}

// appendTo emits a node after n that takes over n's first output: f gets the new
// name of what n computes and returns the node's inputs.
func (a *adapter) appendTo(n *graph.Node, op string, attrs graph.Attrs, in func(graph.Value) []graph.Value) {
	m := a.helper(n, op, attrs, nil)
	m.Out[0], n.Out[0] = n.Out[0], m.Out[0]
	m.In = in(n.Out[0])
	a.after = append([]*graph.Node{m}, a.after...)
}

func (a *adapter) helper(n *graph.Node, op string, attrs graph.Attrs, in []graph.Value) *graph.Node {
	name := a.fresh(n, op)
	return &graph.Node{Name: name, Op: op, Attrs: attrs, In: in, Out: []graph.Value{graph.Value(name)}}
}

// setInput sets the i-th input; those between are omitted.
func setInput(n *graph.Node, i int, v graph.Value) {
	for len(n.In) <= i {
		n.In = append(n.In, "")
	}
	n.In[i] = v
}

// input returns the i-th input, "" when it is omitted.
func input(n *graph.Node, i int) graph.Value {
	if i < len(n.In) {
		return n.In[i]
	}
	return ""
}

// output returns the i-th output, "" when it is omitted.
func output(n *graph.Node, i int) graph.Value {
	if i < len(n.Out) {
		return n.Out[i]
	}
	return ""
}

// trimInputs drops omitted inputs from the end.
func trimInputs(n *graph.Node) {
	for len(n.In) > 0 && n.In[len(n.In)-1] == "" {
		n.In = n.In[:len(n.In)-1]
	}
}

// setAttr sets an attribute.
func setAttr(n *graph.Node, name string, v any) {
	if n.Attrs == nil {
		n.Attrs = graph.Attrs{}
	}
	n.Attrs[name] = v
}

// take removes an attribute and returns it.
func take(n *graph.Node, name string) (any, bool) {
	v, ok := n.Attrs[name]
	delete(n.Attrs, name)
	return v, ok
}

// constInts returns the elements of an input that is a constant integer tensor;
// ok is false when it is omitted.
func (a *adapter) constInts(n *graph.Node, i int) (v []int, ok bool, err error) {
	t, err := a.constTensor(n, i)
	if t == nil || err != nil {
		return nil, false, err
	}
	v = make([]int, t.Len())
	switch t.DType() {
	case tensor.I64:
		for j, x := range t.I64s() {
			v[j] = int(x)
		}
	case tensor.I32:
		for j, x := range tensor.Data[int32](t) {
			v[j] = int(x)
		}
	default:
		return nil, false, fmt.Errorf("input %d (%q) is %v, want int64", i, n.In[i], t)
	}
	return v, true, nil
}

// constFloat is constInts for a scalar.
func (a *adapter) constFloat(n *graph.Node, i int) (v float32, ok bool, err error) {
	t, err := a.constTensor(n, i)
	if t == nil || err != nil {
		return 0, false, err
	}
	if t.Len() != 1 {
		return 0, false, fmt.Errorf("input %d (%q) is %v, want a scalar", i, n.In[i], t)
	}
	switch t.DType() {
	case tensor.F32:
		return t.F32s()[0], true, nil
	case tensor.F64:
		return float32(tensor.Data[float64](t)[0]), true, nil
	case tensor.F16:
		return tensor.Data[tensor.Float16](t)[0].Float32(), true, nil
	}
	return 0, false, fmt.Errorf("input %d (%q) is %v, want a float", i, n.In[i], t)
}

// constTensor returns the value of a constant input, nil when it is omitted.
func (a *adapter) constTensor(n *graph.Node, i int) (*tensor.Tensor, error) {
	v := input(n, i)
	if v == "" {
		return nil, nil
	}
	for _, p := range a.params {
		if p.Name == v {
			return p.Load()
		}
	}
	p := a.param(v)
	if p == nil {
		return nil, fmt.Errorf("input %d (%q) is computed, and that version wants an attribute", i, v)
	}
	return p.Load()
}

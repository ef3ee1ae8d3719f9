package op

import (
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// fuser looks for patterns in a session's graph and replaces them.
type fuser struct {
	*graph.PassContext
	consumers map[graph.Value][]*graph.Node
	producers map[graph.Value]*graph.Node
	params    map[graph.Value]*graph.Param
	fused     int
}

func newFuser(p *graph.PassContext) *fuser {
	f := &fuser{PassContext: p}
	f.index()
	return f
}

func (f *fuser) index() {
	f.consumers, f.producers, f.params = f.Graph.Consumers(), f.Graph.Producers(), f.Graph.ParamIndex()
}

// each calls try for every node that is still there.
func (f *fuser) each(try func(*graph.Node)) {
	for _, n := range slices.Clone(f.Graph.Nodes) {
		if slices.Contains(f.Graph.Nodes, n) {
			try(n)
		}
	}
}

// only returns the single consumer of the node's single output, or nil.
func (f *fuser) only(n *graph.Node) *graph.Node {
	if outputs(n) != 1 {
		return nil
	}
	return f.Only(n.Out[0], f.consumers)
}

// outputs counts the outputs that are present.
func outputs(n *graph.Node) int {
	count := 0
	for _, v := range n.Out {
		if v != "" {
			count++
		}
	}
	return count
}

// is reports whether n is there and of the default domain's operator op.
func is(n *graph.Node, op string) bool {
	return n != nil && n.Op == op && (n.Domain == "" || n.Domain == "ai.onnx")
}

// constant returns the data of a parameter, or nil.
func (f *fuser) constant(v graph.Value) *tensor.Tensor {
	if p := f.params[v]; p != nil {
		return p.Data
	}
	return nil
}

// shape returns the shape of a floating-point value that operators of this file
// take, or nil.
func (f *fuser) shape(v graph.Value) tensor.Shape {
	s := f.Shapes.Specs[v]
	if s.DType != tensor.F32 && s.DType != tensor.F64 {
		return nil
	}
	return s.Shape
}

// input returns the node's i-th input, "" when it is missing.
func input(n *graph.Node, i int) graph.Value {
	if i < len(n.In) {
		return n.In[i]
	}
	return ""
}

// other returns the operand of a node with two that is not v.
func other(n *graph.Node, v graph.Value) graph.Value {
	if n.In[0] == v {
		return n.In[1]
	}
	return n.In[0]
}

// replace puts made in the place of the last of the nodes old, and removes the others.
func (f *fuser) replace(made *graph.Node, old ...*graph.Node) {
	at := slices.Index(f.Graph.Nodes, old[len(old)-1])
	f.Graph.Nodes[at] = made
	f.Graph.Nodes = slices.DeleteFunc(f.Graph.Nodes, func(n *graph.Node) bool { return slices.Contains(old, n) })
	f.index()
}

// addParam adds a constant and returns its name.
func (f *fuser) addParam(t *tensor.Tensor) graph.Value {
	v := f.newName()
	f.Graph.Params = append(f.Graph.Params, graph.NewParam(v, t, false))
	return v
}

// newName returns a name that no value has.
func (f *fuser) newName() graph.Value {
	for {
		f.fused++
		if v := graph.Value(fmt.Sprintf("fused/%d", f.fused)); f.params[v] == nil && f.producers[v] == nil {
			return v
		}
	}
}

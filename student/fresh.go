package student

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// starter draws the parameters of a network anew.
type starter struct {
	g         *graph.Graph
	task      Task
	specs     map[graph.Value]graph.Spec
	params    map[graph.Value]*graph.Param
	consumers map[graph.Value][]*graph.Node
	learned   map[graph.Value]bool         // values that a weight has gone into
	begun     map[*graph.Param]bool        // what has been drawn, or stays for a reason
	moved     map[graph.Value]*graph.Param // values that are a parameter's elements, moved
}

// freshen gives every trainable parameter of m, and the running statistics, the value
// that it begins with. Weights begin as the task or He et al. 2015 say, those of maxout
// layers with the variance for their pieces, those that lead to an output and into
// recurrent layers as Glorot and Bengio 2010 say. Constants that the inputs are scaled by
// before any weight stay.
func freshen(m *graph.Model, specs map[graph.Value]graph.Spec, t Task) error {
	g := m.Graph
	f := &starter{g: g, task: t, specs: specs, params: g.ParamIndex(), consumers: g.Consumers(),
		learned: map[graph.Value]bool{}, begun: map[*graph.Param]bool{}, moved: map[graph.Value]*graph.Param{}}
	for _, n := range g.Nodes {
		if err := f.node(n); err != nil {
			return err
		}
	}
	for _, p := range m.AllParams() {
		if p.Trainable && p.DType.IsFloat() && !f.begun[p] {
			return fmt.Errorf("how a fresh parameter %q begins is not known; begin with the teacher's (init=teacher)", p.Name)
		}
	}
	return nil
}

// movers only move the elements of their first input.
var movers = map[string]bool{
	"Identity": true, "Transpose": true, "Reshape": true, "Flatten": true, "Squeeze": true, "Unsqueeze": true, "Cast": true,
}

// node draws the parameters of one node.
func (f *starter) node(n *graph.Node) error {
	if p := f.param(n.In, 0); p != nil && movers[n.Op] {
		f.moved[n.Out[0]] = p
		return nil
	}
	learned := false
	for _, v := range n.In {
		learned = learned || f.learned[v]
	}
	for i := range n.In {
		p := f.param(n.In, i)
		statistics := n.Op == "BatchNormalization" && i >= 3
		if p == nil || !p.DType.IsFloat() || !p.Trainable && !statistics {
			continue
		}
		if elementwise[n.Op] != nil && !learned {
			f.begun[p] = true // the scale or the mean of the inputs
			continue
		}
		learned = true
		if f.begun[p] {
			continue
		}
		init, in, out := f.start(n, i, f.shape(n.In[i]))
		if init == nil {
			return fmt.Errorf("how a fresh parameter %q of node %q (%s) begins is not known; begin with the teacher's (init=teacher)", p.Name, n.Name, n.Op)
		}
		if p.DType != tensor.F32 {
			return fmt.Errorf("parameter %q is %v: only those of float32 can be drawn anew", p.Name, p.DType)
		}
		p.Data, f.begun[p] = tensor.New(p.DType, p.Shape), true
		init(tensor.NewRand(f.task.Seed, string(p.Name)), p.Data.F32s(), p.Shape, in, out)
	}
	for _, v := range n.Out {
		f.learned[v] = learned
	}
	return nil
}

// param returns the parameter that an input is, as it stands or moved, or nil.
func (f *starter) param(in []graph.Value, i int) *graph.Param {
	if i >= len(in) {
		return nil
	}
	if p := f.params[in[i]]; p != nil {
		return p
	}
	return f.moved[in[i]]
}

func (f *starter) shape(v graph.Value) tensor.Shape {
	if p := f.params[v]; p != nil {
		return p.Shape
	}
	return f.specs[v].Shape
}

var zeros, ones = nn.Constant(0), nn.Constant(1)

// elementwise has what the parameters of operators on elements begin with.
var elementwise = map[string]nn.Initializer{"Add": zeros, "Sub": zeros, "Mul": ones, "Div": ones}

// start returns what input i of n, a parameter of shape s, begins with and its fan-in
// and fan-out; nil when that is not known.
func (f *starter) start(n *graph.Node, i int, s tensor.Shape) (init nn.Initializer, in, out int) {
	if init = elementwise[n.Op]; init != nil {
		return init, 1, 1
	}
	groups := n.Attrs.Int("group", 1)
	switch rank := len(s); n.Op {
	case "Conv", "ConvTranspose":
		if i == 2 {
			return zeros, 1, 1
		}
		area := s[2:].Size()
		if in, out = s[1]*area, s[0]/groups*area; n.Op == "ConvTranspose" {
			in, out = out, in
		}
		return f.weight(n), in, out
	case "Gemm":
		if i == 2 {
			return zeros, 1, 1
		}
		return f.product(n, s, (i == 1) == n.Attrs.Bool([]string{"transA", "transB"}[i], false))
	case "MatMul":
		if rank >= 2 {
			return f.product(n, s, i == 0)
		}
	case "LSTM", "GRU", "RNN":
		gates := map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}[n.Op]
		switch i {
		case 1:
			return nn.XavierUniform, s[2], s[1] / gates
		case 2:
			return nn.Orthogonal, 1, 1
		case 3, 7:
			return zeros, 1, 1
		}
	case "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization":
		if i == 1 || i == 4 {
			return ones, 1, 1
		}
		return zeros, 1, 1
	case "PRelu":
		return nn.Constant(0.25), 1, 1
	case "Gather": // a table of vectors, one of which is looked up
		return nn.Normal(1), 1, 1
	case "Expand", "Concat": // a token that stands beside the samples' own, as ViT's
		return nn.Normal(0.02), 1, 1
	}
	return nil, 0, 0
}

// product is the start of a matrix in a product; with units first its fan-in is the last
// axis, else the one before.
func (f *starter) product(n *graph.Node, s tensor.Shape, unitsFirst bool) (init nn.Initializer, in, out int) {
	in, out = s[len(s)-2], s[len(s)-1]
	if unitsFirst {
		in, out = out, in
	}
	return f.weight(n), in, out
}

// weight returns the initializer of a weight by what its node's output goes into.
func (f *starter) weight(n *graph.Node) nn.Initializer {
	init := f.task.Init
	if init == nil {
		init = nn.HeNormal
	}
	for v := n.Out[0]; ; {
		for _, out := range f.g.Outputs {
			if out.Name == v {
				return nn.XavierUniform
			}
		}
		users := f.consumers[v]
		if len(users) != 1 {
			return init
		}
		next := users[0]
		switch {
		case next.Op == "ReduceMax" && f.task.Init == nil:
			if pieces := f.shape(v).Size() / max(1, f.shape(next.Out[0]).Size()); pieces > 1 {
				return nn.MaxoutNormal(pieces)
			}
			return init
		case movers[next.Op], next.Op == "Dropout", next.Op == "Softmax", next.Op == "LogSoftmax", next.Op == "Add" && f.bias(next):
			v = next.Out[0]
		default:
			return init
		}
	}
}

// bias reports whether an Add adds a parameter.
func (f *starter) bias(n *graph.Node) bool { return f.param(n.In, 0) != nil || f.param(n.In, 1) != nil }

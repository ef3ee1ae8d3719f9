package graph

import (
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// Opset is the version of ONNX's default operator set whose semantics every
// node of the default domain has. 21 is the first with the per-channel
// GroupNormalization, and has Gelu, LayerNormalization and the axes-as-input
// reductions, so each supported operator exists natively; readers upgrade older
// files, writers can go back.
const Opset = 21

// PrivateDomain holds operators that exist only between Build and Compile, such
// as fused kernels. Writers refuse it.
const PrivateDomain = "compress"

// Value names an edge of a graph. The empty Value is an omitted optional input or output.
type Value string

// Node is one application of an operator.
type Node struct {
	Name   string // unique within its graph, hierarchical: "stage2/conv1"
	Op     string // ONNX operator type, "Conv"
	Domain string // "" is ONNX's default domain
	Attrs  Attrs
	In     []Value
	Out    []Value
	Doc    string
	Ext    any // what a format's reader wants to see again when it writes the node back; nil after a rewrite
}

// Dim is one extent of a port: a number, or a symbol such as "N" when Sym is not empty.
type Dim struct {
	N   int
	Sym string
}

// Port is a graph input or output with its declared type. A nil Shape is an unknown rank.
type Port struct {
	Name  Value
	DType tensor.DType
	Shape []Dim
	Doc   string
}

// Loader reads a parameter's data when it is asked for, again each time.
type Loader interface {
	Load() (*tensor.Tensor, error)
}

// Param is a constant of the graph: a weight, a running statistic or a constant
// such as a shape. Either Data is set, or Lazy is.
type Param struct {
	Name      Value
	DType     tensor.DType
	Shape     tensor.Shape
	Data      *tensor.Tensor
	Lazy      Loader
	Trainable bool         // an optimizer may change it
	Storage   tensor.DType // how a container stores it; Invalid means as DType
	Ext       any
}

// NewParam returns a parameter over t, which it keeps.
func NewParam(name Value, t *tensor.Tensor, trainable bool) *Param {
	return &Param{Name: name, DType: t.DType(), Shape: t.Shape(), Data: t, Trainable: trainable}
}

// Count returns how many of the elements count as parameters: all, but none of int64 and bool
// constants, which are shapes, axes, indices and masks.
func (p *Param) Count() int64 {
	if p.DType == tensor.I64 || p.DType == tensor.Bool {
		return 0
	}
	return int64(p.Shape.Size())
}

// Load returns the data; a lazy parameter is read and not kept.
func (p *Param) Load() (*tensor.Tensor, error) {
	if p.Data != nil {
		return p.Data, nil
	}
	return p.Lazy.Load()
}

// Materialize reads a lazy parameter and keeps its data.
func (p *Param) Materialize() error {
	t, err := p.Load()
	if err == nil {
		p.Data = t
	}
	return err
}

// Graph is a list of nodes in topological order. A graph held by an attribute
// (the body of If, Loop or Scan) may use values of the graphs around it.
type Graph struct {
	Name    string
	Inputs  []Port
	Outputs []Port
	Nodes   []*Node
	Params  []*Param
	Doc     string
	Ext     any
}

// Model is a graph with what is said about it.
type Model struct {
	Graph  *Graph
	Opsets map[string]int    // versions of domains other than the default one
	Meta   map[string]string // provenance, normalisation, class names, ...
	Ext    any
}

// Param returns the parameter called v, or nil.
func (g *Graph) Param(v Value) *Param {
	for _, p := range g.Params {
		if p.Name == v {
			return p
		}
	}
	return nil
}

// RemoveParam forgets the parameter called v.
func (g *Graph) RemoveParam(v Value) {
	g.Params = slices.DeleteFunc(g.Params, func(p *Param) bool { return p.Name == v })
}

// ParamIndex returns the parameters by name.
func (g *Graph) ParamIndex() map[Value]*Param {
	m := make(map[Value]*Param, len(g.Params))
	for _, p := range g.Params {
		m[p.Name] = p
	}
	return m
}

// Node returns the node called name, or nil.
func (g *Graph) Node(name string) *Node {
	for _, n := range g.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Producer returns the node that computes v, or nil for inputs and parameters.
func (g *Graph) Producer(v Value) *Node {
	for _, n := range g.Nodes {
		if v != "" && slices.Contains(n.Out, v) {
			return n
		}
	}
	return nil
}

// Producers returns the node that computes each value.
func (g *Graph) Producers() map[Value]*Node {
	m := map[Value]*Node{}
	for _, n := range g.Nodes {
		for _, v := range n.Out {
			if v != "" {
				m[v] = n
			}
		}
	}
	return m
}

// Consumers returns, for each value, the nodes that use it, directly or from
// within their subgraphs, once for each use.
func (g *Graph) Consumers() map[Value][]*Node {
	m := map[Value][]*Node{}
	for _, n := range g.Nodes {
		for _, v := range n.Uses() {
			m[v] = append(m[v], n)
		}
	}
	return m
}

// OutputValues returns the names of the graph's outputs.
func (g *Graph) OutputValues() []Value {
	vs := make([]Value, len(g.Outputs))
	for i, p := range g.Outputs {
		vs[i] = p.Name
	}
	return vs
}

// Uses returns the node's present inputs and the values that its subgraphs take
// from outside.
func (n *Node) Uses() []Value {
	var vs []Value
	for _, v := range n.In {
		if v != "" {
			vs = append(vs, v)
		}
	}
	for _, g := range n.Attrs.Graphs() {
		vs = append(vs, g.Captures()...)
	}
	return vs
}

// Captures returns the values that g, a subgraph, takes from the graphs around it, each once.
func (g *Graph) Captures() []Value {
	own := map[Value]bool{"": true}
	for _, p := range g.Inputs {
		own[p.Name] = true
	}
	for _, p := range g.Params {
		own[p.Name] = true
	}
	var free []Value
	use := func(v Value) {
		if !own[v] {
			own[v] = true
			free = append(free, v)
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Uses() {
			use(v)
		}
		for _, v := range n.Out {
			own[v] = true
		}
	}
	for _, p := range g.Outputs {
		use(p.Name)
	}
	return free
}

// Walk calls f for g and for every graph nested in its nodes, outer first.
func (g *Graph) Walk(f func(*Graph)) {
	f(g)
	for _, n := range g.Nodes {
		for _, sub := range n.Attrs.Graphs() {
			sub.Walk(f)
		}
	}
}

// AllParams returns the parameters of the graph and of every subgraph.
func (m *Model) AllParams() []*Param {
	var ps []*Param
	m.Graph.Walk(func(g *Graph) { ps = append(ps, g.Params...) })
	return ps
}

// Clone copies nodes, subgraphs and parameter records; the parameters' data are shared.
func (m *Model) Clone() *Model {
	return &Model{Graph: m.Graph.Clone(), Opsets: maps.Clone(m.Opsets), Meta: maps.Clone(m.Meta), Ext: m.Ext}
}

// DeepClone is Clone with parameter data of its own; lazy data stay lazy.
func (m *Model) DeepClone() *Model {
	c := m.Clone()
	for _, p := range c.AllParams() {
		if p.Data != nil {
			p.Data = p.Data.Clone()
		}
	}
	return c
}

// Clone copies the graph as Model.Clone does.
func (g *Graph) Clone() *Graph {
	c := *g
	c.Inputs, c.Outputs = slices.Clone(g.Inputs), slices.Clone(g.Outputs)
	c.Nodes = make([]*Node, len(g.Nodes))
	for i, n := range g.Nodes {
		c.Nodes[i] = n.Clone()
	}
	c.Params = make([]*Param, len(g.Params))
	for i, p := range g.Params {
		q := *p
		c.Params[i] = &q
	}
	return &c
}

// Clone copies the node and its subgraphs.
func (n *Node) Clone() *Node {
	c := *n
	c.Attrs, c.In, c.Out = n.Attrs.Clone(), slices.Clone(n.In), slices.Clone(n.Out)
	return &c
}

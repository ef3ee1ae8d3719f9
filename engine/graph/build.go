package graph

import (
	"fmt"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// Builder appends nodes to a graph and infers shapes as it goes, so that
// builders of layers can ask for the extents of what they build on. Symbolic
// dimensions are inferred with extent 1. The first error sticks; it is
// returned by Err and by Model, and later calls do nothing.
type Builder struct {
	m     *Model
	g     *Graph
	inf   *Inferred
	names map[string]bool // node and value names in use
	par   map[Value]*Param
	scope []string
	err   error
}

// NewBuilder returns a builder of an empty model.
func NewBuilder(name string) *Builder {
	b, err := Extend(&Model{Graph: &Graph{Name: name}, Meta: map[string]string{}})
	if err != nil {
		panic(err) // an empty model is valid
	}
	return b
}

// Extend returns a builder that appends to m's main graph, changing m.
func Extend(m *Model) (*Builder, error) {
	b := &Builder{m: m, g: m.Graph, names: map[string]bool{}, par: m.Graph.ParamIndex()}
	inf, err := m.InferAny()
	if err != nil {
		return nil, err
	}
	b.inf = inf
	reserve(m.Graph, b.names)
	return b, nil
}

// reserve marks every name of g and its subgraphs as used.
func reserve(g *Graph, names map[string]bool) {
	g.Walk(func(g *Graph) {
		for _, p := range g.Inputs {
			names[string(p.Name)] = true
		}
		for _, p := range g.Params {
			names[string(p.Name)] = true
		}
		for _, n := range g.Nodes {
			names[n.Name] = true
			for _, v := range n.Out {
				names[string(v)] = true
			}
		}
	})
}

// Err returns the first error.
func (b *Builder) Err() error { return b.err }

// Fail records err unless an earlier error stands.
func (b *Builder) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Scope runs f with name prepended to the names given within: Scope("stage2", ...) gives "stage2/conv1".
func (b *Builder) Scope(name string, f func()) {
	b.scope = append(b.scope, name)
	f()
	b.scope = b.scope[:len(b.scope)-1]
}

// unique returns the scoped name, with a number appended when it is taken.
func (b *Builder) unique(name string) string {
	full := strings.Join(append(append([]string{}, b.scope...), name), "/")
	got := full
	for i := 2; b.names[got]; i++ {
		got = fmt.Sprintf("%s_%d", full, i)
	}
	b.names[got] = true
	return got
}

// Input declares a graph input. A dim is an int or a symbol's name.
func (b *Builder) Input(name string, t tensor.DType, dims ...any) Value {
	p := Port{Name: Value(b.unique(name)), DType: t, Shape: []Dim{}}
	s := tensor.Shape{}
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			p.Shape, s = append(p.Shape, Dim{N: d}), append(s, d)
		case string:
			p.Shape, s = append(p.Shape, Dim{Sym: d}), append(s, 1)
		default:
			b.Fail(fmt.Errorf("graph: input %q: dimension %v is neither an int nor a string", name, d))
		}
	}
	b.g.Inputs = append(b.g.Inputs, p)
	b.inf.Specs[p.Name] = Spec{DType: t, Shape: s}
	return p.Name
}

// Samples returns the first dim of inputs that come with the samples: "N", or the number that the first input is fixed to.
func (b *Builder) Samples() any {
	if n := b.g.FixedBatch(); n > 0 {
		return n
	}
	return "N"
}

// Param adds a trainable parameter over t.
func (b *Builder) Param(name string, t *tensor.Tensor) Value { return b.addParam(name, t, true) }

// Const adds a parameter that no optimizer changes.
func (b *Builder) Const(name string, t *tensor.Tensor) Value { return b.addParam(name, t, false) }

// Ints adds a constant rank-1 int64 tensor, as for axes and shapes.
func (b *Builder) Ints(name string, v ...int) Value {
	return b.Const(name, tensor.Vec(Ints64(v...)...))
}

func (b *Builder) addParam(name string, t *tensor.Tensor, trainable bool) Value {
	p := NewParam(Value(b.unique(name)), t, trainable)
	b.g.Params = append(b.g.Params, p)
	b.par[p.Name] = p
	b.inf.Specs[p.Name] = paramSpec(p, true)
	return p.Name
}

// Node appends a node with one output and returns it. The name is the
// operator's in lower case when it is empty.
func (b *Builder) Node(name, op string, attrs Attrs, in ...Value) Value {
	return b.Nodes(name, op, attrs, 1, in...)[0]
}

// Nodes appends a node with nOut outputs.
func (b *Builder) Nodes(name, op string, attrs Attrs, nOut int, in ...Value) []Value {
	return b.NodesIn("", name, op, attrs, nOut, in...)
}

// NodesIn appends a node of an operator of another domain.
func (b *Builder) NodesIn(domain, name, op string, attrs Attrs, nOut int, in ...Value) []Value {
	out := make([]Value, nOut)
	if b.err != nil {
		return out
	}
	if name == "" {
		name = strings.ToLower(op)
	}
	n := &Node{Name: b.unique(name), Op: op, Domain: domain, Attrs: attrs, In: in, Out: out}
	for i := range out {
		out[i] = Value(n.Name)
		if i > 0 {
			out[i] = Value(b.unique(fmt.Sprintf("%s:%d", name, i)))
		}
	}
	b.Append(n)
	return out
}

// Append adds a finished node, whose names the caller has made unique.
func (b *Builder) Append(n *Node) {
	if err := b.inf.node(n, b.par); err != nil {
		b.Fail(err)
		return
	}
	b.g.Nodes = append(b.g.Nodes, n)
}

// Shape returns the inferred shape of v (symbolic dimensions are 1), or nil with the error recorded.
func (b *Builder) Shape(v Value) tensor.Shape {
	s, ok := b.inf.Specs[v]
	if !ok {
		b.Fail(fmt.Errorf("graph: shape of value %q is not known", v))
	}
	return s.Shape
}

// DType returns the element type of v.
func (b *Builder) DType(v Value) tensor.DType { return b.inf.Specs[v].DType }

// Output declares v a graph output. Leading symbolic dimensions of the inputs are
// found again in it by SymbolicShapes.
func (b *Builder) Output(v Value) {
	b.g.Outputs = append(b.g.Outputs, Port{Name: v, DType: b.DType(v)})
}

// Graph returns the graph under construction.
func (b *Builder) Graph() *Graph { return b.g }

// Model checks and returns the model.
func (b *Builder) Model() (*Model, error) {
	if b.err != nil {
		return nil, b.err
	}
	if err := b.m.Check(); err != nil {
		return nil, err
	}
	return b.m, b.fillOutputs()
}

// fillOutputs gives outputs without a declared shape their symbolic one.
func (b *Builder) fillOutputs() error {
	shapes, err := b.m.SymbolicShapes()
	if err != nil {
		return err
	}
	for i := range b.g.Outputs {
		if p := &b.g.Outputs[i]; p.Shape == nil {
			p.Shape = shapes[p.Name]
		}
	}
	return nil
}

package onnx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
)

// lowerer rewrites a copy of a model from the native opset to another.
type lowerer struct {
	m      *graph.Model // the copy
	opset  int
	plain  bool // refuse expansions
	names  *namer
	shapes map[graph.Value][]graph.Dim
	inf    *graph.Inferred
	known  bool // shapes and inf are computed
}

// lower returns a copy of m with the operators of the given opset: nodes that
// are as the reader left them go back to what they were, others are brought down.
func lower(m *graph.Model, opset int, plain bool) (*graph.Model, error) {
	l := &lowerer{m: m.Clone(), opset: opset, plain: plain, names: newNamer()}
	u := &upgrader{names: l.names}
	l.m.Graph.Walk(func(g *graph.Graph) { u.reserve(g) })
	if err := l.graph(l.m.Graph, nil); err != nil {
		return nil, err
	}
	if err := l.m.Check(); err != nil {
		if err = sorted(l.m, err); err != nil {
			return nil, err
		}
	}
	return l.m, nil
}

// frame is a graph with those around it.
type frame struct {
	outer  *frame
	params map[graph.Value]*graph.Param
	values map[graph.Value]bool
}

func (f *frame) param(v graph.Value) *graph.Param {
	for ; f != nil; f = f.outer {
		if p := f.params[v]; p != nil {
			return p
		}
	}
	return nil
}

func (f *frame) defined(v graph.Value) bool {
	for ; f != nil; f = f.outer {
		if f.values[v] {
			return true
		}
	}
	return v == ""
}

func newFrame(g *graph.Graph, outer *frame) *frame {
	f := &frame{outer: outer, params: g.ParamIndex(), values: map[graph.Value]bool{}}
	for _, p := range g.Inputs {
		f.values[p.Name] = true
	}
	for v := range f.params {
		f.values[v] = true
	}
	for _, n := range g.Nodes {
		for _, v := range n.Out {
			f.values[v] = true
		}
	}
	return f
}

func (l *lowerer) graph(g *graph.Graph, outer *frame) error {
	f := newFrame(g, outer)
	back := l.restorable(g, f)
	var nodes []*graph.Node
	for _, n := range g.Nodes {
		for _, sub := range n.Attrs.Graphs() {
			if err := l.graph(sub, f); err != nil {
				return err
			}
		}
		if was, ok := back[n]; ok {
			if was != nil {
				nodes = append(nodes, was)
			}
			continue
		}
		made, err := l.node(g, f, n)
		if err != nil {
			return err
		}
		nodes = append(nodes, made...)
	}
	g.Nodes = nodes
	dropMade(g)
	return nil
}

// dropMade removes constants that only the native form of nodes used.
func dropMade(g *graph.Graph) {
	used := g.Consumers()
	outs := g.OutputValues()
	g.Params = slices.DeleteFunc(g.Params, func(p *graph.Param) bool {
		x, ok := p.Ext.(*paramExt)
		return ok && x.Made && len(used[p.Name]) == 0 && !slices.Contains(outs, p.Name)
	})
}

// node returns n's form at the target opset.
func (l *lowerer) node(g *graph.Graph, f *frame, n *graph.Node) ([]*graph.Node, error) {
	fails := func(err error) error { return &NodeError{n.Name, n.Op, l.opset, err} }
	if n.Domain == graph.PrivateDomain {
		return nil, fails(fmt.Errorf("operators of the domain %q exist for training only", n.Domain))
	}
	x, _ := n.Ext.(*nodeExt)
	if x != nil && x.Origin == nil && n.Domain == oldDomain(x.Opset) {
		if versionAt(n.Op, x.Opset) != versionAt(n.Op, l.opset) {
			return nil, fails(fmt.Errorf("it means what opset %d said, which no other version can say; write at that opset", x.Opset))
		}
		n.Domain = ""
		return []*graph.Node{n}, nil
	}
	if n.Domain != "" || n.Op == "Constant" {
		return []*graph.Node{n}, nil
	}
	if len(since[n.Op]) == 0 {
		if x == nil || x.Opset != l.opset {
			return nil, fails(errors.New("no ONNX operator of this program's knowledge"))
		}
		return []*graph.Node{n}, nil
	}
	if x == nil {
		forInference(g, n)
	}
	a := &adapter{names: l.names, param: f.param, spec: func(v graph.Value) (graph.Spec, bool) { return l.spec(f, v) }}
	nodes, err := l.descend(a, n, nativeVersion(x))
	if err != nil {
		return nil, fails(err)
	}
	g.Params = append(g.Params, a.params...)
	return nodes, nil
}

// nativeVersion is the opset that a node's meaning is taken from: the native one,
// unless the reader left a newer operator alone.
func nativeVersion(x *nodeExt) int {
	if x != nil && x.Opset > graph.Opset {
		return x.Opset
	}
	return graph.Opset
}

// descend applies the steps from the native version down, or says the operator
// by others.
func (l *lowerer) descend(a *adapter, n *graph.Node, from int) ([]*graph.Node, error) {
	if len(n.In) == 0 && len(steps[n.Op]) > 0 {
		return nil, errors.New("it has no inputs")
	}
	if versionAt(n.Op, l.opset) == 0 || n.Op == "GroupNormalization" && l.opset < 21 {
		return l.expand(a, n)
	}
	if err := l.checkTypes(a, n); err != nil {
		return nil, err
	}
	sub := &adapter{names: a.names, param: a.param, spec: a.spec, params: a.params}
	for _, st := range slices.Backward(steps[n.Op]) {
		if st.version <= l.opset || st.version > from || st.down == nil {
			continue
		}
		if err := st.down(sub, n); err != nil {
			return nil, err
		}
	}
	a.params = sub.params
	nodes, err := l.descendAll(a, nil, sub.before)
	if err != nil {
		return nil, err
	}
	return l.descendAll(a, append(nodes, n), sub.after)
}

// descendAll appends to nodes what descend makes of each of ms, which are native.
func (l *lowerer) descendAll(a *adapter, nodes, ms []*graph.Node) ([]*graph.Node, error) {
	for _, m := range ms {
		made, err := l.descend(a, m, graph.Opset)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, made...)
	}
	return nodes, nil
}

// expand says n by operators that the target opset has.
func (l *lowerer) expand(a *adapter, n *graph.Node) ([]*graph.Node, error) {
	e, ok := expansions[n.Op]
	if !ok || l.plain {
		return nil, fmt.Errorf("the operator is new in opset %d", since[n.Op][0])
	}
	sub := &adapter{names: a.names, param: a.param, spec: a.spec, params: a.params}
	v, err := e.f(sub, n)
	if err != nil {
		return nil, err
	}
	a.params = sub.params
	last := sub.before[len(sub.before)-1]
	if last.Out[0] != v {
		return nil, errors.New("it expands to nothing")
	}
	last.Out[0], last.Name = n.Out[0], n.Name
	return l.descendAll(a, nil, sub.before)
}

// forInference drops what a node of our own has for training.
func forInference(g *graph.Graph, n *graph.Node) {
	switch n.Op {
	case "Dropout":
		n.In = n.In[:min(len(n.In), 2)]
		delete(n.Attrs, "seed")
	case "BatchNormalization":
		used, outs := g.Consumers(), g.OutputValues()
		for _, v := range n.Out[min(1, len(n.Out)):] {
			if len(used[v]) > 0 || slices.Contains(outs, v) {
				return
			}
		}
		n.Out = n.Out[:1]
		delete(n.Attrs, "training_mode")
	}
}

// spec returns a value's type and shape; a symbolic extent is negative, and
// equal for equal symbols.
func (l *lowerer) spec(f *frame, v graph.Value) (graph.Spec, bool) {
	if p := f.param(v); p != nil {
		return graph.Spec{DType: p.DType, Shape: p.Shape}, true
	}
	if !l.known {
		l.known = true
		if inf, err := l.m.InferAny(); err == nil {
			l.inf = inf
			l.shapes, _ = l.m.SymbolicShapes()
		}
	}
	if l.inf == nil || l.shapes == nil {
		return graph.Spec{}, false
	}
	dims, ok := l.shapes[v]
	if !ok {
		return graph.Spec{}, false
	}
	s := graph.Spec{DType: l.inf.Specs[v].DType}
	for i, d := range dims {
		n := d.N
		if d.Sym == "?" {
			n = -1000 - i
		} else if d.Sym != "" {
			n = -1 - slices.Index(l.m.Graph.Symbols(), d.Sym)
		}
		s.Shape = append(s.Shape, n)
	}
	return s, true
}

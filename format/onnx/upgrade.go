package onnx

import (
	"errors"
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
)

// upgrader rewrites a model that was just read into the native opset.
type upgrader struct {
	r      *reader // whose budget pays
	names  *namer
	nextID int
	cost   int // nodes bound by them
}

// upgrade gives every node of the default domain its meaning at graph.Opset.
func (r *reader) upgrade(m *graph.Model) error {
	u := &upgrader{r: r, names: newNamer()}
	m.Graph.Walk(func(g *graph.Graph) { u.reserve(g) })
	return u.graph(&scope{g: m.Graph})
}

// reserve notes every name in g.
func (u *upgrader) reserve(g *graph.Graph) {
	for _, p := range g.Inputs {
		u.names.taken[string(p.Name)] = true
	}
	for _, p := range g.Params {
		u.names.taken[string(p.Name)] = true
	}
	for _, n := range g.Nodes {
		u.names.taken[n.Name] = true
		for _, v := range n.Out {
			u.names.taken[string(v)] = true
		}
	}
}

// scope is a graph under way: what is known about its values.
type scope struct {
	outer    *scope
	g        *graph.Graph
	done     []*graph.Node
	declared map[graph.Value]graph.Spec
	params   map[graph.Value]*graph.Param
	inferred *graph.Inferred
	at       int // nodes that the inference has seen
}

func (u *upgrader) graph(s *scope) error {
	s.params = s.g.ParamIndex()
	s.declared = declaredSpecs(s.g)
	for _, n := range s.g.Nodes {
		for _, sub := range n.Attrs.Graphs() {
			if err := u.graph(&scope{outer: s, g: sub}); err != nil {
				return err
			}
		}
		nodes, err := u.node(s, n)
		if err != nil {
			return err
		}
		s.done = append(s.done, nodes...)
	}
	s.g.Nodes = s.done
	return nil
}

// declaredSpecs lists what the file says about types and ranks.
func declaredSpecs(g *graph.Graph) map[graph.Value]graph.Spec {
	specs := map[graph.Value]graph.Spec{}
	add := func(p graph.Port) {
		if p.Shape == nil {
			return
		}
		s := graph.Spec{DType: p.DType}
		for _, d := range p.Shape {
			s.Shape = append(s.Shape, d.N)
		}
		specs[p.Name] = s
	}
	for _, p := range append(g.Inputs, g.Outputs...) {
		add(p)
	}
	if x, ok := g.Ext.(*graphExt); ok {
		for _, i := range x.Infos {
			add(i.port)
		}
	}
	return specs
}

// node returns the native nodes for n.
func (u *upgrader) node(s *scope, n *graph.Node) ([]*graph.Node, error) {
	x, _ := n.Ext.(*nodeExt)
	if n.Domain != "" || x == nil {
		return []*graph.Node{n}, nil
	}
	from := versionAt(n.Op, x.Opset)
	if from == versionAt(n.Op, graph.Opset) || from == 0 {
		return []*graph.Node{n}, nil
	}
	was := bare(n)
	a := &adapter{names: u.names, param: s.param, spec: func(v graph.Value) (graph.Spec, bool) { return u.spec(s, v) }}
	if err := climb(a, n, from); err != nil {
		if !errors.Is(err, errOpaque) {
			return nil, fail(ErrWire, -1, "node %q (%s): %w", was.Name, was.Op, err)
		}
		return []*graph.Node{opaqueNode(n, was, x)}, nil
	}
	if len(a.before)+len(a.after) == 0 && len(steps[n.Op]) == 0 && sameNode(was, n) {
		return []*graph.Node{n}, nil
	}
	for _, p := range a.params {
		s.params[p.Name] = p
	}
	s.g.Params = append(s.g.Params, a.params...)
	u.nextID++
	parts := int64(len(a.before) + len(a.after) + 1)
	if err := u.r.s.charge(2*costNode*(parts+1)+costParam*int64(len(a.params)), -1); err != nil {
		return nil, err
	}
	return u.link(x, was, append(append(a.before, n), a.after...)), nil
}

// climb applies the steps from a version up to the native one.
func climb(a *adapter, n *graph.Node, from int) error {
	for op := n.Op; ; {
		if len(steps[op]) > 0 && !wellFormed(n) {
			return errOpaque
		}
		for _, st := range steps[op] {
			if st.version <= from || st.version > graph.Opset || st.up == nil {
				continue
			}
			from = st.version
			if err := st.up(a, n); err != nil {
				return err
			}
		}
		if n.Op == op {
			return nil
		}
		op = n.Op
	}
}

// minInputs lists what the steps of an operator take for granted beyond one input.
var minInputs = map[string]int{"Add": 2, "Sub": 2, "Mul": 2, "Div": 2, "And": 2, "Or": 2, "Xor": 2, "Equal": 2, "Greater": 2,
	"Less": 2, "Pow": 2, "PRelu": 2, "GroupNormalization": 3}

func wellFormed(n *graph.Node) bool {
	for i := range max(1, minInputs[n.Op]) {
		if input(n, i) == "" {
			return false
		}
	}
	return output(n, 0) != ""
}

// opaqueNode restores a node that has no native equal and puts it where no
// operator is looked up.
func opaqueNode(n, was *graph.Node, x *nodeExt) *graph.Node {
	graphs := n.Attrs
	*n = *was
	n.Attrs = was.Attrs.Clone()
	for name, v := range graphs {
		switch v.(type) {
		case *graph.Graph, []*graph.Graph:
			setAttr(n, name, v)
		}
	}
	n.Domain = oldDomain(x.Opset)
	n.Ext = x
	return n
}

// oldDomain is the domain of nodes that mean what an old opset says, and that no
// newer operator can say.
func oldDomain(opset int) string { return fmt.Sprintf("ai.onnx@%d", opset) }

// link makes the parts remember the node that they stand for.
func (u *upgrader) link(x *nodeExt, was *graph.Node, parts []*graph.Node) []*graph.Node {
	o := &origin{ID: u.nextID, Node: was}
	for i, p := range parts {
		o.Parts = append(o.Parts, bare(p))
		y := &nodeExt{Opset: x.Opset, Origin: o, Part: i}
		if p.Ext == any(x) {
			*y = *x
			y.Origin, y.Part, y.Main = o, i, true
		}
		p.Ext = y
	}
	return parts
}

// bare copies a node without the graphs in its attributes.
func bare(n *graph.Node) *graph.Node {
	c := &graph.Node{Name: n.Name, Op: n.Op, Domain: n.Domain, Doc: n.Doc}
	c.In, c.Out = append(c.In, n.In...), append(c.Out, n.Out...)
	for name, v := range n.Attrs {
		switch v.(type) {
		case *graph.Graph, []*graph.Graph:
		default:
			setAttr(c, name, v)
		}
	}
	return c
}

// param returns a constant that is visible here, or nil.
func (s *scope) param(v graph.Value) *graph.Param {
	for ; s != nil; s = s.outer {
		if p := s.params[v]; p != nil {
			return p
		}
	}
	return nil
}

// Inference is asked only for ranks that the file does not declare; it starts
// over each time, so it is bounded.
const maxInferCost = 1 << 20

// spec returns what is known of a value: symbolic extents are meaningless.
func (u *upgrader) spec(s *scope, v graph.Value) (graph.Spec, bool) {
	if p := s.param(v); p != nil {
		return graph.Spec{DType: p.DType, Shape: p.Shape}, true
	}
	for q := s; q != nil; q = q.outer {
		if spec, ok := q.declared[v]; ok {
			return spec, true
		}
	}
	if s.outer != nil {
		return graph.Spec{}, false
	}
	if s.inferred == nil || s.at < len(s.done) {
		if u.cost += len(s.done); u.cost > maxInferCost {
			return graph.Spec{}, false
		}
		part := &graph.Model{Graph: &graph.Graph{Inputs: s.g.Inputs, Params: s.g.Params, Nodes: s.done}}
		inf, err := part.InferAny()
		if err != nil {
			return graph.Spec{}, false
		}
		s.inferred, s.at = inf, len(s.done)
	}
	spec, ok := s.inferred.Specs[v]
	return spec, ok
}

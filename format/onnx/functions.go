package onnx

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
)

// function is a FunctionProto. Calls of functions are replaced by their bodies,
// so that weights in them can be factorised and the engine can run them.
type function struct {
	key      string
	in, out  []graph.Value
	defaults graph.Attrs
	body     *graph.Graph // nodes and constants only
}

// refAttr is the value of an attribute in a function's body that the call gives.
type refAttr struct{ name string }

func functionKey(domain, name, overload string) string {
	return domainOf(domain) + "\x00" + name + "\x00" + overload
}

// functions reads the model's functions.
func (r *reader) functions(msgs []message) ([]*function, error) {
	var fs []*function
	model := r.opsets
	defer func() { r.opsets = model }()
	for _, m := range msgs {
		f, err := r.function(m, model)
		if err != nil {
			return nil, err
		}
		fs = append(fs, f)
	}
	return fs, nil
}

func (r *reader) function(m message, model map[string]int) (*function, error) {
	f := &function{defaults: graph.Attrs{}, body: &graph.Graph{Ext: &graphExt{}}}
	var name, domain, overload string
	var nodes []message
	r.opsets = map[string]int{}
	err := m.each(func() (err error) {
		switch m.num {
		case 1:
			name, err = m.string()
		case 4:
			err = r.valueName(&f.in, &m)
		case 5:
			err = r.valueName(&f.out, &m)
		case 7:
			var sub message
			sub, err = m.sub()
			nodes = append(nodes, sub)
			err = firstError(err, r.s.charge(costPort, m.tag))
		case 9:
			err = readOpset(&m, r.opsets)
		case 10:
			domain, err = m.string()
		case 11:
			err = r.functionDefault(f, &m)
		case 13:
			overload, err = m.string()
		default:
			err = m.skip()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f.key = functionKey(domain, name, overload)
	if err := f.setOpset(r.opsets, model, m.pos); err != nil {
		return nil, err
	}
	for _, sub := range nodes {
		if err := r.node(f.body, sub); err != nil {
			return nil, err
		}
	}
	nameNodes(f.body)
	return f, nil
}

// setOpset checks the version of the default domain that a function is written in.
func (f *function) setOpset(own, model map[string]int, off int64) error {
	v, ok := own[""]
	if !ok {
		own[""] = model[""]
	} else if v < MinOpset || v > MaxOpset {
		return fail(ErrOpset, off, "a function uses opset %d, this program reads %d to %d", v, MinOpset, MaxOpset)
	}
	return nil
}

func (r *reader) functionDefault(f *function, m *message) error {
	sub, err := m.sub()
	if err != nil {
		return err
	}
	a, err := r.attribute(sub)
	if err != nil {
		return err
	}
	f.defaults[a.name], err = r.value(a)
	return err
}

// inliner replaces calls of functions.
type inliner struct {
	r     *reader
	byKey map[string]*function
	open  []string // the functions around, outermost first
}

// inline replaces all calls in the model.
func (r *reader) inline(m *graph.Model, fs []*function) error {
	if len(fs) == 0 {
		return nil
	}
	in := &inliner{r: r, byKey: map[string]*function{}}
	for _, f := range fs {
		in.byKey[f.key] = f
	}
	return in.graph(m.Graph)
}

func (in *inliner) graph(g *graph.Graph) error {
	nodes := make([]*graph.Node, 0, len(g.Nodes))
	for _, n := range g.Nodes {
		f := in.function(n)
		if f == nil {
			for _, sub := range n.Attrs.Graphs() {
				if err := in.graph(sub); err != nil {
					return err
				}
			}
			nodes = append(nodes, n)
			continue
		}
		body, err := in.call(g, n, f)
		if err != nil {
			return err
		}
		nodes = append(nodes, body...)
	}
	g.Nodes = nodes
	return nil
}

// function returns the function that n calls, or nil.
func (in *inliner) function(n *graph.Node) *function {
	overload := ""
	if x, ok := n.Ext.(*nodeExt); ok {
		overload = x.overload
	}
	return in.byKey[functionKey(n.Domain, n.Op, overload)]
}

// call returns the nodes of f for the call n, with calls in them replaced; their
// constants become g's.
func (in *inliner) call(g *graph.Graph, n *graph.Node, f *function) ([]*graph.Node, error) {
	if slices.Contains(in.open, f.key) || len(in.open) >= maxDepth {
		return nil, fail(ErrWire, -1, "function %q calls itself, or calls are nested deeper than %d", n.Op, maxDepth)
	}
	if err := in.r.chargeGraph(f.body); err != nil {
		return nil, err
	}
	in.open = append(in.open, f.key)
	defer func() { in.open = in.open[:len(in.open)-1] }()
	body := f.body.Clone()
	ren := &renamer{prefix: n.Name + "/", names: map[graph.Value]graph.Value{"": ""}, call: n, defaults: f.defaults}
	tail := ren.bind(f, n)
	if err := ren.graph(body); err != nil {
		return nil, err
	}
	body.Nodes = append(body.Nodes, tail...)
	if err := in.literals(body); err != nil {
		return nil, err
	}
	if err := in.graph(body); err != nil {
		return nil, err
	}
	g.Params = append(g.Params, body.Params...)
	return body.Nodes, nil
}

// chargeGraph accounts for a copy of g.
func (r *reader) chargeGraph(g *graph.Graph) error {
	n := int64(0)
	g.Walk(func(g *graph.Graph) {
		n += costNode + int64(len(g.Params))*costParam
		for _, node := range g.Nodes {
			n += costNode + int64(len(node.Attrs))*costAttr + int64(len(node.In)+len(node.Out))*costName
		}
	})
	return r.s.charge(n, -1)
}

// literals turns Constant nodes whose values came with the call into parameters.
func (in *inliner) literals(g *graph.Graph) error {
	nodes := g.Nodes[:0]
	for _, n := range g.Nodes {
		if t := literalOf(n); t != nil {
			p := graph.NewParam(n.Out[0], t, false)
			p.Ext = &paramExt{}
			g.Params = append(g.Params, p)
			continue
		}
		nodes = append(nodes, n)
	}
	g.Nodes = nodes
	return nil
}

// renamer gives the values and nodes of a function's body names of their own.
type renamer struct {
	prefix   string
	names    map[graph.Value]graph.Value
	call     *graph.Node
	defaults graph.Attrs
}

// bind maps the function's inputs and outputs to the call's values. An output
// that is an input, or comes twice, needs a copy.
func (ren *renamer) bind(f *function, n *graph.Node) (tail []*graph.Node) {
	for i, v := range f.in {
		ren.names[v] = ""
		if i < len(n.In) {
			ren.names[v] = n.In[i]
		}
	}
	for i, v := range f.out {
		if i >= len(n.Out) || n.Out[i] == "" {
			continue
		}
		if from, taken := ren.names[v]; taken {
			tail = append(tail, &graph.Node{Name: ren.prefix + string(n.Out[i]), Op: "Identity", In: []graph.Value{from},
				Out: []graph.Value{n.Out[i]}, Ext: &nodeExt{Opset: graph.Opset}})
			continue
		}
		ren.names[v] = n.Out[i]
	}
	return tail
}

func (ren *renamer) value(v graph.Value) graph.Value {
	if to, ok := ren.names[v]; ok {
		return to
	}
	to := graph.Value(ren.prefix) + v
	ren.names[v] = to
	return to
}

// graph renames everything in a copy of the body, or in a graph nested in it.
func (ren *renamer) graph(g *graph.Graph) error {
	for i := range g.Inputs {
		g.Inputs[i].Name = ren.value(g.Inputs[i].Name)
	}
	for _, p := range g.Params {
		p.Name = ren.value(p.Name)
	}
	for _, n := range g.Nodes {
		n.Name = ren.prefix + n.Name
		for i := range n.In {
			n.In[i] = ren.value(n.In[i])
		}
		for i := range n.Out {
			n.Out[i] = ren.value(n.Out[i])
		}
		ren.attrs(n)
		for _, sub := range n.Attrs.Graphs() {
			if err := ren.graph(sub); err != nil {
				return err
			}
		}
	}
	for i := range g.Outputs {
		g.Outputs[i].Name = ren.value(g.Outputs[i].Name)
	}
	if x, ok := g.Ext.(*graphExt); ok { // declared types go by the old names
		g.Ext = &graphExt{Unknown: x.Unknown}
	}
	return nil
}

// attrs puts the call's attributes where the body refers to them.
func (ren *renamer) attrs(n *graph.Node) {
	for name, v := range n.Attrs {
		ref, ok := v.(refAttr)
		if !ok {
			continue
		}
		delete(n.Attrs, name)
		if v, ok := ren.call.Attrs[ref.name]; ok {
			n.Attrs[name] = v
		} else if v, ok := ren.defaults[ref.name]; ok {
			n.Attrs[name] = v
		}
	}
}

package onnx

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// count takes the memory of a tensor's elements from what the file may make a
// reader allocate.
func (r *reader) count(d *tensorData) error {
	n := d.bytes()
	if d.dtype == tensor.String {
		n += 2 * (d.end - d.pos)
	}
	return ofTensor(r.s.charge(n, d.pos), d.name)
}

// eager reads an attribute's tensor.
func (r *reader) eager(t *tensorProto) (any, error) {
	if _, known := elems[t.elem]; !known {
		return r.opaque(t)
	}
	d := t.data()
	if err := r.count(d); err != nil {
		return nil, err
	}
	return d.Load()
}

// opaque keeps a tensor whose type the engine has no name for.
func (r *reader) opaque(t *tensorProto) (*opaqueTensor, error) {
	o := &opaqueTensor{Elem: t.elem, Shape: t.shape, raw: t.raw}
	m := t.msg
	err := m.each(func() error {
		switch m.num {
		case tensorRaw, tensorExternal, tensorLocation:
			return m.skip()
		}
		return m.keep(&o.Head)
	})
	return o, err
}

// param makes a parameter of a tensor; small ones are read at once.
func (r *reader) param(name graph.Value, t *tensorProto) (*graph.Param, error) {
	if err := r.s.charge(costParam, t.msg.pos); err != nil {
		return nil, err
	}
	d := t.data()
	if err := r.count(d); err != nil {
		return nil, err
	}
	p := &graph.Param{Name: name, DType: d.dtype, Shape: orEmpty(t.shape), Lazy: d, Ext: &paramExt{Extra: t.extra}}
	if d.dtype == tensor.String || d.bytes() <= eagerSize {
		if err := p.Materialize(); err != nil {
			return nil, err
		}
		p.Lazy = nil
	}
	return p, nil
}

// initializer adds a graph's initialiser. One of an opaque type becomes a
// Constant node, which nothing can run and the writer turns back.
func (r *reader) initializer(g *graph.Graph, t *tensorProto) error {
	if _, known := elems[t.elem]; known {
		p, err := r.param(graph.Value(t.name), t)
		if err != nil {
			return err
		}
		g.Params = append(g.Params, p)
		return nil
	}
	o, err := r.opaque(t)
	if err != nil {
		return err
	}
	g.Nodes = append(g.Nodes, &graph.Node{Name: t.name, Op: "Constant", Attrs: graph.Attrs{"value": o},
		Out: []graph.Value{graph.Value(t.name)}, Ext: &nodeExt{Init: true, Opset: r.opsets[""]}})
	return nil
}

// constant turns a Constant node into a parameter and reports whether it could.
func (r *reader) constant(g *graph.Graph, n *graph.Node, x *nodeExt, a *attribute) (bool, error) {
	if a.kind == 0 {
		a.kind = a.guess()
	}
	var p *graph.Param
	var err error
	switch {
	case a.ref != "":
		return false, nil
	case a.name == "value" && a.kind == attrTensor && len(a.tensors) == 1:
		if _, known := elems[a.tensors[0].elem]; !known {
			return false, nil
		}
		p, err = r.param(n.Out[0], a.tensors[0])
	case a.name == "sparse_value" && a.sparse != nil:
		p, err = r.sparseParam(n.Out[0], *a.sparse)
	default:
		t := literal(a)
		if t == nil {
			return false, nil
		}
		p = graph.NewParam(n.Out[0], t, false)
		p.Ext = &paramExt{}
	}
	if err != nil {
		return false, err
	}
	px := p.Ext.(*paramExt)
	px.Constant, px.NodeName, px.Doc, px.Attr = x, n.Name, n.Doc, a.name
	if len(a.tensors) == 1 {
		px.Tensor = a.tensors[0].name
	}
	if a.extra != nil {
		x.Attrs = map[string][]byte{a.name: a.extra}
	}
	g.Params = append(g.Params, p)
	return true, r.s.charge(costParam, -1)
}

// literal returns the tensor of value_int and its like, or nil.
func literal(a *attribute) *tensor.Tensor {
	switch {
	case a.name == "value_float" && a.kind == attrFloat:
		return tensor.Scalar(a.f)
	case a.name == "value_int" && a.kind == attrInt:
		return tensor.Scalar(a.i)
	case a.name == "value_string" && a.kind == attrString:
		return tensor.Scalar(a.s)
	case a.name == "value_floats" && a.kind == attrFloats:
		return tensor.Vec(a.floats...)
	case a.name == "value_ints" && a.kind == attrInts:
		return tensor.Vec(a.ints...)
	case a.name == "value_strings" && a.kind == attrStrings:
		return tensor.Vec(a.strings...)
	}
	return nil
}

// literalOf returns the value of a Constant node in a graph, or nil.
func literalOf(n *graph.Node) *tensor.Tensor {
	if n.Op != "Constant" || n.Domain != "" || len(n.Attrs) != 1 || len(n.Out) != 1 {
		return nil
	}
	for name, v := range n.Attrs {
		a := &attribute{name: name}
		switch v := v.(type) {
		case *tensor.Tensor:
			return v
		case float32:
			a.kind, a.f = attrFloat, v
		case int64:
			a.kind, a.i = attrInt, v
		case string:
			a.kind, a.s = attrString, v
		case []float32:
			a.kind, a.floats = attrFloats, v
		case []int64:
			a.kind, a.ints = attrInts, v
		case []string:
			a.kind, a.strings = attrStrings, v
		}
		return literal(a)
	}
	return nil
}

// sparse adds a sparse initialiser.
func (r *reader) sparse(g *graph.Graph, m message) error {
	p, err := r.sparseParam("", m)
	if err != nil {
		return err
	}
	g.Params = append(g.Params, p)
	return nil
}

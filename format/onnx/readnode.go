package onnx

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// attrType is AttributeProto.AttributeType.
type attrType int

const (
	attrFloat   attrType = 1
	attrInt     attrType = 2
	attrString  attrType = 3
	attrTensor  attrType = 4
	attrGraph   attrType = 5
	attrFloats  attrType = 6
	attrInts    attrType = 7
	attrStrings attrType = 8
	attrTensors attrType = 9
	attrGraphs  attrType = 10
	attrSparse  attrType = 11
)

// attribute is an AttributeProto as it is read.
type attribute struct {
	name, ref string
	kind      attrType
	f         float32
	i         int64
	s         string
	floats    []float32
	ints      []int64
	strings   []string
	tensors   []*tensorProto
	graphs    []*graph.Graph
	sparse    *message
	seen      [32]bool
	extra     []byte // doc string and unknown fields
	other     []byte // fields that only their format understands
}

// node reads a NodeProto and appends it to g, or the parameter that a Constant is.
func (r *reader) node(g *graph.Graph, m message) error {
	if err := r.s.charge(costNode, m.pos); err != nil {
		return err
	}
	start := m.pos
	n, x := &graph.Node{}, &nodeExt{}
	n.Ext = x
	var attrs []*attribute
	err := m.each(func() (err error) {
		switch m.num {
		case 1:
			err = r.valueName(&n.In, &m)
		case 2:
			err = r.valueName(&n.Out, &m)
		case 3:
			n.Name, err = m.string()
		case 4:
			n.Op, err = m.string()
		case 5:
			var sub message
			if sub, err = m.sub(); err == nil {
				var a *attribute
				a, err = r.attribute(sub)
				attrs = append(attrs, a)
			}
		case 6:
			n.Doc, err = m.string()
		case 7:
			n.Domain, err = m.string()
		case 8:
			x.overload, err = m.string()
			x.Unknown = append(x.Unknown, stringField(8, x.overload)...)
		default:
			err = m.keep(&x.Unknown)
		}
		return err
	})
	if err != nil {
		return err
	}
	n.Domain = domainOf(n.Domain)
	if n.Op == "" || n.Domain == graph.PrivateDomain {
		return fail(ErrWire, start, "node %q applies %q of the domain %q, which no file may hold", n.Name, n.Op, n.Domain)
	}
	x.Opset = r.opsets[n.Domain]
	return r.finish(g, n, x, attrs)
}

// domainOf gives the default domain its one name.
func domainOf(d string) string {
	if d == "ai.onnx" {
		return ""
	}
	return d
}

func (r *reader) valueName(to *[]graph.Value, m *message) error {
	s, err := m.string()
	if err != nil {
		return err
	}
	*to = append(*to, graph.Value(s))
	return r.s.charge(costName, m.tag)
}

// finish gives the node its attributes, or turns a Constant into a parameter.
func (r *reader) finish(g *graph.Graph, n *graph.Node, x *nodeExt, attrs []*attribute) error {
	if n.Op == "Constant" && n.Domain == "" && len(attrs) == 1 && len(n.Out) == 1 && n.Out[0] != "" {
		done, err := r.constant(g, n, x, attrs[0])
		if done || err != nil {
			return err
		}
	}
	if len(attrs) > 0 {
		n.Attrs = make(graph.Attrs, len(attrs))
	}
	for _, a := range attrs {
		v, err := r.value(a)
		if err != nil {
			return ofTensor(err, n.Name+"."+a.name)
		}
		if n.Attrs.Has(a.name) {
			return fail(ErrWire, -1, "node %q has two attributes %q", n.Name, a.name)
		}
		n.Attrs[a.name] = v
		if a.extra != nil {
			if x.Attrs == nil {
				x.Attrs = map[string][]byte{}
			}
			x.Attrs[a.name] = a.extra
		}
		if about := a.tensorNote(); about != nil {
			if x.Tensors == nil {
				x.Tensors = map[string][]byte{}
			}
			x.Tensors[a.name] = about
		}
	}
	g.Nodes = append(g.Nodes, n)
	return nil
}

// tensorNote returns what a single tensor says beyond its data, as fields.
func (a *attribute) tensorNote() []byte {
	if len(a.tensors) != 1 {
		return nil
	}
	t := a.tensors[0]
	if _, known := elems[t.elem]; !known || t.name == "" {
		return t.extra
	}
	return append(stringField(tensorName, t.name), t.extra...)
}

// attribute reads an AttributeProto.
func (r *reader) attribute(m message) (*attribute, error) {
	a := &attribute{}
	if err := r.s.charge(costAttr, m.pos); err != nil {
		return nil, err
	}
	return a, m.each(func() error {
		if m.num < 32 {
			a.seen[m.num] = true
		}
		if m.num == 5 || m.num == 6 || m.num == 10 || m.num == 11 || m.num == 22 {
			sub, err := m.sub()
			if err != nil {
				return err
			}
			return r.attributePart(a, m.num, sub)
		}
		return a.scalar(&m)
	})
}

func (r *reader) attributePart(a *attribute, num protowire.Number, sub message) error {
	switch num {
	case 5, 10:
		t, err := r.tensor(sub)
		a.tensors = append(a.tensors, t)
		return err
	case 6, 11:
		g, err := r.graph(sub)
		a.graphs = append(a.graphs, g)
		return err
	}
	a.sparse = &sub
	return nil
}

func (a *attribute) scalar(m *message) (err error) {
	var s string
	switch m.num {
	case 1:
		a.name, err = m.string()
	case 2:
		a.f, err = m.float()
	case 3:
		a.i, err = m.int64()
	case 4:
		a.s, err = m.string()
	case 7:
		err = a.floatList(m)
	case 8:
		a.ints, err = m.ints(a.ints)
	case 9:
		s, err = m.string()
		a.strings = append(a.strings, s)
		err = firstError(err, m.s.charge(costName, m.tag))
	case 20:
		var v int64
		v, err = m.int64()
		a.kind = attrType(v)
	case 21:
		a.ref, err = m.string()
	case 14, 15, 23:
		err = m.keep(&a.other)
	default:
		err = m.keep(&a.extra)
	}
	return err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// float reads a float32 field.
func (m *message) float() (float32, error) {
	if err := m.want(protowire.Fixed32Type); err != nil {
		return 0, err
	}
	v, err := m.fixed(4)
	return math.Float32frombits(uint32(v)), err
}

// floatList appends the current field, one float or a packed list.
func (a *attribute) floatList(m *message) error {
	if m.typ == protowire.Fixed32Type {
		v, err := m.float()
		a.floats = append(a.floats, v)
		return firstError(err, m.s.charge(growth*4, m.tag))
	}
	sub, err := m.sub()
	if err != nil {
		return err
	}
	if err := m.s.charge(growth*(sub.end-sub.pos), m.tag); err != nil {
		return err
	}
	a.floats = slices.Grow(a.floats, int(sub.end-sub.pos)/4)
	for sub.pos < sub.end {
		v, err := sub.fixed(4)
		if err != nil {
			return err
		}
		a.floats = append(a.floats, math.Float32frombits(uint32(v)))
	}
	return nil
}

// guess tells the type of an attribute that does not say it (IR version 1).
func (a *attribute) guess() attrType {
	for _, g := range []struct {
		field int
		kind  attrType
	}{{2, attrFloat}, {3, attrInt}, {4, attrString}, {5, attrTensor}, {6, attrGraph}, {7, attrFloats}, {8, attrInts},
		{9, attrStrings}, {10, attrTensors}, {11, attrGraphs}, {22, attrSparse}} {
		if a.seen[g.field] {
			return g.kind
		}
	}
	return 0
}

// value returns what the node's attribute is in a graph.
func (r *reader) value(a *attribute) (any, error) {
	if a.kind == 0 {
		a.kind = a.guess()
	}
	if a.ref != "" {
		return refAttr{a.ref}, nil
	}
	switch a.kind {
	case attrFloat:
		return a.f, nil
	case attrInt:
		return a.i, nil
	case attrString:
		return a.s, nil
	case attrFloats:
		return orEmpty(a.floats), nil
	case attrInts:
		return orEmpty(a.ints), nil
	case attrStrings:
		return orEmpty(a.strings), nil
	case attrGraphs:
		return orEmpty(a.graphs), nil
	case attrGraph:
		if len(a.graphs) == 1 {
			return a.graphs[0], nil
		}
	case attrTensor:
		if len(a.tensors) == 1 {
			return r.eager(a.tensors[0])
		}
	case attrTensors:
		return r.tensorList(a.tensors)
	}
	return r.opaqueValue(a)
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// tensorList reads the tensors of an attribute; when one is of an opaque type
// the engine has no use for the others either.
func (r *reader) tensorList(ts []*tensorProto) (any, error) {
	list := []*tensor.Tensor{}
	for _, t := range ts {
		v, err := r.eager(t)
		if err != nil {
			return nil, err
		}
		known, ok := v.(*tensor.Tensor)
		if !ok {
			return nil, fail(ErrWire, t.msg.pos, "a list of tensors of type %s", elemNames[t.elem])
		}
		list = append(list, known)
	}
	return list, nil
}

// opaqueValue keeps an attribute that only its format understands.
func (r *reader) opaqueValue(a *attribute) (any, error) {
	raw := protowire.AppendVarint(protowire.AppendTag(nil, 20, protowire.VarintType), uint64(a.kind))
	raw = append(raw, a.other...)
	if a.sparse != nil {
		whole := *a.sparse
		b, err := whole.rest()
		if err != nil {
			return nil, err
		}
		raw = protowire.AppendBytes(protowire.AppendTag(raw, 22, protowire.BytesType), b)
	}
	if len(a.other) == 0 && a.sparse == nil {
		return nil, fail(ErrWire, -1, "attribute %q has no value of its type %d", a.name, a.kind)
	}
	return &opaqueAttr{raw}, nil
}

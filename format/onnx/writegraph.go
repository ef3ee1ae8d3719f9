package onnx

import (
	"bytes"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// writer turns a model that was lowered to the target opset into messages.
type writer struct {
	opset    int
	ir       int64
	external *dataFile // nil: everything in one file
}

// graph writes a GraphProto.
func (w *writer) graph(g *graph.Graph) (*out, error) {
	x, _ := g.Ext.(*graphExt)
	if x == nil {
		x = &graphExt{}
	}
	o := &out{}
	for _, p := range g.Params {
		if n, err := w.constantNode(p); err != nil {
			return nil, err
		} else if n != nil {
			o.message(1, n)
		}
	}
	for _, n := range g.Nodes {
		if x, ok := n.Ext.(*nodeExt); ok && x.Init {
			continue
		}
		m, err := w.node(n)
		if err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
		o.message(1, m)
	}
	name := g.Name
	if name == "" {
		name = "graph"
	}
	o.string(2, name)
	if err := w.initializers(o, g); err != nil {
		return nil, err
	}
	o.string(10, g.Doc)
	if err := w.ports(o, g, x); err != nil {
		return nil, err
	}
	made := g.Producers()
	for _, i := range x.Infos {
		if made[i.Name] != nil {
			o.bytes(13, i.Raw)
		}
	}
	o.add(x.Unknown)
	return o, nil
}

// asConstant reports whether a parameter goes back to a Constant node.
func (w *writer) asConstant(p *graph.Param) bool {
	x, ok := p.Ext.(*paramExt)
	return ok && x.Constant != nil && (w.external == nil || int64(p.Shape.Size())*int64(p.DType.Size()) < externalMin)
}

// constantNode writes a parameter that was a Constant node, or returns nil.
func (w *writer) constantNode(p *graph.Param) (*out, error) {
	if !w.asConstant(p) {
		return nil, nil
	}
	x := p.Ext.(*paramExt)
	o := &out{}
	o.bytes(2, []byte(p.Name))
	o.string(3, x.NodeName)
	o.string(4, "Constant")
	a, err := w.constantAttr(p, x)
	if err != nil {
		return nil, err
	}
	o.message(5, a)
	o.string(6, x.Doc)
	o.add(x.Constant.Unknown)
	return o, nil
}

// constantAttr writes the attribute of a Constant, in the form that it had when
// the opset allows.
func (w *writer) constantAttr(p *graph.Param, x *paramExt) (*out, error) {
	o := &out{}
	switch {
	case w.opset >= 12 && x.Attr != "value" && x.Attr != "sparse_value" && x.Attr != "":
		t, err := p.Load()
		if err != nil {
			return nil, err
		}
		o.bytes(1, []byte(x.Attr))
		w.literal(o, x.Attr, t)
	case w.opset >= 11 && x.Attr == "sparse_value" && stillSparse(p, x):
		o.bytes(1, []byte(x.Attr))
		o.bytes(22, x.Sparse)
		o.int(20, int64(attrSparse))
	default:
		t, err := w.param(p, x.Tensor, false)
		if err != nil {
			return nil, err
		}
		o.bytes(1, []byte("value"))
		o.message(5, t)
		o.int(20, int64(attrTensor))
	}
	o.add(x.Constant.Attrs[x.Attr])
	return o, nil
}

// literal writes the value of value_int and its like.
func (w *writer) literal(o *out, name string, t *tensor.Tensor) {
	var v any
	switch t.DType() {
	case tensor.F32:
		v = t.F32s()
	case tensor.I64:
		v = t.I64s()
	case tensor.String:
		v = tensor.Data[string](t)
	}
	if !bytes.HasSuffix([]byte(name), []byte("s")) {
		switch l := v.(type) {
		case []float32:
			v = l[0]
		case []int64:
			v = l[0]
		case []string:
			v = l[0]
		}
	}
	plainAttr(o, v)
}

// initializers writes the parameters that are none of a Constant's.
func (w *writer) initializers(o *out, g *graph.Graph) error {
	for _, p := range g.Params {
		if w.asConstant(p) {
			continue
		}
		if x, ok := p.Ext.(*paramExt); ok && w.ir >= 5 && x.Constant == nil && stillSparse(p, x) {
			o.bytes(15, x.Sparse)
			continue
		}
		t, err := w.param(p, string(p.Name), true)
		if err != nil {
			return fmt.Errorf("parameter %q: %w", p.Name, err)
		}
		o.message(5, t)
	}
	for _, n := range g.Nodes {
		if x, ok := n.Ext.(*nodeExt); ok && x.Init {
			if t, ok := n.Attrs["value"].(*opaqueTensor); ok {
				o.message(5, w.opaque(t))
			}
		}
	}
	return nil
}

// ports writes inputs and outputs, those that have not changed as they came.
func (w *writer) ports(o *out, g *graph.Graph, x *graphExt) error {
	for _, p := range g.Inputs {
		b, err := portBytes(p, x.Ports[p.Name])
		if err != nil {
			return fmt.Errorf("input %w", err)
		}
		o.bytes(11, b)
	}
	params := g.ParamIndex()
	for _, l := range x.Listed {
		if params[l.Name] != nil {
			o.bytes(11, l.Raw)
		}
	}
	for _, p := range g.Outputs {
		b, err := portBytes(p, x.Ports[p.Name])
		if err != nil {
			return fmt.Errorf("output %w", err)
		}
		o.bytes(12, b)
	}
	return nil
}

// portBytes returns the ValueInfoProto of a port: raw when it says the same.
func portBytes(p graph.Port, raw []byte) ([]byte, error) {
	if raw != nil {
		r := &reader{s: newSource(bytes.NewReader(raw), int64(len(raw)), 1<<40)}
		was, err := r.valueInfo(r.s.whole())
		if err == nil && was.DType == p.DType && was.Doc == p.Doc && (was.Shape == nil) == (p.Shape == nil) && slices.Equal(was.Shape, p.Shape) {
			return raw, nil
		}
	}
	o := &out{}
	o.bytes(1, []byte(p.Name))
	e, ok := elemOf[p.DType]
	if !ok {
		return nil, fmt.Errorf("%q has no element type", p.Name)
	}
	t, typ := &out{}, &out{}
	t.int(1, int64(e))
	if p.Shape != nil {
		t.message(2, shapeOut(p.Shape))
	}
	typ.message(1, t)
	o.message(2, typ)
	o.string(3, p.Doc)
	return o.buf, nil
}

func shapeOut(dims []graph.Dim) *out {
	s := &out{}
	for _, d := range dims {
		dim := &out{}
		switch {
		case d.Sym == "":
			dim.int(1, int64(d.N))
		case d.Sym != "?":
			dim.string(2, d.Sym)
		}
		s.message(1, dim)
	}
	return s
}

// node writes a NodeProto.
func (w *writer) node(n *graph.Node) (*out, error) {
	o := &out{}
	for _, v := range n.In {
		o.bytes(1, []byte(v))
	}
	for _, v := range n.Out {
		o.bytes(2, []byte(v))
	}
	x, _ := n.Ext.(*nodeExt)
	if x == nil {
		x = &nodeExt{}
	}
	if x.Renamed {
		o.string(3, x.Name)
	} else {
		o.string(3, n.Name)
	}
	o.string(4, n.Op)
	for _, name := range n.Attrs.Names() {
		a, err := w.attr(name, n.Attrs[name], x.Tensors[name])
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
		a.add(x.Attrs[name])
		o.message(5, a)
	}
	o.string(6, n.Doc)
	o.string(7, n.Domain)
	o.add(x.Unknown)
	return o, nil
}

// attr writes an AttributeProto; note is what its tensor says beyond its data.
func (w *writer) attr(name string, v any, note []byte) (*out, error) {
	o := &out{}
	o.bytes(1, []byte(name))
	if plainAttr(o, v) {
		return o, nil
	}
	switch v := v.(type) {
	case *tensor.Tensor:
		return o, w.tensors(o, 5, attrTensor, note, v)
	case []*tensor.Tensor:
		return o, w.tensors(o, 10, attrTensors, nil, v...)
	case *graph.Graph:
		return o, w.graphs(o, 6, attrGraph, v)
	case []*graph.Graph:
		return o, w.graphs(o, 11, attrGraphs, v...)
	case *opaqueTensor:
		o.message(5, w.opaque(v))
		o.int(20, int64(attrTensor))
		return o, nil
	case *opaqueAttr:
		o.add(v.Raw)
		return o, nil
	}
	return nil, fmt.Errorf("values of the Go type %T have no ONNX form", v)
}

func (w *writer) tensors(o *out, num protowire.Number, kind attrType, note []byte, ts ...*tensor.Tensor) error {
	for _, t := range ts {
		m, err := w.tensor("", t)
		if err != nil {
			return err
		}
		m.add(note)
		o.message(num, m)
	}
	o.int(20, int64(kind))
	return nil
}

func (w *writer) graphs(o *out, num protowire.Number, kind attrType, gs ...*graph.Graph) error {
	for _, g := range gs {
		m, err := w.graph(g)
		if err != nil {
			return err
		}
		o.message(num, m)
	}
	o.int(20, int64(kind))
	return nil
}

// plainAttr writes numbers and strings and reports whether v is of these.
func plainAttr(o *out, v any) bool {
	switch v := v.(type) {
	case float32:
		o.float(2, v)
		o.int(20, int64(attrFloat))
	case int64:
		o.int(3, v)
		o.int(20, int64(attrInt))
	case string:
		o.bytes(4, []byte(v))
		o.int(20, int64(attrString))
	case []float32:
		for _, f := range v {
			o.float(7, f)
		}
		o.int(20, int64(attrFloats))
	case []int64:
		for _, i := range v {
			o.int(8, i)
		}
		o.int(20, int64(attrInts))
	case []string:
		for _, s := range v {
			o.bytes(9, []byte(s))
		}
		o.int(20, int64(attrStrings))
	default:
		return false
	}
	return true
}

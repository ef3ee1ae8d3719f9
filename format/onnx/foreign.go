package onnx

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/format"
)

// The records of this package survive in a .cmz file, so that a model may go
// through one and still be written back as it came.
const (
	kindModel  = "onnx.Model"
	kindGraph  = "onnx.Graph"
	kindNode   = "onnx.Node"
	kindParam  = "onnx.Param"
	kindTensor = "onnx.Tensor"
	kindAttr   = "onnx.Attr"
)

func init() {
	format.RegisterForeign(kindModel, fromJSON[modelExt])
	format.RegisterForeign(kindGraph, fromJSON[graphExt])
	format.RegisterForeign(kindNode, fromJSON[nodeExt])
	format.RegisterForeign(kindParam, fromJSON[paramExt])
	format.RegisterForeign(kindTensor, opaqueFromBytes)
	format.RegisterForeign(kindAttr, func(b []byte) (any, error) { return &opaqueAttr{b}, nil })
}

func fromJSON[T any](b []byte) (any, error) {
	v := new(T)
	return v, json.Unmarshal(b, v)
}

// ForeignKind implements format.Foreign.
func (x *modelExt) ForeignKind() string { return kindModel }

// MarshalBinary implements format.Foreign.
func (x *modelExt) MarshalBinary() ([]byte, error) { return json.Marshal(x) }

// ForeignKind implements format.Foreign.
func (x *graphExt) ForeignKind() string { return kindGraph }

// MarshalBinary implements format.Foreign.
func (x *graphExt) MarshalBinary() ([]byte, error) { return json.Marshal(x) }

// ForeignKind implements format.Foreign.
func (x *nodeExt) ForeignKind() string { return kindNode }

// MarshalBinary implements format.Foreign.
func (x *nodeExt) MarshalBinary() ([]byte, error) { return json.Marshal(x) }

// ForeignKind implements format.Foreign.
func (x *paramExt) ForeignKind() string { return kindParam }

// MarshalBinary implements format.Foreign.
func (x *paramExt) MarshalBinary() ([]byte, error) { return json.Marshal(x) }

// ForeignKind implements format.Foreign.
func (a *opaqueAttr) ForeignKind() string { return kindAttr }

// MarshalBinary implements format.Foreign.
func (a *opaqueAttr) MarshalBinary() ([]byte, error) { return a.Raw, nil }

// ForeignKind implements format.Foreign.
func (o *opaqueTensor) ForeignKind() string { return kindTensor }

// MarshalBinary returns the TensorProto with its data.
func (o *opaqueTensor) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := (&writer{}).opaque(o).writeTo(&b)
	return b.Bytes(), err
}

func bytesReader(b []byte) *reader {
	n := int64(len(b))
	return &reader{s: newSource(bytes.NewReader(b), n, LoadOptions{}.budget(n)), opsets: map[string]int{}}
}

func opaqueFromBytes(b []byte) (any, error) {
	r := bytesReader(b)
	t, err := r.tensor(r.s.whole())
	if err != nil {
		return nil, err
	}
	return r.opaque(t)
}

// originWire is how an origin is stored: its nodes as NodeProtos.
type originWire struct {
	ID    int
	Node  []byte
	Parts [][]byte
}

// MarshalJSON implements json.Marshaler.
func (o *origin) MarshalJSON() ([]byte, error) {
	wire := originWire{ID: o.ID}
	for i, n := range append([]*graph.Node{o.Node}, o.Parts...) {
		m, err := (&writer{}).node(n)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := m.writeTo(&b); err != nil {
			return nil, err
		}
		if i == 0 {
			wire.Node = b.Bytes()
		} else {
			wire.Parts = append(wire.Parts, b.Bytes())
		}
	}
	return json.Marshal(wire)
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *origin) UnmarshalJSON(b []byte) error {
	var wire originWire
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	o.ID = wire.ID
	for i, b := range append([][]byte{wire.Node}, wire.Parts...) {
		r, g := bytesReader(b), &graph.Graph{}
		if err := r.node(g, r.s.whole()); err != nil {
			return err
		}
		if len(g.Nodes) != 1 {
			return fmt.Errorf("part %d is no node", i)
		}
		n := g.Nodes[0]
		n.Ext = nil
		if i == 0 {
			o.Node = n
		} else {
			o.Parts = append(o.Parts, n)
		}
	}
	return nil
}

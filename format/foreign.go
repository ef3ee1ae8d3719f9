package format

import (
	"fmt"

	"github.com/compress-toolkit/compress/format/internal/cmzpb"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Foreign is a value that another format understands and a .cmz file only
// carries: an attribute that fits none of graph.Attrs' kinds, or the Ext of a
// model, graph, node or parameter. An attribute that is not storable is an
// error; an Ext that is not Foreign is left out.
type Foreign interface {
	ForeignKind() string // such as "onnx.SparseTensor", for ever
	MarshalBinary() ([]byte, error)
}

// RawForeign is a foreign value whose kind nothing in this program registers.
// It is written back as it is.
type RawForeign struct {
	Kind string
	Data []byte
}

// ForeignKind returns the kind found in the file.
func (r RawForeign) ForeignKind() string { return r.Kind }

// MarshalBinary returns the bytes found in the file.
func (r RawForeign) MarshalBinary() ([]byte, error) { return r.Data, nil }

var foreign = registry.New[func([]byte) (any, error)]("foreign value")

// RegisterForeign sets how values of a kind are restored from what MarshalBinary
// returned. The bytes may be hostile and are the function's to keep.
func RegisterForeign(kind string, unmarshal func([]byte) (any, error)) {
	foreign.Add(kind, unmarshal)
}

func foreignToPB(v Foreign) (*cmzpb.Foreign, error) {
	data, err := v.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.ForeignKind(), err)
	}
	return &cmzpb.Foreign{Kind: v.ForeignKind(), Data: data}, nil
}

// extToPB is foreignToPB for an Ext, which may be anything.
func extToPB(ext any) (*cmzpb.Foreign, error) {
	if v, ok := ext.(Foreign); ok {
		return foreignToPB(v)
	}
	return nil, nil
}

func foreignFromPB(p *cmzpb.Foreign) (any, error) {
	if p == nil {
		return nil, nil
	}
	unmarshal, ok := foreign.Lookup(p.Kind)
	if !ok {
		return RawForeign{Kind: p.Kind, Data: p.Data}, nil
	}
	v, err := unmarshal(p.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Kind, err)
	}
	return v, nil
}

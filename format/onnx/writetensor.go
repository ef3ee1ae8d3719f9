package onnx

import (
	"fmt"
	"strconv"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// externalMin is the least size of a tensor that goes to the external file;
// externalAlign is where each starts, so that it can be mapped into memory.
const (
	externalMin   = 1 << 10
	externalAlign = 4096
)

// dataFile collects what goes to the file beside the model.
type dataFile struct {
	name  string
	size  int64
	parts []part
}

// add reserves room for p and returns where it starts.
func (d *dataFile) add(p payload) int64 {
	if pad := -d.size & (externalAlign - 1); pad > 0 {
		d.parts = append(d.parts, part{bytes: make([]byte, pad)})
		d.size += pad
	}
	d.parts = append(d.parts, part{data: &p})
	at := d.size
	d.size += p.size
	return at
}

// tensorHead starts a TensorProto.
func tensorHead(name string, d tensor.DType, s tensor.Shape) (*out, error) {
	o := &out{}
	e, ok := elemOf[d]
	if !ok {
		return nil, fmt.Errorf("tensor %q of type %v has no ONNX type", name, d)
	}
	for _, n := range s {
		o.int(tensorDims, int64(n))
	}
	o.int(tensorType, int64(e))
	o.string(tensorName, name)
	return o, nil
}

// tensor writes a tensor of an attribute.
func (w *writer) tensor(name string, t *tensor.Tensor) (*out, error) {
	o, err := tensorHead(name, t.DType(), t.Shape())
	if err != nil {
		return nil, err
	}
	if t.DType() == tensor.String {
		for _, s := range tensor.Data[string](t) {
			o.bytes(tensorStrings, []byte(s))
		}
		return o, nil
	}
	o.data(tensorRaw, tensorPayload(t))
	return o, nil
}

// param writes a parameter as a TensorProto.
func (w *writer) param(p *graph.Param, name string, external bool) (*out, error) {
	if p.DType == tensor.String {
		t, err := p.Load()
		if err != nil {
			return nil, err
		}
		o, err := w.tensor(name, t)
		if err == nil {
			o.add(extra(p))
		}
		return o, err
	}
	o, err := tensorHead(name, p.DType, p.Shape)
	if err != nil {
		return nil, err
	}
	o.add(extra(p))
	data := paramPayload(p)
	if w.external == nil || !external || data.size < externalMin {
		o.data(tensorRaw, data)
		return o, nil
	}
	w.reference(o, data)
	return o, nil
}

// reference puts data into the external file and says so in o.
func (w *writer) reference(o *out, data payload) {
	at := w.external.add(data)
	for _, e := range [][2]string{{"location", w.external.name}, {"offset", strconv.FormatInt(at, 10)}, {"length", strconv.FormatInt(data.size, 10)}} {
		o.bytes(tensorExternal, entryBytes(e[0], e[1]))
	}
	o.int(tensorLocation, 1)
}

// extra returns what the file said about the tensor beyond its data.
func extra(p *graph.Param) []byte {
	if x, ok := p.Ext.(*paramExt); ok && x.Sparse == nil {
		return x.Extra
	}
	return nil
}

// opaque writes a tensor of an opaque type.
func (w *writer) opaque(t *opaqueTensor) *out {
	o := &out{}
	o.add(t.Head)
	if t.raw != nil {
		o.data(tensorRaw, opaquePayload(t))
	}
	return o
}

// entryBytes is a StringStringEntryProto.
func entryBytes(k, v string) []byte {
	o := &out{}
	o.bytes(1, []byte(k))
	o.bytes(2, []byte(v))
	return o.buf
}

package onnx

import (
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// payload is a tensor's data, produced when they are written.
type payload struct {
	size  int64
	write func(io.Writer) error
}

// out is a protobuf message under construction: bytes, and payloads between them.
type out struct {
	parts []part
	buf   []byte
	size  int64
}

type part struct {
	bytes []byte
	data  *payload
}

func (o *out) add(b []byte) {
	o.buf = append(o.buf, b...)
	o.size += int64(len(b))
}

func (o *out) tag(num protowire.Number, t protowire.Type) {
	o.add(protowire.AppendTag(nil, num, t))
}

// int writes an integer field, zero or not.
func (o *out) int(num protowire.Number, v int64) {
	o.tag(num, protowire.VarintType)
	o.add(protowire.AppendVarint(nil, uint64(v)))
}

// string writes a string field unless it is empty.
func (o *out) string(num protowire.Number, s string) {
	if s != "" {
		o.bytes(num, []byte(s))
	}
}

// stringField returns a string field alone.
func stringField(num protowire.Number, s string) []byte {
	o := &out{}
	o.string(num, s)
	return o.buf
}

// bytes writes a field of bytes or a finished message.
func (o *out) bytes(num protowire.Number, b []byte) {
	o.tag(num, protowire.BytesType)
	o.add(protowire.AppendBytes(nil, b))
}

func (o *out) float(num protowire.Number, f float32) {
	o.tag(num, protowire.Fixed32Type)
	o.add(protowire.AppendFixed32(nil, math.Float32bits(f)))
}

// message writes m as a field.
func (o *out) message(num protowire.Number, m *out) {
	o.tag(num, protowire.BytesType)
	o.add(protowire.AppendVarint(nil, uint64(m.size)))
	if len(m.parts) == 0 {
		o.add(m.buf)
		return
	}
	o.parts = append(o.parts, part{bytes: o.buf})
	o.parts = append(o.parts, m.parts...)
	o.buf = m.buf
	o.size += m.size
}

// data writes a payload as a field.
func (o *out) data(num protowire.Number, p payload) {
	o.tag(num, protowire.BytesType)
	o.add(protowire.AppendVarint(nil, uint64(p.size)))
	o.parts = append(o.parts, part{bytes: o.buf}, part{data: &p})
	o.buf = nil
	o.size += p.size
}

// writeTo writes the whole message.
func (o *out) writeTo(w io.Writer) error {
	for _, p := range o.parts {
		if err := p.writeTo(w); err != nil {
			return err
		}
	}
	_, err := w.Write(o.buf)
	return err
}

func (p part) writeTo(w io.Writer) error {
	if p.data != nil {
		return p.data.write(w)
	}
	_, err := w.Write(p.bytes)
	return err
}

// tensorPayload is the raw data of a tensor that is at hand.
func tensorPayload(t *tensor.Tensor) payload {
	return payload{int64(t.Bytes()), func(w io.Writer) error { return writeRaw(w, t) }}
}

func writeRaw(w io.Writer, t *tensor.Tensor) error {
	b := t.Raw()
	if bigEndian {
		b = append([]byte(nil), b...)
		toNative(b, t.DType().Size())
	}
	_, err := w.Write(b)
	return err
}

// paramPayload is the raw data of a parameter; those of a lazy one are copied
// from file to file.
func paramPayload(p *graph.Param) payload {
	size := int64(p.Shape.Size()) * int64(p.DType.Size())
	if d, ok := p.Lazy.(*tensorData); ok && p.Data == nil && d.field == 0 && d.dtype == p.DType && d.end-d.pos == size {
		return payload{size, func(w io.Writer) error {
			_, err := io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(d.s.r, d.pos, size), make([]byte, 1<<20))
			return err
		}}
	}
	return payload{size, func(w io.Writer) error {
		t, err := p.Load()
		if err != nil {
			return err
		}
		if t.DType() != p.DType || !t.Shape().Equal(p.Shape) {
			return fmt.Errorf("parameter %q is declared %v%v and holds %v", p.Name, p.DType, p.Shape, t)
		}
		return writeRaw(w, t)
	}}
}

// onlyWriter hides other methods, so that the buffer is used.
type onlyWriter struct{ io.Writer }

// opaquePayload is the raw data of an opaque tensor.
func opaquePayload(o *opaqueTensor) payload {
	return payload{o.raw.end - o.raw.pos, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(o.raw.s.r, o.raw.pos, o.raw.end-o.raw.pos))
		return err
	}}
}

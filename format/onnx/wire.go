package onnx

import (
	"errors"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// source is an open file: its bytes through a window, and what may still be
// allocated because of it.
type source struct {
	r    io.ReaderAt
	size int64
	left int64 // bytes of memory that the graph may still take

	win []byte // the bytes from off
	off int64
	buf []byte
}

const windowBytes = 64 << 10

func newSource(r io.ReaderAt, size, budget int64) *source {
	return &source{r: r, size: size, left: budget}
}

// charge takes n bytes from what the file may make a reader allocate.
func (s *source) charge(n, off int64) error {
	if s.left -= n; s.left < 0 {
		return fail(ErrLimit, off, "the graph needs more memory than a file of %d bytes may take", s.size)
	}
	return nil
}

// at returns at least one byte from off, at most up to end, from the window.
func (s *source) at(off, end int64, want int) ([]byte, error) {
	if in := off - s.off; in < 0 || in+min(int64(want), end-off) > int64(len(s.win)) {
		if s.buf == nil {
			s.buf = make([]byte, min(windowBytes, s.size))
		}
		n := min(int64(len(s.buf)), s.size-off)
		s.win, s.off = s.buf[:n], off
		if err := readFull(s.r, s.win, off); err != nil {
			s.win = nil
			return nil, err
		}
	}
	b := s.win[off-s.off:]
	return b[:min(int64(len(b)), end-off)], nil
}

// readFull fills b from off.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return fail(ErrWire, off+int64(n), "the file ends %d bytes early", len(b)-n)
	}
	return err
}

// message is the part of the file that one protobuf message takes, and how far
// it has been read.
type message struct {
	s        *source
	pos, end int64
	num      protowire.Number // of the field that next found
	typ      protowire.Type
	tag      int64 // where that field's tag is
}

func (s *source) whole() message { return message{s: s, end: s.size} }

// next goes to the next field and reports whether there is one.
func (m *message) next() (bool, error) {
	if m.pos >= m.end {
		return false, nil
	}
	m.tag = m.pos
	v, err := m.varint()
	if err != nil {
		return false, err
	}
	m.num, m.typ = protowire.DecodeTag(v)
	if !m.num.IsValid() || m.num > protowire.MaxValidNumber {
		return false, fail(ErrWire, m.tag, "field number %d", m.num)
	}
	return true, nil
}

// varint reads a varint.
func (m *message) varint() (uint64, error) {
	b, err := m.s.at(m.pos, m.end, 10)
	if err != nil {
		return 0, err
	}
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, fail(ErrWire, m.pos, "bad varint")
	}
	m.pos += int64(n)
	return v, nil
}

// fixed reads n (4 or 8) little-endian bytes.
func (m *message) fixed(n int64) (v uint64, err error) {
	if m.end-m.pos < n {
		return 0, fail(ErrWire, m.pos, "a value of %d bytes in a message with %d left", n, m.end-m.pos)
	}
	b, err := m.s.at(m.pos, m.end, int(n))
	if err != nil {
		return 0, err
	}
	for i := range n {
		v |= uint64(b[i]) << (8 * i)
	}
	m.pos += n
	return v, nil
}

// span reads a length and returns the range of the bytes that follow, which it skips.
func (m *message) span() (message, error) {
	n, err := m.varint()
	if err != nil {
		return message{}, err
	}
	if n > uint64(m.end-m.pos) {
		return message{}, fail(ErrWire, m.tag, "field %d of %d bytes in a message with %d left", m.num, n, m.end-m.pos)
	}
	sub := message{s: m.s, pos: m.pos, end: m.pos + int64(n)}
	m.pos = sub.end
	return sub, nil
}

// want fails unless the current field has the given wire type.
func (m *message) want(t protowire.Type) error {
	if m.typ != t {
		return fail(ErrWire, m.tag, "field %d has wire type %d, want %d", m.num, m.typ, t)
	}
	return nil
}

// int64 reads an integer field.
func (m *message) int64() (int64, error) {
	if err := m.want(protowire.VarintType); err != nil {
		return 0, err
	}
	v, err := m.varint()
	return int64(v), err
}

// sub returns the message in the current field.
func (m *message) sub() (message, error) {
	if err := m.want(protowire.BytesType); err != nil {
		return message{}, err
	}
	return m.span()
}

// rest reads what is left of m.
func (m *message) rest() ([]byte, error) {
	if err := m.s.charge(2*(m.end-m.pos), m.pos); err != nil {
		return nil, err
	}
	b := make([]byte, m.end-m.pos)
	err := readFull(m.s.r, b, m.pos)
	m.pos = m.end
	return b, err
}

// string reads the current field as a string.
func (m *message) string() (string, error) {
	sub, err := m.sub()
	if err != nil {
		return "", err
	}
	if n := sub.end - sub.pos; n <= windowBytes/2 {
		if err := m.s.charge(n+16, sub.pos); err != nil || n == 0 {
			return "", err
		}
		b, err := m.s.at(sub.pos, sub.end, int(n))
		return string(b), err
	}
	b, err := sub.rest()
	return string(b), err
}

// growth is how many times its final size a slice takes in all while it grows.
const growth = 5

// ints appends the current field, one integer or a packed list.
func (m *message) ints(to []int64) ([]int64, error) {
	if m.typ == protowire.VarintType {
		v, err := m.int64()
		return append(to, v), firstError(err, m.s.charge(growth*8, m.tag))
	}
	sub, err := m.sub()
	if err != nil {
		return nil, err
	}
	n, err := sub.countVarints()
	if err == nil {
		err = m.s.charge(growth*8*n, m.tag)
	}
	if err != nil {
		return nil, err
	}
	to = slices.Grow(to, int(n))
	for sub.pos < sub.end {
		v, err := sub.varint()
		if err != nil {
			return nil, err
		}
		to = append(to, int64(v))
	}
	return to, nil
}

// countVarints returns the number of varints in m, which it does not consume.
func (m message) countVarints() (n int64, err error) {
	for m.pos < m.end {
		if _, err := m.varint(); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// skip passes over the current field.
func (m *message) skip() error {
	var err error
	switch m.typ {
	case protowire.VarintType:
		_, err = m.varint()
	case protowire.Fixed32Type:
		_, err = m.fixed(4)
	case protowire.Fixed64Type:
		_, err = m.fixed(8)
	case protowire.BytesType:
		_, err = m.span()
	default:
		err = fail(ErrWire, m.tag, "field %d has wire type %d, which ONNX does not use", m.num, m.typ)
	}
	return err
}

// keep appends the current field, tag and all, to raw: what this package has no
// name for survives in it.
func (m *message) keep(raw *[]byte) error {
	from := message{s: m.s, pos: m.tag}
	if err := m.skip(); err != nil {
		return err
	}
	from.end = m.pos
	b, err := from.rest()
	*raw = append(*raw, b...)
	return err
}

package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
)

const (
	magic     = "\x93NUMPY"
	maxHeader = 1 << 16 // NumPy itself refuses longer ones by default
	maxRank   = 64      // NumPy's
)

type header struct {
	dtype         tensor.DType
	shape         tensor.Shape
	fortran, swap bool
}

// little says whether this machine stores the low byte first.
var little = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

var kinds = map[string]tensor.DType{
	"f2": tensor.F16, "f4": tensor.F32, "f8": tensor.F64,
	"i1": tensor.I8, "i2": tensor.I16, "i4": tensor.I32, "i8": tensor.I64,
	"u1": tensor.U8, "u2": tensor.U16, "u4": tensor.U32, "u8": tensor.U64,
	"b1": tensor.Bool,
}

// readHeader reads up to the first byte of the data and returns its offset.
func readHeader(r io.Reader) (header, int64, error) {
	var pre [12]byte
	if n, err := io.ReadFull(r, pre[:8]); err != nil || string(pre[:6]) != magic {
		return header{}, 0, failf(0, "no NumPy array: starts with %q", pre[:n])
	}
	lenBytes := 2
	switch pre[6] {
	case 1:
	case 2, 3:
		lenBytes = 4
	default:
		return header{}, 0, failf(6, "format version %d.%d, known are 1, 2 and 3", pre[6], pre[7])
	}
	if _, err := io.ReadFull(r, pre[8:8+lenBytes]); err != nil {
		return header{}, 0, failf(8, "header length is cut off")
	}
	n := binary.LittleEndian.Uint32(pre[8:])
	if n > maxHeader {
		return header{}, 0, failf(8, "header of %d bytes, at most %d are read", n, maxHeader)
	}
	start := int64(8 + lenBytes)
	text := make([]byte, n)
	if m, err := io.ReadFull(r, text); err != nil {
		return header{}, 0, failf(start, "header has %d of %d bytes", m, n)
	}
	p := parser{s: string(text), base: start}
	h, err := p.header()
	return h, start + int64(n), err
}

// parser reads the header, a Python dict literal such as
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
type parser struct {
	s    string
	pos  int
	base int64 // offset of s in the file
}

func (p *parser) failf(format string, args ...any) error {
	return failf(p.base+int64(p.pos), "header: "+format, args...)
}

// accept skips blanks and then tok, if it stands there.
func (p *parser) accept(tok string) bool {
	p.pos = len(p.s) - len(strings.TrimLeft(p.s[p.pos:], " \t\r\n"))
	if strings.HasPrefix(p.s[p.pos:], tok) {
		p.pos += len(tok)
		return true
	}
	return false
}

func (p *parser) expect(tok string) error {
	if p.accept(tok) {
		return nil
	}
	return p.failf("expected %q", tok)
}

func (p *parser) header() (header, error) {
	var h header
	seen := map[string]bool{}
	if err := p.expect("{"); err != nil {
		return h, err
	}
	for !p.accept("}") {
		key, err := p.str()
		if err != nil {
			return h, err
		}
		if seen[key] {
			return h, p.failf("key %q twice", key)
		}
		seen[key] = true
		if err := p.expect(":"); err != nil {
			return h, err
		}
		if err := p.value(key, &h); err != nil {
			return h, err
		}
		if !p.accept(",") && !strings.HasPrefix(p.s[p.pos:], "}") {
			return h, p.failf("expected ',' or '}'")
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return h, p.failf("no %q", key)
		}
	}
	return h, nil
}

func (p *parser) value(key string, h *header) (err error) {
	switch key {
	case "descr":
		h.dtype, h.swap, err = p.descr()
	case "fortran_order":
		h.fortran = p.accept("True")
		if !h.fortran {
			err = p.expect("False")
		}
	case "shape":
		h.shape, err = p.shape()
	default:
		err = p.failf("unknown key %q", key)
	}
	return err
}

func (p *parser) str() (string, error) {
	for _, q := range []string{"'", `"`} {
		if !p.accept(q) {
			continue
		}
		end := strings.Index(p.s[p.pos:], q)
		if end < 0 {
			return "", p.failf("string without an end")
		}
		s := p.s[p.pos : p.pos+end]
		p.pos += end + 1
		return s, nil
	}
	return "", p.failf("expected a string")
}

// descr reads a type such as '<f4': byte order, kind and size.
func (p *parser) descr() (tensor.DType, bool, error) {
	if p.accept("[") {
		return 0, false, p.failf("structured array; save one plain array per field")
	}
	s, err := p.str()
	if err != nil {
		return 0, false, err
	}
	kind := strings.TrimLeft(s, "<>=|")
	d, ok := kinds[kind]
	if !ok || len(s)-len(kind) > 1 {
		return 0, false, p.failf("array type %q; convert it to a float, integer or bool type", s)
	}
	fileLittle := s[0] == '<' || s[0] != '>' && little
	return d, fileLittle != little, nil
}

// shape reads a tuple of extents such as (3, 4) or (3,).
func (p *parser) shape() (tensor.Shape, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	s := tensor.Shape{}
	for !p.accept(")") {
		if len(s) == maxRank {
			return nil, p.failf("more than %d axes", maxRank)
		}
		digits := p.s[p.pos:]
		if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = digits[:end]
		}
		d, err := strconv.Atoi(digits)
		if err != nil {
			return nil, p.failf("expected an extent")
		}
		p.pos += len(digits)
		p.accept("L") // Python 2 wrote long integers so
		s = append(s, d)
		if !p.accept(",") && !strings.HasPrefix(p.s[p.pos:], ")") {
			return nil, p.failf("expected ',' or ')'")
		}
	}
	return s, nil
}

// appendHeader appends the version 1 header of t, padded so that the data
// starts at a multiple of 64 bytes.
func appendHeader(b []byte, t *tensor.Tensor) ([]byte, error) {
	descr, err := descrOf(t.DType())
	if err != nil {
		return nil, err
	}
	dims := ""
	for _, d := range t.Shape() {
		dims += strconv.Itoa(d) + ","
	}
	if t.Rank() > 1 {
		dims = strings.TrimSuffix(dims, ",")
	}
	dims = strings.ReplaceAll(dims, ",", ", ")
	if t.Rank() == 1 {
		dims = strings.TrimSuffix(dims, " ")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, dims)
	pad := -(len(magic) + 4 + len(text) + 1) & 63
	text += strings.Repeat(" ", pad) + "\n"
	b = append(b, magic+"\x01\x00"...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...), nil
}

func descrOf(d tensor.DType) (string, error) {
	for kind, k := range kinds {
		switch {
		case k != d:
		case d.Size() == 1:
			return "|" + kind, nil
		case little:
			return "<" + kind, nil
		default:
			return ">" + kind, nil
		}
	}
	return "", fmt.Errorf("npy: NumPy has no %v; convert the tensor first, to float32 for bfloat16", d)
}

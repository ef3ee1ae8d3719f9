package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
)

// Limits that keep a hostile file's memory below 64 MiB plus twice its size.
const (
	maxHeader  = 16 << 20
	maxTensors = 1 << 16
	maxRank    = 64
)

// Error says what is wrong with a file and where. It wraps format.ErrFormat.
type Error struct {
	Offset int64  // first byte of the part at fault
	Tensor string // or ""
	Err    error
}

func (e *Error) Error() string {
	if e.Tensor == "" {
		return fmt.Sprintf("safetensors: at byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("safetensors: tensor %q (described at byte %d): %v", e.Tensor, e.Offset, e.Err)
}

// Unwrap makes errors.Is true for format.ErrFormat and the cause.
func (e *Error) Unwrap() []error { return []error{format.ErrFormat, e.Err} }

func bad(offset int64, text string, args ...any) error {
	return &Error{Offset: offset, Err: fmt.Errorf(text, args...)}
}

// info is one tensor of a file.
type info struct {
	name       string
	dtype      string
	shape      []int
	begin, end int64 // in the file
	at         int64 // of its description
}

// bitsOf gives the size of an element of each type.
var bitsOf = map[string]int{
	"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
	"I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
	"I64": 64, "U64": 64, "F64": 64, "C64": 64,
}

// native maps the types that the engine has.
var native = map[string]tensor.DType{
	"BOOL": tensor.Bool, "U8": tensor.U8, "I8": tensor.I8, "I16": tensor.I16, "U16": tensor.U16, "I32": tensor.I32, "U32": tensor.U32,
	"I64": tensor.I64, "U64": tensor.U64, "F16": tensor.F16, "BF16": tensor.BF16, "F32": tensor.F32, "F64": tensor.F64,
}

// readHeader reads and checks everything but the tensors' bytes.
func readHeader(r io.ReaderAt, size int64) (infos []info, meta map[string]string, err error) {
	var head [8]byte
	if size < 8 {
		return nil, nil, bad(0, "%d bytes cannot hold a file", size)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, nil, bad(0, "header of %d bytes in a file of %d, at most %d are read", n, size, maxHeader)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil && !(errors.Is(err, io.EOF) && int64(n) == size-8) {
		return nil, nil, err
	}
	p := &parser{base: 8 + int64(n), seen: map[string]bool{}}
	if err := p.parse(text); err != nil {
		return nil, nil, err
	}
	return p.infos, p.meta, covers(p.infos, p.base, size)
}

// covers checks that the tensors fill the bytes from base to size without gap or overlap.
func covers(infos []info, base, size int64) error {
	order := slices.Clone(infos)
	slices.SortFunc(order, func(a, b info) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end)) })
	at := base
	for _, t := range order {
		if t.begin != at {
			return &Error{Offset: t.at, Tensor: t.name, Err: fmt.Errorf("its bytes begin at %d, expected %d: tensors must follow each other without gap or overlap", t.begin, at)}
		}
		at = t.end
	}
	if at != size {
		return bad(at, "the tensors end at %d, the file at %d", at, size)
	}
	return nil
}

// parser reads the JSON header member by member.
type parser struct {
	base  int64
	infos []info
	meta  map[string]string
	seen  map[string]bool
}

func (p *parser) parse(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	at := func() int64 { return 8 + dec.InputOffset() }
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return bad(8, "the header is not a JSON object")
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return bad(at(), "header: %w", err)
		}
		name, _ := t.(string)
		if p.seen[name] {
			return &Error{Offset: at(), Tensor: name, Err: errors.New("described twice")}
		}
		p.seen[name] = true
		if err := p.member(dec, name, at()); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return bad(at(), "header: %w", err)
	}
	if rest := bytes.TrimLeft(text[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return bad(at(), "the header goes on after its end")
	}
	return nil
}

func (p *parser) member(dec *json.Decoder, name string, at int64) error {
	if name == "__metadata__" {
		if err := dec.Decode(&p.meta); err != nil {
			return bad(at, "__metadata__ is not an object of strings: %w", err)
		}
		return nil
	}
	if len(p.infos) == maxTensors {
		return bad(at, "more than %d tensors", maxTensors)
	}
	var d struct {
		DType   string   `json:"dtype"`
		Shape   []int64  `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if err := dec.Decode(&d); err != nil {
		return &Error{Offset: at, Tensor: name, Err: err}
	}
	t := info{name: name, dtype: strings.ToUpper(d.DType), begin: p.base + d.Offsets[0], end: p.base + d.Offsets[1], at: at}
	if err := t.setShape(d.Shape, d.Offsets); err != nil {
		return &Error{Offset: at, Tensor: name, Err: err}
	}
	p.infos = append(p.infos, t)
	return nil
}

// setShape checks that the shape and the type make exactly the bytes that are declared.
func (t *info) setShape(shape []int64, offsets [2]int64) error {
	bits, ok := bitsOf[t.dtype]
	switch {
	case !ok:
		return fmt.Errorf("unknown element type %q", t.dtype)
	case len(shape) > maxRank:
		return fmt.Errorf("rank %d, at most %d", len(shape), maxRank)
	case offsets[0] < 0 || offsets[1] < offsets[0] || offsets[1] > 1<<60:
		return fmt.Errorf("bytes %d to %d", offsets[0], offsets[1])
	}
	t.shape = make([]int, len(shape))
	for i, d := range shape {
		if d < 0 || d > 1<<48 {
			return fmt.Errorf("extent %d", d)
		}
		t.shape[i] = int(d)
	}
	n, ok := tensor.Shape(t.shape).CheckedSize(1 << 56)
	if !ok || int64(n)*int64(bits)%8 != 0 || int64(n)*int64(bits)/8 != offsets[1]-offsets[0] {
		return fmt.Errorf("%d bytes for %s%v", offsets[1]-offsets[0], t.dtype, shape)
	}
	return nil
}

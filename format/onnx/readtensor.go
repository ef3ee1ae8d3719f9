package onnx

import (
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// Bounds of what is accepted.
const (
	maxRank    = 64
	maxExtent  = 1 << 40
	maxEntries = 16       // about external data
	eagerSize  = 64 << 10 // tensors up to this many bytes are read with the graph
)

// tensorProto is a TensorProto whose data stay in the file.
type tensorProto struct {
	msg     message
	name    string
	elem    elemType
	shape   tensor.Shape
	n       int    // elements
	extra   []byte // doc string, metadata and unknown fields as they came
	raw     *message
	typed   protowire.Number // the field of typed data that occurs
	count   int              // elements in it
	outside map[string]string
	isOut   bool
}

// tensor reads a TensorProto up to its data.
func (r *reader) tensor(m message) (*tensorProto, error) {
	t := &tensorProto{msg: m}
	for {
		ok, err := m.next()
		if err == nil && ok {
			err = t.field(&m)
		}
		if err != nil {
			return nil, ofTensor(err, t.name)
		}
		if !ok {
			break
		}
	}
	if err := r.s.charge(256, m.end); err != nil {
		return nil, err
	}
	if err := t.checkShape(); err != nil {
		return nil, ofTensor(err, t.name)
	}
	if t.isOut {
		if err := r.outside(t); err != nil {
			return nil, ofTensor(err, t.name)
		}
	}
	return t, ofTensor(t.checkData(), t.name)
}

func (t *tensorProto) field(m *message) (err error) {
	switch m.num {
	case tensorDims:
		var dims []int64
		if dims, err = m.ints(nil); err == nil {
			err = t.dims(dims, m.tag)
		}
	case tensorType:
		var v int64
		v, err = m.int64()
		t.elem = elemType(v)
	case tensorName:
		t.name, err = m.string()
	case tensorRaw:
		var raw message
		raw, err = m.sub()
		t.raw = &raw
	case tensorFloats, tensorInt32s, tensorStrings, tensorInt64s, tensorDoubles, tensorUint64s:
		err = t.typedField(m)
	case tensorExternal:
		err = t.external(m)
	case tensorLocation:
		var v int64
		v, err = m.int64()
		t.isOut = v == 1
	default:
		err = m.keep(&t.extra)
	}
	return err
}

func (t *tensorProto) dims(dims []int64, off int64) error {
	for _, d := range dims {
		if d < 0 || d > maxExtent || len(t.shape) == maxRank {
			return fail(ErrLimit, off, "extent %d as dimension %d", d, len(t.shape))
		}
		t.shape = append(t.shape, int(d))
	}
	return nil
}

// typedField counts the elements of the current field.
func (t *tensorProto) typedField(m *message) error {
	if t.typed != 0 && t.typed != m.num {
		return fail(ErrWire, m.tag, "data in the fields %d and %d", t.typed, m.num)
	}
	t.typed = m.num
	if m.typ != protowire.BytesType || m.num == tensorStrings {
		t.count++
		return m.skip()
	}
	data, err := m.sub()
	if err != nil {
		return err
	}
	switch m.num {
	case tensorFloats:
		t.count += int((data.end - data.pos) / 4)
	case tensorDoubles:
		t.count += int((data.end - data.pos) / 8)
	default:
		n, err := data.countVarints()
		t.count += int(n)
		return err
	}
	return nil
}

// external reads one entry of where the data are.
func (t *tensorProto) external(m *message) error {
	sub, err := m.sub()
	if err != nil {
		return err
	}
	k, v, err := sub.entry()
	if err != nil {
		return err
	}
	if len(t.outside) == maxEntries {
		return fail(ErrLimit, m.tag, "more than %d entries about external data", maxEntries)
	}
	if t.outside == nil {
		t.outside = map[string]string{}
	}
	t.outside[k] = v
	return nil
}

// entry reads a StringStringEntryProto.
func (m *message) entry() (key, value string, err error) {
	for {
		ok, err := m.next()
		if err != nil || !ok {
			return key, value, err
		}
		switch m.num {
		case 1:
			key, err = m.string()
		case 2:
			value, err = m.string()
		default:
			err = m.skip()
		}
		if err != nil {
			return "", "", err
		}
	}
}

func (t *tensorProto) checkShape() error {
	n, ok := t.shape.CheckedSize(math.MaxInt / 16)
	if !ok {
		return fail(ErrLimit, t.msg.end, "shape %v overflows", t.shape)
	}
	t.n = n
	return nil
}

// checkData makes sure that the data are as many as the shape says.
func (t *tensorProto) checkData() error {
	k, known := elems[t.elem]
	switch {
	case t.raw != nil && t.typed != 0:
		return fail(ErrWire, t.raw.pos, "both raw and typed data")
	case !known:
		if elemNames[t.elem] == "" {
			return fail(ErrWire, t.msg.end, "unknown element type %d", t.elem)
		}
		return nil
	case t.raw != nil:
		if got, want := t.raw.end-t.raw.pos, int64(t.n)*int64(k.dtype.Size()); k.dtype == tensor.String || got != want {
			return fail(ErrWire, t.raw.pos, "%d bytes of raw data for %v%v, want %d", got, k.dtype, t.shape, want)
		}
	case t.typed != 0 && t.typed != k.field:
		return fail(ErrWire, t.msg.end, "field %d holds no data of type %v", t.typed, k.dtype)
	case t.count != t.n:
		return fail(ErrWire, t.msg.end, "%d elements for %v%v", t.count, k.dtype, t.shape)
	}
	return nil
}

// outside replaces the reference to another file by the range in it.
func (r *reader) outside(t *tensorProto) error {
	loc := t.outside["location"]
	if t.raw != nil || t.typed != 0 {
		return fail(ErrWire, t.msg.end, "data both here and in %q", loc)
	}
	var err error
	num := func(key string, def int64) int64 {
		v, ok := t.outside[key]
		if !ok || err != nil {
			return def
		}
		n, e := strconv.ParseInt(v, 10, 64)
		if e != nil || n < 0 {
			err = fail(ErrExternal, t.msg.end, "%s %q of the data in %q is not a size", key, v, loc)
		}
		return n
	}
	src, openErr := r.external.open(loc)
	if openErr != nil {
		return &FileError{Kind: ErrExternal, Offset: t.msg.end, Err: openErr}
	}
	off := num("offset", 0)
	want := src.size - off
	if k, ok := elems[t.elem]; ok {
		want = int64(t.n) * int64(k.dtype.Size())
	}
	n := num("length", want)
	if err == nil && (off > src.size || n > src.size-off) {
		err = fail(ErrExternal, t.msg.end, "bytes %d to %d of %q, which has %d", off, off+n, loc, src.size)
	}
	t.raw = &message{s: src, pos: off, end: off + n}
	return err
}

// data returns the parameter data's reader.
func (t *tensorProto) data() *tensorData {
	d := &tensorData{dtype: elems[t.elem].dtype, shape: t.shape, n: t.n, name: t.name}
	if t.raw != nil {
		d.s, d.pos, d.end = t.raw.s, t.raw.pos, t.raw.end
	} else {
		d.s, d.pos, d.end, d.field = t.msg.s, t.msg.pos, t.msg.end, elems[t.elem].field
	}
	return d
}

// tensorData is the loader of a tensor that lies in a file.
type tensorData struct {
	s        *source
	pos, end int64            // of the raw data, or of the whole message when field is set
	field    protowire.Number // of the typed data, or 0
	dtype    tensor.DType
	shape    tensor.Shape
	n        int
	name     string
}

// bytes is the memory that the tensor takes once read.
func (d *tensorData) bytes() int64 { return int64(d.n) * int64(d.dtype.Size()) }

// Load implements graph.Loader. It may be called from several goroutines.
func (d *tensorData) Load() (*tensor.Tensor, error) {
	t := tensor.New(d.dtype, d.shape)
	if d.field == 0 {
		if err := d.readRaw(t); err != nil {
			return nil, ofTensor(err, d.name)
		}
		return t, nil
	}
	if err := d.readTyped(t); err != nil {
		return nil, ofTensor(err, d.name)
	}
	return t, nil
}

func (d *tensorData) readRaw(t *tensor.Tensor) error {
	b := t.Raw()
	if err := readFull(d.s.r, b, d.pos); err != nil {
		return err
	}
	toNative(b, d.dtype.Size())
	if d.dtype == tensor.Bool {
		for i := range b {
			b[i] = min(b[i], 1)
		}
	}
	return nil
}

// readTyped decodes the elements of the typed field.
func (d *tensorData) readTyped(t *tensor.Tensor) error {
	own := newSource(d.s.r, d.s.size, math.MaxInt64)
	m := message{s: own, pos: d.pos, end: d.end}
	put, at := putter(t), 0
	for {
		ok, err := m.next()
		if err != nil || !ok {
			return err
		}
		if m.num != d.field {
			err = m.skip()
		} else {
			err = elements(&m, t, func(v uint64) { put(at, v); at++ }, &at)
		}
		if err != nil {
			return err
		}
		if at > d.n {
			return fmt.Errorf("tensor %q changed while it was read", d.name)
		}
	}
}

// elements decodes one occurrence of a typed field.
func elements(m *message, t *tensor.Tensor, put func(uint64), at *int) error {
	if m.num == tensorStrings {
		s, err := m.string()
		if err == nil && *at < t.Len() {
			tensor.Data[string](t)[*at] = s
		}
		*at++
		return err
	}
	width := map[protowire.Number]int64{tensorFloats: 4, tensorDoubles: 8}[m.num]
	one := func(m *message) (uint64, error) {
		if width > 0 {
			return m.fixed(width)
		}
		return m.varint()
	}
	data := *m
	if m.typ == protowire.BytesType {
		var err error
		if data, err = m.sub(); err != nil {
			return err
		}
	}
	for *at < t.Len() && data.pos < data.end {
		v, err := one(&data)
		if err != nil {
			return err
		}
		put(v)
		if m.typ != protowire.BytesType {
			m.pos = data.pos
			return nil
		}
	}
	return nil
}

// putter returns a function that stores an element from its wire value.
func putter(t *tensor.Tensor) func(i int, v uint64) {
	switch t.DType() {
	case tensor.F32:
		d := t.F32s()
		return func(i int, v uint64) { d[i] = math.Float32frombits(uint32(v)) }
	case tensor.F64:
		d := tensor.Data[float64](t)
		return func(i int, v uint64) { d[i] = math.Float64frombits(v) }
	case tensor.Bool:
		d := tensor.Data[bool](t)
		return func(i int, v uint64) { d[i] = v != 0 }
	case tensor.String:
		return nil
	}
	raw, size := t.Raw(), t.DType().Size()
	return func(i int, v uint64) { putInt(raw[i*size:][:size], v) }
}

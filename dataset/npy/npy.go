// Package npy reads and writes NumPy's .npy arrays and .npz archives of them.
//
// It covers the dense numeric types (float16/32/64, the integers, bool), both
// byte orders, C and Fortran order, format versions 1 to 3, and archives above
// 4 GiB. Object and structured arrays are refused: the first would run pickled
// code, the second is no tensor. It is not a model format: there is no
// checksum in a .npy file; use .cmz or .safetensors to keep weights.
//
// Files are not trusted. Everything declared is checked against [Limits] and,
// where the size is known, against the bytes that are there before memory is
// taken; from a stream memory grows only with the bytes that arrive. What is
// wrong comes back as a [*FormatError] with the offset.
//
// Source: NEP 1 and the numpy.lib.format documentation.
package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// FormatError says what is wrong in an array or archive and where.
type FormatError struct {
	Entry  string // the array's name within an archive, "" for a lone .npy
	Offset int64  // in the .npy stream
	Msg    string
	Err    error // the cause, when there is one
}

func (e *FormatError) Error() string {
	s := fmt.Sprintf("npy: offset %d: %s", e.Offset, e.Msg)
	if e.Entry != "" {
		s = fmt.Sprintf("npz: array %q: offset %d: %s", e.Entry, e.Offset, e.Msg)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

func failf(off int64, format string, args ...any) error {
	return &FormatError{Offset: off, Msg: fmt.Sprintf(format, args...)}
}

// DefaultMaxBytes is the cap that a zero Limits puts on the decoded size.
const DefaultMaxBytes = 4 << 30

// Limits bounds what a reader takes from a file; the zero value is useful.
type Limits struct {
	MaxBytes int64 // decoded bytes of an array, or of all arrays read from an archive; 0: DefaultMaxBytes
}

func (l Limits) maxBytes() int64 {
	if l.MaxBytes > 0 {
		return l.MaxBytes
	}
	return DefaultMaxBytes
}

// Read reads one array from r within the default limits and leaves r right behind it.
func Read(r io.Reader) (*tensor.Tensor, error) { return Limits{}.Read(r) }

// ReadFile reads a .npy file within the default limits.
func ReadFile(path string) (*tensor.Tensor, error) { return Limits{}.ReadFile(path) }

// Read reads one array from r and leaves r right behind it.
func (l Limits) Read(r io.Reader) (*tensor.Tensor, error) { return l.read(r, -1) }

// ReadFile reads a .npy file, which must end with the array.
func (l Limits) ReadFile(path string) (*tensor.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := st.Size()
	if !st.Mode().IsRegular() {
		size = -1
	}
	t, err := l.read(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// read reads one array; avail is the exact length of r, or -1 when unknown.
func (l Limits) read(r io.Reader, avail int64) (*tensor.Tensor, error) {
	h, off, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	size := int64(h.dtype.Size())
	n, ok := h.shape.CheckedSize(int(l.maxBytes() / size))
	if !ok {
		return nil, failf(off, "shape %v of %v is above the limit of %d bytes", h.shape, h.dtype, l.maxBytes())
	}
	if want := int64(n) * size; avail >= 0 && avail != off+want {
		return nil, failf(off, "%v%v needs %d bytes, the file has %d after the header", h.dtype, h.shape, want, avail-off)
	}
	t, err := readData(r, h, n, off, avail >= 0)
	if err != nil {
		return nil, err
	}
	if h.swap {
		swapBytes(t)
	}
	if h.fortran {
		t = fromFortran(t)
	}
	return t, nil
}

// chunk is how much memory a stream of unknown length gets ahead of its bytes.
const chunk = 16 << 20

// readData reads n elements; known says that the bytes are known to be there.
func readData(r io.Reader, h header, n int, off int64, known bool) (*tensor.Tensor, error) {
	total := n * h.dtype.Size()
	var early [][]byte
	if !known {
		for have := 0; total-have > chunk; have += chunk {
			b := make([]byte, chunk)
			if m, err := io.ReadFull(r, b); err != nil {
				return nil, truncated(h, total, have+m, off, err)
			}
			early = append(early, b)
		}
	}
	t := tensor.New(h.dtype, h.shape)
	raw := t.Raw()
	have := 0
	for _, b := range early {
		have += copy(raw[have:], b)
	}
	if m, err := io.ReadFull(r, raw[have:]); err != nil {
		return nil, truncated(h, total, have+m, off, err)
	}
	if h.dtype == tensor.Bool {
		for i, b := range raw {
			if b > 1 {
				return nil, failf(off+int64(i), "byte %#x is no bool", b)
			}
		}
	}
	return t, nil
}

func truncated(h header, want, have int, off int64, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &FormatError{Offset: off + int64(have), Err: err,
		Msg: fmt.Sprintf("data of %v%v: %d of %d bytes", h.dtype, h.shape, have, want)}
}

// swapBytes reverses the byte order of every element in place.
func swapBytes(t *tensor.Tensor) {
	raw := t.Raw()
	switch t.DType().Size() {
	case 2:
		for ; len(raw) > 0; raw = raw[2:] {
			raw[0], raw[1] = raw[1], raw[0]
		}
	case 4:
		for ; len(raw) > 0; raw = raw[4:] {
			binary.LittleEndian.PutUint32(raw, binary.BigEndian.Uint32(raw))
		}
	case 8:
		for ; len(raw) > 0; raw = raw[8:] {
			binary.LittleEndian.PutUint64(raw, binary.BigEndian.Uint64(raw))
		}
	}
}

// fromFortran returns t, read in column-major order, in row-major order.
func fromFortran(t *tensor.Tensor) *tensor.Tensor {
	if t.Rank() < 2 || t.Len() == 0 {
		return t
	}
	out := tensor.New(t.DType(), t.Shape())
	switch t.DType().Size() {
	case 1:
		reorder(t.Shape(), out.Raw(), t.Raw())
	case 2:
		reorder(t.Shape(), words[uint16](tensor.U16, out), words[uint16](tensor.U16, t))
	case 4:
		reorder(t.Shape(), words[uint32](tensor.U32, out), words[uint32](tensor.U32, t))
	case 8:
		reorder(t.Shape(), words[uint64](tensor.U64, out), words[uint64](tensor.U64, t))
	}
	return out
}

// words returns the elements of t as unsigned words of the same size, shared.
func words[T tensor.Elem](d tensor.DType, t *tensor.Tensor) []T {
	return tensor.Data[T](tensor.OfRaw(d, t.Shape(), t.Raw()))
}

// reorder fills dst in row-major order from the column-major src.
func reorder[T any](s tensor.Shape, dst, src []T) {
	strides := make([]int, len(s)) // of src, the first axis fastest
	n := 1
	for i, d := range s {
		strides[i] = n
		n *= d
	}
	idx := make([]int, len(s))
	from := 0
	for i := range dst {
		dst[i] = src[from]
		for ax := len(s) - 1; ax >= 0; ax-- {
			idx[ax]++
			from += strides[ax]
			if idx[ax] < s[ax] {
				break
			}
			from -= idx[ax] * strides[ax]
			idx[ax] = 0
		}
	}
}

// Package tensor holds shapes, typed dense arrays and counter-based random
// numbers. It computes nothing: arithmetic on tensors is engine/kernel's, and
// everything that knows about operators is engine/graph's.
//
// A tensor is dense, row-major and contiguous. Its data is a typed slice,
// reached with [Data]; a tensor never converts silently.
package tensor

import (
	"fmt"
	"strings"
	"unsafe"
)

// Elem lists the element types a tensor may hold.
type Elem interface {
	float32 | float64 | Float16 | BFloat16 |
		int8 | int16 | int32 | int64 |
		uint8 | uint16 | uint32 | uint64 | bool | string
}

// DType names an element type.
type DType uint8

// The element types. Invalid is the zero value.
const (
	Invalid DType = iota
	F32
	F64
	F16
	BF16
	I8
	I16
	I32
	I64
	U8
	U16
	U32
	U64
	Bool
	String
)

var dtypes = [...]struct {
	name string
	size int // bytes per element
}{
	Invalid: {"invalid", 0},
	F32:     {"float32", 4}, F64: {"float64", 8}, F16: {"float16", 2}, BF16: {"bfloat16", 2},
	I8: {"int8", 1}, I16: {"int16", 2}, I32: {"int32", 4}, I64: {"int64", 8},
	U8: {"uint8", 1}, U16: {"uint16", 2}, U32: {"uint32", 4}, U64: {"uint64", 8},
	Bool: {"bool", 1}, String: {"string", int(unsafe.Sizeof(""))},
}

// String returns the type's name as Go and NumPy spell it, "float32".
func (d DType) String() string {
	if int(d) < len(dtypes) {
		return dtypes[d].name
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// Size returns the bytes of one element in memory.
func (d DType) Size() int { return dtypes[d].size }

// IsFloat reports whether d is one of the floating-point types.
func (d DType) IsFloat() bool { return d >= F32 && d <= BF16 }

// DTypeOf returns the DType of the element type T.
func DTypeOf[T Elem]() DType {
	switch any(*new(T)).(type) {
	case float32:
		return F32
	case float64:
		return F64
	case Float16:
		return F16
	case BFloat16:
		return BF16
	case int8:
		return I8
	case int16:
		return I16
	case int32:
		return I32
	case int64:
		return I64
	case uint8:
		return U8
	case uint16:
		return U16
	case uint32:
		return U32
	case uint64:
		return U64
	case bool:
		return Bool
	}
	return String
}

// Shape lists the extents of a tensor, outermost first. An empty shape is a scalar.
type Shape []int

// Size returns the number of elements, 1 for a scalar.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// CheckedSize is Size for shapes from outside: it reports false for a negative
// extent or a product above limit instead of overflowing.
func (s Shape) CheckedSize(limit int) (int, bool) {
	n, zero := 1, false
	for _, d := range s {
		switch {
		case d < 0:
			return 0, false
		case d == 0:
			zero = true
		case n > limit/d:
			return 0, false
		default:
			n *= d
		}
	}
	if zero {
		return 0, true
	}
	return n, n <= limit
}

// Equal reports whether s and t have the same rank and extents.
func (s Shape) Equal(t Shape) bool {
	if len(s) != len(t) {
		return false
	}
	for i, d := range s {
		if t[i] != d {
			return false
		}
	}
	return true
}

// Clone returns a copy that shares nothing with s.
func (s Shape) Clone() Shape { return append(Shape{}, s...) }

// Strides returns the row-major strides in elements.
func (s Shape) Strides() []int {
	st := make([]int, len(s))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= s[i]
	}
	return st
}

// String prints the shape as [2 3 4].
func (s Shape) String() string {
	return "[" + strings.Trim(fmt.Sprint([]int(s)), "[]") + "]"
}

// Tensor is a dense row-major array. Tensors made by View share memory.
type Tensor struct {
	dtype DType
	shape Shape
	data  any // a []T with exactly shape.Size() elements
}

// New returns a zeroed tensor.
func New(d DType, s Shape) *Tensor {
	n := s.Size()
	t := &Tensor{dtype: d, shape: s.Clone()}
	switch d {
	case F32:
		t.data = make([]float32, n)
	case F64:
		t.data = make([]float64, n)
	case F16:
		t.data = make([]Float16, n)
	case BF16:
		t.data = make([]BFloat16, n)
	case I8:
		t.data = make([]int8, n)
	case I16:
		t.data = make([]int16, n)
	case I32:
		t.data = make([]int32, n)
	case I64:
		t.data = make([]int64, n)
	case U8:
		t.data = make([]uint8, n)
	case U16:
		t.data = make([]uint16, n)
	case U32:
		t.data = make([]uint32, n)
	case U64:
		t.data = make([]uint64, n)
	case Bool:
		t.data = make([]bool, n)
	case String:
		t.data = make([]string, n)
	default:
		panic("tensor: New of " + d.String())
	}
	return t
}

// Of returns a tensor over data, which it keeps. The length must be s.Size().
func Of[T Elem](s Shape, data []T) *Tensor {
	if len(data) != s.Size() {
		panic(fmt.Sprintf("tensor: %d elements for shape %v", len(data), s))
	}
	return &Tensor{dtype: DTypeOf[T](), shape: s.Clone(), data: data}
}

// Scalar returns a rank-0 tensor.
func Scalar[T Elem](v T) *Tensor { return Of(nil, []T{v}) }

// Vec returns a rank-1 tensor over data.
func Vec[T Elem](data ...T) *Tensor { return Of(Shape{len(data)}, data) }

// Data returns the elements of t, shared, not copied. It panics when T is not
// t's element type; check DType first for tensors from outside.
func Data[T Elem](t *Tensor) []T {
	d, ok := t.data.([]T)
	if !ok {
		panic(fmt.Sprintf("tensor: Data[%v] of a %v tensor", DTypeOf[T](), t.dtype))
	}
	return d
}

// F32s returns the elements of a float32 tensor.
func (t *Tensor) F32s() []float32 { return Data[float32](t) }

// I64s returns the elements of an int64 tensor.
func (t *Tensor) I64s() []int64 { return Data[int64](t) }

// DType returns the element type.
func (t *Tensor) DType() DType { return t.dtype }

// Shape returns the extents; the caller must not change them.
func (t *Tensor) Shape() Shape { return t.shape }

// Dim returns the extent of axis i; a negative i counts from the end.
func (t *Tensor) Dim(i int) int {
	if i < 0 {
		i += len(t.shape)
	}
	return t.shape[i]
}

// Rank returns the number of axes.
func (t *Tensor) Rank() int { return len(t.shape) }

// Len returns the number of elements.
func (t *Tensor) Len() int { return t.shape.Size() }

// Bytes returns the size of the elements in memory.
func (t *Tensor) Bytes() int { return t.Len() * t.dtype.Size() }

// View returns a tensor of another shape over the same elements.
func (t *Tensor) View(s Shape) *Tensor {
	if s.Size() != t.Len() {
		panic(fmt.Sprintf("tensor: view of %v as %v", t.shape, s))
	}
	return &Tensor{dtype: t.dtype, shape: s.Clone(), data: t.data}
}

// Clone returns a deep copy.
func (t *Tensor) Clone() *Tensor {
	c := New(t.dtype, t.shape)
	c.CopyFrom(t)
	return c
}

// CopyFrom copies the elements of src, which must have t's type and size.
func (t *Tensor) CopyFrom(src *Tensor) {
	if t.dtype != src.dtype || t.Len() != src.Len() {
		panic(fmt.Sprintf("tensor: copy of %v to %v", src, t))
	}
	switch d := t.data.(type) {
	case []float32:
		copy(d, src.data.([]float32))
	case []float64:
		copy(d, src.data.([]float64))
	case []int64:
		copy(d, src.data.([]int64))
	case []string:
		copy(d, src.data.([]string))
	default:
		copy(t.Raw(), src.Raw())
	}
}

// Zero sets every element to its zero value.
func (t *Tensor) Zero() {
	if s, ok := t.data.([]string); ok {
		clear(s)
		return
	}
	clear(t.Raw())
}

// String describes type and shape, not the elements.
func (t *Tensor) String() string { return fmt.Sprintf("%v%v", t.dtype, t.shape) }

// Raw returns the memory of the elements as bytes in the machine's order,
// shared. It panics for strings.
func (t *Tensor) Raw() []byte {
	n := t.Bytes()
	if n == 0 {
		return nil
	}
	switch d := t.data.(type) {
	case []float32:
		return rawOf(d)
	case []float64:
		return rawOf(d)
	case []Float16:
		return rawOf(d)
	case []BFloat16:
		return rawOf(d)
	case []int8:
		return rawOf(d)
	case []int16:
		return rawOf(d)
	case []int32:
		return rawOf(d)
	case []int64:
		return rawOf(d)
	case []uint8:
		return d
	case []uint16:
		return rawOf(d)
	case []uint32:
		return rawOf(d)
	case []uint64:
		return rawOf(d)
	case []bool:
		return rawOf(d)
	}
	panic("tensor: Raw of " + t.dtype.String())
}

func rawOf[T Elem](d []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), len(d)*int(unsafe.Sizeof(d[0])))
}

// OfRaw returns a tensor over mem, which must be aligned for d and hold exactly
// the elements of s. The session's arena and lazy file readers use it.
func OfRaw(d DType, s Shape, mem []byte) *Tensor {
	n := s.Size()
	if len(mem) != n*d.Size() || d == String {
		panic(fmt.Sprintf("tensor: %d bytes for %v%v", len(mem), d, s))
	}
	if n == 0 {
		return New(d, s)
	}
	p := unsafe.Pointer(unsafe.SliceData(mem))
	if uintptr(p)%uintptr(d.Size()) != 0 {
		panic("tensor: misaligned memory for " + d.String())
	}
	t := &Tensor{dtype: d, shape: s.Clone()}
	switch d {
	case F32:
		t.data = unsafe.Slice((*float32)(p), n)
	case F64:
		t.data = unsafe.Slice((*float64)(p), n)
	case F16:
		t.data = unsafe.Slice((*Float16)(p), n)
	case BF16:
		t.data = unsafe.Slice((*BFloat16)(p), n)
	case I8:
		t.data = unsafe.Slice((*int8)(p), n)
	case I16:
		t.data = unsafe.Slice((*int16)(p), n)
	case I32:
		t.data = unsafe.Slice((*int32)(p), n)
	case I64:
		t.data = unsafe.Slice((*int64)(p), n)
	case U8:
		t.data = unsafe.Slice((*uint8)(p), n)
	case U16:
		t.data = unsafe.Slice((*uint16)(p), n)
	case U32:
		t.data = unsafe.Slice((*uint32)(p), n)
	case U64:
		t.data = unsafe.Slice((*uint64)(p), n)
	case Bool:
		t.data = unsafe.Slice((*bool)(p), n)
	}
	return t
}

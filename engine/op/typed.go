package op

import (
	"maps"
	"slices"
	"unsafe"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// real is a type with order and arithmetic.
type real interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// integer is a real type without fractions.
type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// byType holds a binder for each element type that an operator works on.
type byType map[tensor.DType]binder

// typedOp is an operator whose input key decides the element type.
type typedOp struct {
	name     string
	min, max int // number of inputs; the first min must be present; max 0 means any number
	key      int
	mixed    bool // other inputs may have other types; the binder checks them
	types    byType
}

// Name implements graph.Op.
func (o typedOp) Name() string { return o.name }

// Bind implements graph.Op. The half-precision types run in float32 unless the
// operator has binders of their own.
func (o typedOp) Bind(b *graph.Bind) (graph.Kernel, error) {
	if err := checkInputs(b, o.min, o.max); err != nil {
		return nil, err
	}
	t := b.Input(o.key).DType
	for i, s := range b.In {
		if !o.mixed && s.Present() && s.DType != t {
			return nil, b.Errorf("input %d is %v, want %v as input %d", i, s.DType, t, o.key)
		}
	}
	if bind, ok := o.types[t]; ok {
		return bind(b)
	}
	if bind, ok := o.types[tensor.F32]; ok && (t == tensor.F16 || t == tensor.BF16) {
		return bindHalf(b, t, bind)
	}
	return nil, b.Errorf("element type %v is not supported (supported: %v)", t, slices.Sorted(maps.Keys(o.types)))
}

// checkInputs checks the number of inputs; hi 0 means any number.
func checkInputs(b *graph.Bind, lo, hi int) error {
	if hi > 0 && len(b.In) > hi {
		return b.Errorf("%d inputs, want at most %d", len(b.In), hi)
	}
	for i := range lo {
		if !b.Has(i) {
			return b.Errorf("input %d is missing", i)
		}
	}
	return nil
}

// anyOp is an operator that looks at its inputs' types itself.
type anyOp struct {
	name     string
	min, max int
	bind     binder
}

// Name implements graph.Op.
func (o anyOp) Name() string { return o.name }

// Bind implements graph.Op.
func (o anyOp) Bind(b *graph.Bind) (graph.Kernel, error) {
	if err := checkInputs(b, o.min, o.max); err != nil {
		return nil, err
	}
	return o.bind(b)
}

// word is an element that is moved, not interpreted: the floats keep their type
// for the gradient, all others are words of their size.
type word interface {
	float32 | float64 | uint8 | uint16 | uint32 | uint64 | string
}

// wordTypes makes the table of an operator that moves elements of every type.
func wordTypes(f32, f64, u8, u16, u32, u64, str binder) byType {
	return byType{
		tensor.F32: f32, tensor.F64: f64, tensor.F16: u16, tensor.BF16: u16,
		tensor.I8: u8, tensor.I16: u16, tensor.I32: u32, tensor.I64: u64,
		tensor.U8: u8, tensor.U16: u16, tensor.U32: u32, tensor.U64: u64,
		tensor.Bool: u8, tensor.String: str,
	}
}

// words returns the elements of t as words; T has the size of t's elements.
func words[T word](t *tensor.Tensor) []T {
	if t.DType() == tensor.DTypeOf[T]() {
		return tensor.Data[T](t)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.Raw()))), t.Len())
}

// realTypes makes the table of an operator on all real types.
func realTypes(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64 binder) byType {
	return byType{
		tensor.F32: f32, tensor.F64: f64,
		tensor.I8: i8, tensor.I16: i16, tensor.I32: i32, tensor.I64: i64,
		tensor.U8: u8, tensor.U16: u16, tensor.U32: u32, tensor.U64: u64,
	}
}

// integerTypes makes the table of an operator on integers.
func integerTypes(i8, i16, i32, i64, u8, u16, u32, u64 binder) byType {
	return byType{
		tensor.I8: i8, tensor.I16: i16, tensor.I32: i32, tensor.I64: i64,
		tensor.U8: u8, tensor.U16: u16, tensor.U32: u32, tensor.U64: u64,
	}
}

// with returns the table with one more type.
func (t byType) with(d tensor.DType, bind binder) byType {
	t[d] = bind
	return t
}

// outLike returns the single output of a kernel: input i's type and a shape.
func outLike(b *graph.Bind, i int, shape tensor.Shape) []graph.Spec {
	return []graph.Spec{{DType: b.In[i].DType, Shape: shape.Clone()}}
}

// maxElems bounds the elements that a value-dependent shape may ask for.
const maxElems = 1 << 40

// axesOf returns axes in [0, rank) from a list, without duplicates, in order.
func axesOf(b *graph.Bind, list []int, rank int) ([]int, error) {
	axes := make([]int, 0, len(list))
	for _, a := range list {
		n, err := axisOf(b, a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(axes, n) {
			return nil, b.Errorf("axis %d is given twice", a)
		}
		axes = append(axes, n)
	}
	slices.Sort(axes)
	return axes, nil
}

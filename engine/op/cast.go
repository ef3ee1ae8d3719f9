package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "Cast", min: 1, max: 1, bind: bindCast})
	graph.Register("", anyOp{name: "CastLike", min: 2, max: 2, bind: func(b *graph.Bind) (graph.Kernel, error) {
		return newCast(b, b.In[1].DType)
	}})
}

// onnxTypes are the numbers of element types in ONNX's attribute to.
var onnxTypes = map[int]tensor.DType{
	1: tensor.F32, 2: tensor.U8, 3: tensor.I8, 4: tensor.U16, 5: tensor.I16, 6: tensor.I32, 7: tensor.I64, 8: tensor.String,
	9: tensor.Bool, 10: tensor.F16, 11: tensor.F64, 12: tensor.U32, 13: tensor.U64, 16: tensor.BF16,
}

func bindCast(b *graph.Bind) (graph.Kernel, error) {
	n := b.Node.Attrs.Int("to", 0)
	to, ok := onnxTypes[n]
	if !ok {
		return nil, b.Errorf("attribute to is %d, not the number of a supported element type", n)
	}
	return newCast(b, to)
}

// cast converts elements. Numbers outside the range of an integer type give an
// unspecified one; a float becomes an integer by truncation.
type cast struct {
	graph.Bound
	f, back  convert
	fwd, bwd pieces
	y, x     *tensor.Tensor
	dx, dy   *tensor.Tensor
}

// convert converts elements [from, to) of src.
type convert func(dst, src *tensor.Tensor, from, to int)

func newCast(b *graph.Bind, to tensor.DType) (graph.Kernel, error) {
	from := b.In[0].DType
	if from == to {
		return newIdentity(b), nil
	}
	if from == tensor.String || to == tensor.String {
		return newStringCast(b, to)
	}
	k := &cast{f: convertFrom(from, to)}
	k.Outs = []graph.Spec{{DType: to, Shape: b.In[0].Shape.Clone()}}
	n := b.In[0].Shape.Size()
	k.fwd = newPieces(n, 1, k.piece)
	if !from.IsFloat() || !to.IsFloat() {
		return k, nil
	}
	k.back = convertFrom(to, from)
	k.bwd = newPieces(n, 1, k.gradPiece)
	return &diffCast{k}, nil
}

func (k *cast) piece(from, to int) { k.f(k.y, k.x, from, to) }

func (k *cast) gradPiece(from, to int) { k.back(k.dx, k.dy, from, to) }

func (k *cast) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = in[0], out[0]
	k.fwd.do(x.Pool)
}

// diffCast is a cast between floats; its gradient is cast back.
type diffCast struct{ *cast }

// BackwardReads implements graph.Frugal.
func (diffCast) BackwardReads() (in, out []bool) { return nil, nil }

func (k diffCast) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if k.dx, k.dy = din[0], dout[0]; k.dx != nil {
		k.bwd.do(x.Pool)
	}
}

// convertFrom returns the conversion from one type to another, or nil.
func convertFrom(from, to tensor.DType) convert {
	switch from {
	case tensor.F32:
		return convertReal[float32](to)
	case tensor.F64:
		return convertReal[float64](to)
	case tensor.F16:
		return convertBy[tensor.Float16](to, tensor.Float16.Float32)
	case tensor.BF16:
		return convertBy[tensor.BFloat16](to, tensor.BFloat16.Float32)
	case tensor.I8:
		return convertReal[int8](to)
	case tensor.I16:
		return convertReal[int16](to)
	case tensor.I32:
		return convertReal[int32](to)
	case tensor.I64:
		return convertReal[int64](to)
	case tensor.U8:
		return convertReal[uint8](to)
	case tensor.U16:
		return convertReal[uint16](to)
	case tensor.U32:
		return convertReal[uint32](to)
	case tensor.U64:
		return convertReal[uint64](to)
	case tensor.Bool:
		return convertBy[bool](to, bit)
	}
	return nil
}

// bit returns a bool as a number.
func bit(v bool) float32 {
	if v {
		return 1
	}
	return 0
}

// convertReal converts from the real type S.
func convertReal[S interface {
	real
	tensor.Elem
}](to tensor.DType) convert {
	switch to {
	case tensor.F32:
		return loop(func(v S) float32 { return float32(v) })
	case tensor.F64:
		return loop(func(v S) float64 { return float64(v) })
	case tensor.F16:
		return loop(func(v S) tensor.Float16 { return tensor.ToFloat16(float32(v)) })
	case tensor.BF16:
		return loop(func(v S) tensor.BFloat16 { return tensor.ToBFloat16(float32(v)) })
	case tensor.I8:
		return loop(func(v S) int8 { return int8(v) })
	case tensor.I16:
		return loop(func(v S) int16 { return int16(v) })
	case tensor.I32:
		return loop(func(v S) int32 { return int32(v) })
	case tensor.I64:
		return loop(func(v S) int64 { return int64(v) })
	case tensor.U8:
		return loop(func(v S) uint8 { return uint8(v) })
	case tensor.U16:
		return loop(func(v S) uint16 { return uint16(v) })
	case tensor.U32:
		return loop(func(v S) uint32 { return uint32(v) })
	case tensor.U64:
		return loop(func(v S) uint64 { return uint64(v) })
	case tensor.Bool:
		return loop(func(v S) bool { return v != 0 })
	}
	return nil
}

// loop converts one by one.
func loop[S, D tensor.Elem](f func(v S) D) convert {
	return func(dst, src *tensor.Tensor, from, to int) {
		d := tensor.Data[D](dst)[from:to]
		for i, v := range tensor.Data[S](src)[from:to] {
			d[i] = f(v)
		}
	}
}

// convertBy converts from a type whose values are numbers in float32.
func convertBy[S tensor.Elem](to tensor.DType, value func(v S) float32) convert {
	switch to {
	case tensor.F32:
		return loop(value)
	case tensor.F64:
		return loop(func(v S) float64 { return float64(value(v)) })
	case tensor.F16:
		return loop(func(v S) tensor.Float16 { return tensor.ToFloat16(value(v)) })
	case tensor.BF16:
		return loop(func(v S) tensor.BFloat16 { return tensor.ToBFloat16(value(v)) })
	case tensor.I8:
		return loop(func(v S) int8 { return int8(value(v)) })
	case tensor.I16:
		return loop(func(v S) int16 { return int16(value(v)) })
	case tensor.I32:
		return loop(func(v S) int32 { return int32(value(v)) })
	case tensor.I64:
		return loop(func(v S) int64 { return int64(value(v)) })
	case tensor.U8:
		return loop(func(v S) uint8 { return uint8(value(v)) })
	case tensor.U16:
		return loop(func(v S) uint16 { return uint16(value(v)) })
	case tensor.U32:
		return loop(func(v S) uint32 { return uint32(value(v)) })
	case tensor.U64:
		return loop(func(v S) uint64 { return uint64(value(v)) })
	case tensor.Bool:
		return loop(func(v S) bool { return value(v) != 0 })
	}
	return nil
}

package onnx

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// elemType is TensorProto.DataType.
type elemType int32

const (
	elemFloat  elemType = 1
	elemInt64  elemType = 7
	elemString elemType = 8
)

// elems lists the element types that tensors of the engine can have, and the
// TensorProto field that holds them when they are not raw.
var elems = map[elemType]struct {
	dtype tensor.DType
	field protowire.Number
}{
	elemFloat: {tensor.F32, tensorFloats}, 2: {tensor.U8, tensorInt32s}, 3: {tensor.I8, tensorInt32s},
	4: {tensor.U16, tensorInt32s}, 5: {tensor.I16, tensorInt32s}, 6: {tensor.I32, tensorInt32s},
	elemInt64: {tensor.I64, tensorInt64s}, elemString: {tensor.String, tensorStrings}, 9: {tensor.Bool, tensorInt32s},
	10: {tensor.F16, tensorInt32s}, 11: {tensor.F64, tensorDoubles}, 12: {tensor.U32, tensorUint64s},
	13: {tensor.U64, tensorUint64s}, 16: {tensor.BF16, tensorInt32s},
}

// elemOf is the inverse of elems.
var elemOf = func() map[tensor.DType]elemType {
	m := map[tensor.DType]elemType{}
	for e, k := range elems {
		m[k.dtype] = e
	}
	return m
}()

// elemNames names the types that stay opaque.
var elemNames = map[elemType]string{
	14: "complex64", 15: "complex128", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz",
	21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2",
}

// Fields of TensorProto.
const (
	tensorDims     = 1
	tensorType     = 2
	tensorFloats   = 4
	tensorInt32s   = 5
	tensorStrings  = 6
	tensorInt64s   = 7
	tensorName     = 8
	tensorRaw      = 9
	tensorDoubles  = 10
	tensorUint64s  = 11
	tensorDoc      = 12
	tensorExternal = 13
	tensorLocation = 14
)

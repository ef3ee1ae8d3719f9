package format

import (
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/internal/cmzpb"
	"github.com/compress-toolkit/compress/format/internal/planes"
)

// kinds says for each element type its number in the file, its bytes there, and
// how its bits are turned before they are cut into planes.
var kinds = map[tensor.DType]struct {
	pb    cmzpb.DType
	width int
	turn  planes.Turn
}{
	tensor.F32:    {cmzpb.DType_FLOAT32, 4, planes.Rotate},
	tensor.F64:    {cmzpb.DType_FLOAT64, 8, planes.Rotate},
	tensor.F16:    {cmzpb.DType_FLOAT16, 2, planes.Rotate},
	tensor.BF16:   {cmzpb.DType_BFLOAT16, 2, planes.Rotate},
	tensor.I8:     {cmzpb.DType_INT8, 1, planes.None},
	tensor.I16:    {cmzpb.DType_INT16, 2, planes.Zigzag},
	tensor.I32:    {cmzpb.DType_INT32, 4, planes.Zigzag},
	tensor.I64:    {cmzpb.DType_INT64, 8, planes.Zigzag},
	tensor.U8:     {cmzpb.DType_UINT8, 1, planes.None},
	tensor.U16:    {cmzpb.DType_UINT16, 2, planes.None},
	tensor.U32:    {cmzpb.DType_UINT32, 4, planes.None},
	tensor.U64:    {cmzpb.DType_UINT64, 8, planes.None},
	tensor.Bool:   {cmzpb.DType_BOOL, 1, planes.None},
	tensor.String: {cmzpb.DType_STRING, 0, planes.None},
}

// dtypes is the inverse of kinds.
var dtypes = func() map[cmzpb.DType]tensor.DType {
	m := map[cmzpb.DType]tensor.DType{}
	for d, k := range kinds {
		m[k.pb] = d
	}
	return m
}()

//go:build !purego

package kernel

var (
	convAVX512F32 = &convMicro[float32]{mr: 8, lanes: 16, nv: 3, tile: &convTilesF32AVX512, dots: 4, dot: &convDotsF32AVX512,
		shift: shiftRowsF32AVX512, even: evenColsF32AVX2, evenLanes: 8, merge: interleaveF32AVX2, sum: sumTermsF32AVX512, sparse: &convSparseF32AVX512, wino: &winoF32AVX512, winoLeast: 16}
	convAVX512F64 = &convMicro[float64]{mr: 8, lanes: 8, nv: 3, tile: &convTilesF64AVX512, dots: 4, dot: &convDotsF64AVX512,
		shift: shiftRowsF64AVX512, even: evenColsF64AVX2, evenLanes: 4, merge: interleaveF64AVX2, sum: sumTermsF64AVX512, sparse: &convSparseF64AVX512, wino: &winoF64AVX512, winoLeast: 16}
	convAVX2F32 = &convMicro[float32]{mr: 6, lanes: 8, nv: 2, tile: &convTilesF32AVX2, dots: 2, dot: &convDotsF32AVX2,
		shift: shiftRowsF32AVX2, even: evenColsF32AVX2, evenLanes: 8, merge: interleaveF32AVX2, sum: sumTermsF32AVX2, sparse: &convSparseF32AVX2, wino: &winoF32AVX2, winoLeast: 32}
	convAVX2F64 = &convMicro[float64]{mr: 6, lanes: 4, nv: 2, tile: &convTilesF64AVX2, dots: 2, dot: &convDotsF64AVX2,
		shift: shiftRowsF64AVX2, even: evenColsF64AVX2, evenLanes: 4, merge: interleaveF64AVX2, sum: sumTermsF64AVX2, sparse: &convSparseF64AVX2, wino: &winoF64AVX2, winoLeast: 32}
)

// nativeConv returns the assembly kernels of a path, nil if none.
func nativeConv[T Float](s isa) *convMicro[T] {
	switch s {
	case isaAVX512:
		return pick[convMicro[T]](convAVX512F32, convAVX512F64)
	case isaAVX2:
		return pick[convMicro[T]](convAVX2F32, convAVX2F64)
	}
	return nil
}

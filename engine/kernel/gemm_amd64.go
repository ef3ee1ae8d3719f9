//go:build !purego

package kernel

//go:generate go run -C _asm/gemm . -dir ../..

// packing is the argument of the packing kernels, known to the assembly.
type packing[T Float] struct {
	dst, src   *T
	ld, lds    int
	rows, cols int
}

var (
	avx512F32 = micro[float32]{path: isaAVX512, mr: 8, lanes: 16, nv: 3, kern: tilesF32AVX512, dots: 4, dot: dotsF32AVX512, axpy: axpysF32AVX512,
		finish: finishF32AVX512, step: weightStepF32AVX512, transpose: transposeAVX2[float32], copyRows: copyRowsAVX2[float32], copyPair: copyPairAVX2}
	avx512F64 = micro[float64]{path: isaAVX512, mr: 8, lanes: 8, nv: 3, kern: tilesF64AVX512, dots: 4, dot: dotsF64AVX512, axpy: axpysF64AVX512,
		finish: finishF64AVX512, step: weightStepF64AVX512, transpose: transposeAVX2[float64], copyRows: copyRowsAVX2[float64]}
	avx2F32 = micro[float32]{path: isaAVX2, mr: 6, lanes: 8, nv: 2, kern: tilesF32AVX2, dots: 2, dot: dotsF32AVX2, axpy: axpysF32AVX2,
		finish: finishF32AVX2, step: weightStepF32AVX2, transpose: transposeAVX2[float32], copyRows: copyRowsAVX2[float32]}
	avx2F64 = micro[float64]{path: isaAVX2, mr: 6, lanes: 4, nv: 2, kern: tilesF64AVX2, dots: 2, dot: dotsF64AVX2, axpy: axpysF64AVX2,
		finish: finishF64AVX2, step: weightStepF64AVX2, transpose: transposeAVX2[float64], copyRows: copyRowsAVX2[float64]}
)

// nativeMicro returns the assembly tile kernels of a path, nil if none.
func nativeMicro[T Float](s isa) *micro[T] {
	switch s {
	case isaAVX512:
		return pick[micro[T]](&avx512F32, &avx512F64)
	case isaAVX2:
		return pick[micro[T]](&avx2F32, &avx2F64)
	}
	return nil
}

// transposeAVX2 works on 8 rows at a time and, in the last of them, writes
// whole groups of 8 numbers.
func transposeAVX2[T Float](dst []T, ld int, src []T, lds, rows, k int) {
	whole := k &^ 7
	for i := 0; i < rows; i += 8 {
		if whole > 0 {
			p := packing[T]{dst: &dst[i], src: &src[i*lds], ld: ld, lds: lds, rows: min(8, rows-i), cols: whole}
			switch p := any(&p).(type) {
			case *packing[float32]:
				transpose8F32(p)
			case *packing[float64]:
				transpose8F64(p)
			}
		}
	}
	if whole < k {
		transposePortable(dst[whole*ld:], ld, src[whole:], lds, rows, k-whole)
	}
}

// copyRowsAVX2 fills rows up to a whole vector with zeros.
func copyRowsAVX2[T Float](dst []T, ld int, src []T, lds, k, cols int) {
	if k == 0 {
		return
	}
	p := packing[T]{dst: &dst[0], src: &src[0], ld: ld, lds: lds, rows: k, cols: cols}
	switch p := any(&p).(type) {
	case *packing[float32]:
		copyRowsF32(p)
	case *packing[float64]:
		copyRowsF64(p)
	}
}

func copyPairAVX2(dst []float32, apart int, src []float32, lds, k int) {
	if k > 0 {
		copyPairF32(&packing[float32]{dst: &dst[0], src: &src[0], ld: apart, lds: lds, rows: k})
	}
}

// spare is empty: the kernels write parts of vectors.
//
//lint:ignore U1000 the NEON kernels use theirs
type spare[T Float] struct{}

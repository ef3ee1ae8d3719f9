//go:build !purego

package kernel

//go:generate go run -C _asm/vec . -dir ../..

// nativeVec replaces the kernels that a path has in assembly.
func nativeVec[T Float](s isa, o *vecOps[T]) {
	switch o := any(o).(type) {
	case *vecOps[float32]:
		switch s {
		case isaAVX512:
			vecF32AVX512(o)
		case isaAVX2:
			vecF32AVX2(o)
		}
	case *vecOps[float64]:
		switch s {
		case isaAVX512:
			vecF64AVX512(o)
		case isaAVX2:
			vecF64AVX2(o)
		}
	}
}

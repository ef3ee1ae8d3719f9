//go:build !purego

package kernel

// nativeVec replaces the kernels that a path has in assembly.
func nativeVec[T Float](s isa, o *vecOps[T]) {
	if s != isaNEON {
		return
	}
	switch o := any(o).(type) {
	case *vecOps[float32]:
		vecF32NEON(o)
	case *vecOps[float64]:
		vecF64NEON(o)
	}
}

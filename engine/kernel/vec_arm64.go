//go:build !purego

package kernel

// nativeVec replaces the kernels that a path has in assembly.
func nativeVec[T Float](isa, *vecOps[T]) {}

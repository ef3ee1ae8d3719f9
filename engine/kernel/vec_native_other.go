//go:build purego || (!amd64 && !arm64)

package kernel

// nativeVec replaces the kernels that a path has in assembly.
func nativeVec[T Float](isa, *vecOps[T]) {}

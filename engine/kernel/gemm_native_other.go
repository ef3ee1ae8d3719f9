//go:build purego || (!amd64 && !arm64)

package kernel

// nativeMicro returns the assembly tile kernels of a path, nil if none.
func nativeMicro[T Float](isa) *micro[T] { return nil }

// spare is empty: the kernels write parts of vectors.
type spare[T Float] struct{}

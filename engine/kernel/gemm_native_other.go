//go:build purego || (!amd64 && !arm64)

package kernel

// nativeMicro returns the assembly tile kernels of a path, nil if none.
func nativeMicro[T Float](isa) *micro[T] { return nil }

// spare is empty: the kernels write parts of vectors.
//
//lint:ignore U1000 the NEON kernels use theirs
type spare[T Float] struct{}

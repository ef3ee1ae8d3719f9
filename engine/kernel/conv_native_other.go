//go:build purego || (!amd64 && !arm64)

package kernel

// nativeConv returns the assembly kernels of a path, nil if none.
func nativeConv[T Float](isa) *convMicro[T] { return nil }

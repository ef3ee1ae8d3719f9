//go:build !amd64 || purego

package kernel

// nativeConv returns the assembly kernels of a path, nil if none.
func nativeConv[T Float](isa) *convMicro[T] { return nil }

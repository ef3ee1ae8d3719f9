//go:build !amd64 || purego

package kernel

// nativePairs runs the assembly for the maxima of pairs, or for their gradient, and
// reports whether the path in use has it.
func nativePairs(*poolRows[float32], bool) bool { return false }

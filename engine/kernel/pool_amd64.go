//go:build !purego

package kernel

// nativePairs runs the assembly for the maxima of pairs, or for their gradient, and
// reports whether the path in use has it.
func nativePairs(r *poolRows[float32], grad bool) bool {
	switch {
	case current != isaAVX2 && current != isaAVX512:
		return false
	case grad:
		poolPairsGradF32AVX2(r)
	default:
		poolPairsF32AVX2(r)
	}
	return true
}

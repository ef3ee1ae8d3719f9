//go:build purego || !amd64

package kernel

func int8Micro() *quadMicro { return &portableInt8 }

func bf16Micro() *quadMicro { return &portableBF16 }

// absMaxBits returns the bits of the largest magnitude; a NaN exceeds all.
func absMaxBits(src []float32) uint32 { return absMaxBitsPortable(src, 0) }

// roundInt8 writes round(src factor) + 128.
func roundInt8(dst []byte, src []float32, factor float32) { roundInt8Portable(dst, src, factor) }

// roundBF16 rounds to nearest, ties to even.
func roundBF16(dst []uint16, src []float32) { roundBF16Portable(dst, src) }

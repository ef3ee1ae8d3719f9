//go:build !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

var (
	avx512Int8 = quadMicro{mr: 8, nr: 48, tile: quadsInt8AVX512}
	avx512BF16 = quadMicro{mr: 8, nr: 48, tile: quadsBF16AVX512}
	avx2Int8   = quadMicro{mr: 2, nr: 16, tile: quadsInt8AVX2}
	avx2BF16   = quadMicro{mr: 4, nr: 16, tile: quadsBF16AVX2}
)

// int8Micro returns the int8 tile kernels of the path in use. AVX-512 alone has
// no dot product of bytes.
func int8Micro() *quadMicro {
	switch {
	case current == isaAVX512 && cpu.X86.HasAVX512VNNI:
		return &avx512Int8
	case current >= isaAVX2:
		return &avx2Int8
	}
	return &portableInt8
}

func bf16Micro() *quadMicro {
	switch {
	case current == isaAVX512 && cpu.X86.HasAVX512BF16:
		return &avx512BF16
	case current >= isaAVX2:
		return &avx2BF16
	}
	return &portableBF16
}

// narrowing is the argument of the rounding kernels on n numbers, a positive
// multiple of 16. The offsets are known to the assembly.
type narrowing struct {
	dst    unsafe.Pointer
	src    *float32
	n      int
	factor float32
	max    uint32
}

// absMaxBits returns the bits of the largest magnitude; a NaN exceeds all.
func absMaxBits(src []float32) uint32 {
	n := len(src) &^ 15
	if current < isaAVX2 || n == 0 {
		return absMaxBitsPortable(src, 0)
	}
	w := narrowing{src: &src[0], n: n}
	absMaxF32(&w)
	return absMaxBitsPortable(src[n:], w.max)
}

// roundInt8 writes round(src factor) + 128.
func roundInt8(dst []byte, src []float32, factor float32) {
	n := len(src) &^ 15
	if current < isaAVX2 || n == 0 {
		roundInt8Portable(dst, src, factor)
		return
	}
	quantiseF32(&narrowing{dst: unsafe.Pointer(&dst[0]), src: &src[0], n: n, factor: factor})
	roundInt8Portable(dst[n:], src[n:], factor)
}

// roundBF16 rounds to nearest, ties to even.
func roundBF16(dst []uint16, src []float32) {
	n := len(src) &^ 15
	if current < isaAVX2 || n == 0 {
		roundBF16Portable(dst, src)
		return
	}
	toBF16F32(&narrowing{dst: unsafe.Pointer(&dst[0]), src: &src[0], n: n})
	roundBF16Portable(dst[n:], src[n:])
}

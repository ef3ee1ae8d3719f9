//go:build linux

package kernel

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// edge returns n numbers whose end is the end of mapped memory.
func edge[T Float](t *testing.T, n int) []T {
	t.Helper()
	page := unix.Getpagesize()
	size := n * int(unsafe.Sizeof(T(0)))
	whole := roundUp(size, page)
	m, err := unix.Mmap(-1, 0, whole+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	must(t, err)
	t.Cleanup(func() { must(t, unix.Munmap(m)) })
	must(t, unix.Mprotect(m[whole:], unix.PROT_NONE))
	return unsafe.Slice((*T)(unsafe.Pointer(&m[whole-size])), n)
}

// TestGemmStaysInside: a read past the end of an argument ends the program.
func TestGemmStaysInside(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for _, s := range append(gemmSizes, [3]int{1, 10, 40}, [3]int{8, 49, 5}) {
			for mode := range 4 {
				gemmAtEdge[float32](t, s, mode&1 != 0, mode&2 != 0)
				gemmAtEdge[float64](t, s, mode&1 != 0, mode&2 != 0)
			}
		}
	})
}

func gemmAtEdge[T Float](t *testing.T, s [3]int, transA, transB bool) {
	g := benchArgs[T](benchShape{m: s[0], n: s[1], k: s[2], transA: transA, transB: transB})
	for _, x := range []*[]T{&g.A, &g.B, &g.C} {
		e := edge[T](t, len(*x))
		copy(e, *x)
		*x = e
	}
	g.Beta = 1
	g.Epi = &Epilogue[T]{Bias: edge[T](t, g.N), Residual: edge[T](t, g.M*g.N), ResidualLD: g.N}
	Gemm(nil, g)
}

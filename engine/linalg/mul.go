package linalg

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/kernel"
)

// Mul computes C = alpha op(A) op(B) + beta C, where op transposes when ta or
// tb is set: op(A) is M x K, op(B) K x N, C M x N. C must not overlap A or B.
// With beta 0 the old C is not read.
func Mul(c *Mat, alpha float64, a *Mat, ta bool, b *Mat, tb bool, beta float64) {
	m, k := shape(a, ta)
	kb, n := shape(b, tb)
	if k != kb || c.Rows != m || c.Cols != n {
		panic(fmt.Sprintf("linalg: product of %d x %d and %d x %d into %d x %d", m, k, kb, n, c.Rows, c.Cols))
	}
	if m == 0 || n == 0 {
		return
	}
	kernel.Gemm(kernel.Default(), &kernel.GemmArgs[float64]{
		TransA: ta, TransB: tb, M: m, N: n, K: k, Alpha: alpha, Beta: beta,
		A: a.Data, LDA: a.Stride, B: b.Data, LDB: b.Stride, C: c.Data, LDC: c.Stride,
	})
}

func shape(m *Mat, trans bool) (r, c int) {
	if trans {
		return m.Cols, m.Rows
	}
	return m.Rows, m.Cols
}

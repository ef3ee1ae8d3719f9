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
	if m == 0 || n == 0 || k == 0 && beta == 1 {
		return
	}
	if k*max(m, n) <= packedMost {
		gemm(c, alpha, a, ta, b, tb, beta)
		return
	}
	for i := 0; i < m; i += blockMN {
		for j := 0; j < n; j += blockMN {
			i1, j1 := min(i+blockMN, m), min(j+blockMN, n)
			f := beta
			for l := 0; l < k; l, f = l+blockK, 1 {
				l1 := min(l+blockK, k)
				gemm(c.Slice(i, i1, j, j1), alpha, block(a, ta, i, i1, l, l1), ta, block(b, tb, l, l1, j, j1), tb, f)
			}
		}
	}
}

// The kernel copies operands whole and keeps the room. Products whose operands have more than packedMost
// elements are therefore cut into blocks.
const (
	packedMost = 1 << 17
	blockMN    = 512
	blockK     = 256
)

// block views rows r0 to r1 and columns c0 to c1 of op(m).
func block(m *Mat, trans bool, r0, r1, c0, c1 int) *Mat {
	if trans {
		return m.Slice(c0, c1, r0, r1)
	}
	return m.Slice(r0, r1, c0, c1)
}

func gemm(c *Mat, alpha float64, a *Mat, ta bool, b *Mat, tb bool, beta float64) {
	m, k := shape(a, ta)
	_, n := shape(b, tb)
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

package linalg

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/kernel"
)

// Mul computes C = alpha op(A) op(B) + beta C, where op transposes when ta or
// tb is set: op(A) is M x K, op(B) K x N, C M x N. C must not overlap A or B.
// With beta 0 the old C is not read.
func Mul(c *Mat, alpha float64, a *Mat, ta bool, b *Mat, tb bool, beta float64) {
	mul((*matrix[float64])(c), alpha, (*matrix[float64])(a), ta, (*matrix[float64])(b), tb, beta)
}

// matrix is Mat in either precision.
type matrix[T kernel.Float] struct {
	Rows, Cols, Stride int
	Data               []T
}

func newMatrix[T kernel.Float](r, c int) *matrix[T] { return &matrix[T]{r, c, c, make([]T, r*c)} }

// convert returns a compact copy in precision T.
func convert[T, S kernel.Float](m *matrix[S]) *matrix[T] {
	c := newMatrix[T](m.Rows, m.Cols)
	ranges(m.Rows, m.Cols, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d := c.row(i)
			for j, v := range m.row(i) {
				d[j] = T(v)
			}
		}
	})
	return c
}

func (m *matrix[T]) row(i int) []T {
	o := i * m.Stride
	return m.Data[o : o+m.Cols : o+m.Cols]
}

func (m *matrix[T]) slice(r0, r1, c0, c1 int) *matrix[T] {
	return &matrix[T]{r1 - r0, c1 - c0, m.Stride, window(m.Data, m.Stride, r0, r1, c0, c1)}
}

func mul[T kernel.Float](c *matrix[T], alpha T, a *matrix[T], ta bool, b *matrix[T], tb bool, beta T) {
	m, k := shape(a.Rows, a.Cols, ta)
	kb, n := shape(b.Rows, b.Cols, tb)
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
				gemm(c.slice(i, i1, j, j1), alpha, block(a, ta, i, i1, l, l1), ta, block(b, tb, l, l1, j, j1), tb, f)
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
func block[T kernel.Float](m *matrix[T], trans bool, r0, r1, c0, c1 int) *matrix[T] {
	if trans {
		return m.slice(c0, c1, r0, r1)
	}
	return m.slice(r0, r1, c0, c1)
}

func gemm[T kernel.Float](c *matrix[T], alpha T, a *matrix[T], ta bool, b *matrix[T], tb bool, beta T) {
	m, k := shape(a.Rows, a.Cols, ta)
	_, n := shape(b.Rows, b.Cols, tb)
	kernel.Gemm(kernel.Default(), &kernel.GemmArgs[T]{
		TransA: ta, TransB: tb, M: m, N: n, K: k, Alpha: alpha, Beta: beta,
		A: a.Data, LDA: a.Stride, B: b.Data, LDB: b.Stride, C: c.Data, LDC: c.Stride,
	})
}

// shape is that of op(A) for A of r x c.
func shape(r, c int, trans bool) (int, int) {
	if trans {
		return c, r
	}
	return r, c
}

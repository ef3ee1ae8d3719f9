package linalg

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	native "gonum.org/v1/gonum/blas/gonum"

	"github.com/compress-toolkit/compress/engine/kernel"
)

// UseGonum makes the matrix product of engine/kernel gonum's, in blas64 and
// blas32; its other routines stay. Call it before other goroutines use gonum.
func UseGonum() {
	blas64.Use(gonumBLAS{})
	blas32.Use(gonumBLAS{})
}

// gonumBLAS is gonum's own BLAS but for the general matrix product.
type gonumBLAS struct{ native.Implementation }

// Dgemm computes C = alpha op(A) op(B) + beta C, row-major, as in BLAS.
func (gonumBLAS) Dgemm(ta, tb blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	blasGemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Sgemm is Dgemm in float32.
func (gonumBLAS) Sgemm(ta, tb blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	blasGemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func blasGemm[T kernel.Float](ta, tb blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	kernel.Gemm(kernel.Default(), &kernel.GemmArgs[T]{
		TransA: ta != blas.NoTrans, TransB: tb != blas.NoTrans,
		M: m, N: n, K: k, Alpha: alpha, Beta: beta,
		A: a, LDA: lda, B: b, LDB: ldb, C: c, LDC: ldc,
	})
}

package linalg

// qrBlock is the number of columns factored between two updates of the rest.
const qrBlock = 32

// householderQR factors A = H_0 H_1 ... R for an M x N matrix given as its
// transpose at (N x M, overwritten): row i becomes v_i (zero before entry i,
// 1 there), K = min(M, N) of them, and R^T (N x K) is returned with tau. The panel and the
// update with a block of reflectors are those of Golub and Van Loan, 5.2.3.
func householderQR(at *Mat) (rt *Mat, tau []float64) {
	n, m := at.Rows, at.Cols
	k := min(m, n)
	rt, tau = NewMat(n, k), make([]float64, k)
	for lo := 0; lo < k; lo += qrBlock {
		hi := min(lo+qrBlock, k)
		for i := lo; i < hi; i++ {
			eliminate(at, rt, tau, i, hi)
		}
		if hi < n {
			v := at.Slice(lo, hi, lo, m)
			applyRight(at.Slice(hi, n, lo, m), v, wyFactor(v, tau[lo:hi]), false)
		}
	}
	for i := k; i < n; i++ {
		copy(rt.Row(i), at.Row(i))
	}
	return rt, tau
}

// eliminate makes reflector i and applies it to the columns of A before hi.
func eliminate(at, rt *Mat, tau []float64, i, hi int) {
	a := at.Row(i)
	copy(rt.Row(i), a[:i])
	rt.Row(i)[i], tau[i], _ = reflector(a[i], a[i+1:])
	clear(a[:i])
	a[i] = 1
	ranges(hi-i-1, 2*(len(a)-i), func(from, to int) {
		for c := i + 1 + from; c < i+1+to; c++ {
			b := at.Row(c)
			axpy(b[i:], -tau[i]*dot(a[i:], b[i:]), a[i:])
		}
	})
}

// QR returns the thin factorisation A = Q R of an M x N matrix: Q is M x K
// with orthonormal columns, R is K x N upper trapezoidal with a non-negative
// diagonal, K = min(M, N).
func QR(a *Mat) (q, r *Mat) {
	at := a.T()
	rt, tau := householderQR(at)
	k := rt.Cols
	qt := NewMat(k, a.Rows)
	for i := range k {
		qt.Set(i, i, 1)
	}
	applyReflectors(qt, at.Slice(0, k, 0, a.Rows), tau, 0)
	r = rt.T()
	for i := range k {
		if r.At(i, i) < 0 {
			scale(r.Row(i), -1)
			scale(qt.Row(i), -1)
		}
	}
	return qt.T(), r
}

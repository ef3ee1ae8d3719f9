package linalg

import (
	"fmt"
	"math"
)

// SymEig returns the eigenvalues of the symmetric N x N matrix A, descending,
// and its orthonormal eigenvectors as the columns of vecs (N x N), the entry of largest
// magnitude in each positive. Only the lower triangle of A is read. It fails only for
// non-finite input.
func SymEig(a *Mat) (vals []float64, vecs *Mat, err error) {
	if a.Rows != a.Cols {
		panic(fmt.Sprintf("linalg: eigenvalues of a %d x %d matrix", a.Rows, a.Cols))
	}
	work := a.Clone()
	for i := range work.Rows {
		clear(work.Row(i)[i+1:])
	}
	if err := work.checkFinite("eigenvalues"); err != nil {
		return nil, nil, err
	}
	exp := work.normalize()
	t := tridiagonalize(work)
	dc := tridiagonalEig(t.d, t.e)
	t.apply(dc.x)
	order := descending(dc.d)
	vals = make([]float64, len(order))
	for j, i := range order {
		vals[j] = math.Ldexp(dc.d[i], exp)
	}
	return vals, columns(dc.x, order, signs(dc.x)), nil
}

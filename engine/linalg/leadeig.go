package linalg

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/lapack/gonum"
)

// LeadingEig returns the r largest eigenvalues of the symmetric N x N matrix A, descending,
// and their orthonormal eigenvectors as the rows of vecs (R x N), the entry of largest
// magnitude in each positive. Only the lower triangle of A is read, and A is overwritten: up to half of
// the vectors take no memory beside A but their own and a few rows. It fails only for non-finite input.
//
// The eigenvalues are those of the tridiagonal form; up to half of the vectors come from
// inverse iteration, more from divide and conquer (SymEig).
func LeadingEig(a *Mat, r int) (vals []float64, vecs *Mat, err error) {
	if a.Rows != a.Cols || r < 0 || r > a.Rows {
		panic(fmt.Sprintf("linalg: %d eigenvalues of a %d x %d matrix", r, a.Rows, a.Cols))
	}
	for i := range a.Rows {
		clear(a.Row(i)[i+1:])
	}
	if err := a.checkFinite("eigenvalues"); err != nil {
		return nil, nil, err
	}
	exp := a.normalize()
	t := tridiagonalize(a)
	vals, vecs = t.leading(r)
	t.apply(vecs)
	for i, f := range signs(vecs) {
		scale(vecs.Row(i), f)
	}
	for i, v := range vals {
		vals[i] = math.Ldexp(v, exp)
	}
	return vals, vecs, nil
}

// leading returns the r largest eigenvalues of T and eigenvectors as rows.
func (t *tridiagonal) leading(r int) ([]float64, *Mat) {
	n := len(t.d)
	if 2*r <= n {
		d := append([]float64{}, t.d...)
		if (gonum.Implementation{}).Dsterf(n, d, append([]float64{}, t.e...)) {
			vals := make([]float64, r)
			for i := range vals {
				vals[i] = d[n-1-i]
			}
			if x := inverseIteration(t.d, t.e, vals); x != nil {
				return vals, x
			}
		}
	}
	dc := tridiagonalEig(append([]float64{}, t.d...), t.e)
	vals, x := make([]float64, r), NewMat(r, n)
	for j, i := range descending(dc.d)[:r] {
		vals[j] = dc.d[i]
		copy(x.Row(j), dc.x.Row(i))
	}
	return vals, x
}

package linalg

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/lapack/gonum"
)

// LeadingEig returns the r largest eigenvalues of the symmetric N x N matrix A, descending,
// and their orthonormal eigenvectors as the rows of vecs (R x N), the entry of largest
// magnitude in each positive. Only the lower triangle of A is read, and A is overwritten: up to three fifths of
// the vectors take no memory beside A but their own and a few rows. It fails only for non-finite input.
//
// The eigenvalues are those of the tridiagonal form; up to three fifths of the vectors come from
// inverse iteration, more from divide and conquer (SymEig).
func LeadingEig(a *Mat, r int) (vals []float64, vecs *Mat, err error) {
	if r < 0 || r > a.Rows {
		panic(fmt.Sprintf("linalg: %d eigenvalues of a %d x %d matrix", r, a.Rows, a.Cols))
	}
	vals, vecs, err = EigUpTo(a, func([]float64) int { return r })
	return vals[:min(r, len(vals))], vecs, err
}

// EigUpTo is LeadingEig with as many eigenvectors as the function says when it is shown all
// eigenvalues, descending, which are all returned: as the function leaves them.
func EigUpTo(a *Mat, count func(vals []float64) int) (vals []float64, vecs *Mat, err error) {
	if a.Rows != a.Cols {
		panic(fmt.Sprintf("linalg: eigenvalues of a %d x %d matrix", a.Rows, a.Cols))
	}
	for i := range a.Rows {
		clear(a.Row(i)[i+1:])
	}
	if err := a.checkFinite("eigenvalues"); err != nil {
		return nil, nil, err
	}
	exp := a.normalize()
	small := a.Rows <= smallEig
	var t *tridiagonal
	if small {
		t = tridiagonalizeSmall(a)
	} else {
		t = tridiagonalize(a)
	}
	unit := t.values()
	vals = scaledBy(unit, exp)
	vecs = t.vectors(unit, count(vals))
	if small {
		t.applySmall(vecs)
	} else {
		t.apply(vecs)
	}
	for i, f := range signs(vecs) {
		scale(vecs.Row(i), f)
	}
	return vals, vecs, nil
}

// scaledBy returns 2^exp x.
func scaledBy(x []float64, exp int) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = math.Ldexp(v, exp)
	}
	return y
}

// values returns the eigenvalues of T, descending.
func (t *tridiagonal) values() []float64 {
	n := len(t.d)
	d, e := flushed(t.d), flushed(t.e)
	if !(gonum.Implementation{}).Dsterf(n, d, e) { // it has not been seen to fail
		d = tridiagonalEig(append([]float64{}, t.d...), t.e).d
		slices.Sort(d)
	}
	slices.Reverse(d)
	return d
}

// flushed copies numbers of about 1 or less, the smallest made 0: Dsterf cannot scale blocks that
// have no others.
func flushed(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		if math.Abs(v) > 1e-90 {
			y[i] = v
		}
	}
	return y
}

// vectors returns eigenvectors of the r largest of the eigenvalues as rows.
func (t *tridiagonal) vectors(vals []float64, r int) *Mat {
	n := len(t.d)
	if 5*r <= 3*n || n <= smallEig {
		if x := inverseIteration(t.d, t.e, vals[:r]); x != nil {
			return x
		}
	}
	dc, x := tridiagonalEig(append([]float64{}, t.d...), t.e), NewMat(r, n)
	for j, i := range descending(dc.d)[:r] {
		copy(x.Row(j), dc.x.Row(i))
	}
	return x
}

package linalg

// sketchFrom is the length of the vectors from which a sketch pays for fewer than a quarter of them.
const sketchFrom = 1024

// LeadingVectors returns R orthonormal rows that span the R leading left singular vectors of A (M x N), the
// leading first: R x M, or, with right set, R x N of the right ones. For such a U the projection
// U^T U A is the best approximation of rank R.
//
// The vectors are those of the Gram matrix A A^T, or A^T A, so that ones of singular values below
// 1e-8 of the largest are any basis of the rest; few ones of a large matrix come from a random
// sketch with four subspace iterations (Halko, Martinsson and Tropp 2011, algorithm 4.4). At its peak it takes one
// Gram matrix beside A and the result. It fails only for non-finite input.
func LeadingVectors(a *Mat, right bool, r int, seed uint64) (*Mat, error) {
	a, _, _, err := a.tame("singular vectors")
	if err != nil {
		return nil, err
	}
	n, _ := shape(a.Rows, a.Cols, right)
	if l := r + r/2 + 10; n > sketchFrom && 4*r < n && l < min(a.Rows, a.Cols) {
		return sketched(a, right, r, l, seed)
	}
	_, u, err := LeadingEig(Gram(a, right), r)
	return u, err
}

// tame returns m, or where squares of its elements would leave the range of float64 a copy times 2^-exp, and its
// Frobenius norm; it fails for non-finite elements.
func (m *Mat) tame(what string) (t *Mat, norm float64, exp int, err error) {
	if norm = m.frobenius(); norm > 0x1p-200 && norm < 0x1p400 {
		return m, norm, 0, nil
	}
	if err := m.checkFinite(what); err != nil {
		return nil, 0, 0, err
	}
	t = m.Clone()
	exp = t.normalize()
	return t, t.frobenius(), exp, nil
}

// Gram returns the lower triangle of A A^T, or of A^T A when right is set, as LeadingEig reads it: what is above it
// is not complete.
func Gram(a *Mat, right bool) *Mat {
	const strip = 256
	n, k := shape(a.Rows, a.Cols, right)
	g := NewMat(n, n)
	rows := func(lo, hi int) *Mat {
		if right {
			return a.Slice(0, k, lo, hi)
		}
		return a.Slice(lo, hi, 0, k)
	}
	for lo := 0; lo < n; lo += strip {
		hi := min(lo+strip, n)
		Mul(g.Slice(lo, hi, 0, hi), 1, rows(lo, hi), right, rows(0, hi), !right, 0)
	}
	return g
}

// sketched finds the vectors within a sketch of l.
func sketched(a *Mat, right bool, r, l int, seed uint64) (*Mat, error) {
	s := newSketch((*matrix[float64])(a), right, l, seed)
	s.start()
	for range 4 {
		s.iterate()
	}
	y, z := OrthonormalRows((*Mat)(s.y)), (*Mat)(s.z)
	Mul(z, 1, y, false, a, right, 0)
	_, x, err := LeadingEig(Gram(z, false), r)
	if err != nil {
		return nil, err
	}
	u := NewMat(r, y.Cols)
	Mul(u, 1, x, false, y, false, 0)
	return u, nil
}

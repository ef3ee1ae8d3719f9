package nd

import "github.com/compress-toolkit/compress/engine/linalg"

// leading returns the left singular vectors of m (rows x min(rows, cols)), the leading ones
// first, and the squared singular values. A wide matrix takes the eigenvectors of
// M M^T: orthonormal to rounding, which is what projections need, while values
// below 1e-8 of the largest are noise.
func leading(m *linalg.Mat) (u *linalg.Mat, sq []float64, err error) {
	if m.Rows > m.Cols {
		s, err := linalg.ThinSVD(m)
		if err != nil {
			return nil, nil, err
		}
		sq = make([]float64, len(s.S))
		for i, v := range s.S {
			sq[i] = v * v
		}
		return s.U, sq, nil
	}
	gram := linalg.NewMat(m.Rows, m.Rows)
	linalg.Mul(gram, 1, m, false, m, true, 0)
	sq, u, err = linalg.SymEig(gram)
	for i, v := range sq {
		sq[i] = max(0, v)
	}
	return u, sq, err
}

// columns views the first r columns.
func columns(m *linalg.Mat, r int) *linalg.Mat { return m.Slice(0, m.Rows, 0, min(r, m.Cols)) }

// tail returns the sum of sq from index r on.
func tail(sq []float64, r int) float64 {
	sum := 0.0
	for i := len(sq) - 1; i >= r; i-- {
		sum += sq[i]
	}
	return sum
}

package nd

import (
	"math"

	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// leading returns the leading left singular vectors of m as rows, as many as count says for the squared singular
// values, which are returned too. They come from eigenvectors of M M^T, or those of M^T M times M where
// that is smaller: orthonormal to rounding, which is what projections need, while values
// below 1e-8 of the largest are noise.
func leading(m *linalg.Mat, count func(sq []float64) int) (rows *linalg.Mat, sq []float64, err error) {
	tall := m.Rows > m.Cols
	sq, rows, err = eigOfGram(m, tall, count)
	if err != nil {
		return nil, nil, err
	}
	if tall {
		y := linalg.NewMat(rows.Rows, m.Rows)
		linalg.Mul(y, 1, rows, false, m, true, 0)
		rows = linalg.OrthonormalRows(y)
	}
	return rows, sq, nil
}

// rightRest returns U M for the U of leading, up to signs, without U: right singular vectors times singular values.
func rightRest(m *linalg.Mat, count func(sq []float64) int) (rows *linalg.Mat, sq []float64, err error) {
	sq, rows, err = eigOfGram(m, true, count)
	if err != nil {
		return nil, nil, err
	}
	for i := range rows.Rows {
		f := math.Sqrt(sq[i])
		for j, v := range rows.Row(i) {
			rows.Row(i)[j] = f * v
		}
	}
	return rows, sq, nil
}

// eigOfGram returns squared singular values and vectors of m, as many as count says: left, or right ones.
func eigOfGram(m *linalg.Mat, right bool, count func(sq []float64) int) (sq []float64, rows *linalg.Mat, err error) {
	return linalg.EigUpTo(linalg.Gram(m, right), func(sq []float64) int {
		for i, v := range sq {
			sq[i] = max(0, v)
		}
		return count(sq)
	})
}

// all is the count of leading that wants every vector.
func all(sq []float64) int { return len(sq) }

// exactly is the count of leading that wants r vectors, or as many as there are.
func exactly(r int) func([]float64) int { return func(sq []float64) int { return min(r, len(sq)) } }

// gramOf returns M M^T.
func gramOf(m *linalg.Mat) *linalg.Mat {
	g := linalg.NewMat(m.Rows, m.Rows)
	linalg.Mul(g, 1, m, false, m, true, 0)
	return g
}

// Subspace iteration pays for few vectors of a large matrix.
const (
	subspaceFrom   = 64 // rows
	subspacePart   = 3  // of the rows that the wanted vectors are at most
	subspaceExtra  = 8  // vectors iterated on beyond those wanted
	subspaceRounds = 40 // at most, before all eigenvectors are computed after all
)

// leadingFew returns the r leading left singular vectors of m as rows and the squared norm of
// what they leave out. Where r is small it iterates X = orth(M M^T X) on a few
// more vectors (Rutishauser 1969) until the energy within the leading r grows by less than
// tol of all.
func leadingFew(m *linalg.Mat, r int, tol float64) (rows *linalg.Mat, lost float64, err error) {
	if m.Rows < subspaceFrom || m.Rows > m.Cols || (r+subspaceExtra)*subspacePart > m.Rows {
		rows, sq, err := leading(m, exactly(r))
		return rows, Tail(sq, r), err
	}
	g := gramOf(m)
	whole := trace(g)
	x, last := randomMat(m.Rows, r+subspaceExtra), 0.0
	for range subspaceRounds {
		x, _ = linalg.QR(product(g, x))
		got, vecs, err := ritz(g, x)
		if err != nil {
			return nil, 0, err
		}
		kept := Tail(got[:r], 0)
		if kept-last <= tol*whole {
			return product(x, columns(vecs, r)).T(), max(0, whole-kept), nil
		}
		last = kept
	}
	rows, sq, err := leading(m, exactly(r))
	return rows, Tail(sq, r), err
}

// ritz returns the eigenvalues and vectors of X^T G X.
func ritz(g, x *linalg.Mat) ([]float64, *linalg.Mat, error) {
	small := linalg.NewMat(x.Cols, x.Cols)
	linalg.Mul(small, 1, x, true, product(g, x), false, 0)
	return linalg.SymEig(small)
}

func trace(m *linalg.Mat) float64 {
	sum := 0.0
	for i := range m.Rows {
		sum += m.At(i, i)
	}
	return sum
}

func randomMat(rows, cols int) *linalg.Mat {
	m, rnd := linalg.NewMat(rows, cols), tensor.NewRand(1, "subspace")
	for i := range m.Data {
		m.Data[i] = rnd.Normal(uint64(i))
	}
	return m
}

// columns views the first r columns.
func columns(m *linalg.Mat, r int) *linalg.Mat { return m.Slice(0, m.Rows, 0, min(r, m.Cols)) }

// Tail returns the sum of sq from index r on.
func Tail(sq []float64, r int) float64 {
	sum := 0.0
	for i := len(sq) - 1; i >= r; i-- {
		sum += sq[i]
	}
	return sum
}

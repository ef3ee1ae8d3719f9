package linalg

import "math"

// leading returns the R leading singular triplets of A, vectors as rows (R x M and R x N).
//
// The vectors of the smaller side are those of its Gram matrix G, x G = s^2 x, and those of the other are x A / s.
// Squares have half the digits, so that s_i u_i v_i^T carries up to eps s_1^2 / s_i: below leastSpread it is the full SVD that is cut.
func leading(a *Mat, r int) (ut, vt *Mat, s []float64) {
	right := a.Rows > a.Cols
	vals, x, err := EigUpTo(Gram(a, right), func(vals []float64) int {
		r = min(r, len(vals))
		if r == 0 || !(vals[r-1] > leastSpread*leastSpread*vals[0]) {
			return 0
		}
		return r
	})
	if err != nil { // A is finite and scaled
		panic(err)
	}
	if x.Rows < r {
		return cut(a, r)
	}
	y, s := NewMat(r, max(a.Rows, a.Cols)), make([]float64, r)
	Mul(y, 1, x, false, a, right, 0)
	for i := range s {
		s[i] = norm2(y.Row(i))
		scale(y.Row(i), 1/s[i])
	}
	if vals[r-1] < vals[0]/16 { // not orthogonal to the last digits
		y = OrthonormalRows(y)
	}
	if right {
		return y, x, s
	}
	return x, y, s
}

// leastSpread is the s_R / s_1 down to which Gram matrices serve.
const leastSpread = 1e-2

// cut is leading by the full SVD.
func cut(a *Mat, r int) (ut, vt *Mat, s []float64) {
	t, err := TruncatedSVD(a, r)
	if err != nil { // A is finite and scaled
		panic(err)
	}
	return t.U.T(), t.V.T(), t.S
}

// err is ||A - U S V^T||_F for U S V^T = U U^T A. ||A||^2 - ||S||^2 is its square,
// but when that has cancelled the difference is formed.
func (s *SVD) err(a *Mat, norm float64) float64 {
	sq := (norm - norm2(s.S)) * (norm + norm2(s.S))
	if sq > 1e-8*norm*norm {
		return math.Sqrt(sq)
	}
	us, d := s.U.Clone(), a.Clone()
	for i := range us.Rows {
		row := us.Row(i)
		for j, v := range s.S {
			row[j] *= v
		}
	}
	Mul(d, -1, us, false, s.V, true, 1)
	return d.frobenius()
}

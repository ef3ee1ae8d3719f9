package linalg

import (
	"math"

	"github.com/compress-toolkit/compress/engine/kernel"
)

// basis overwrites the rows of y by a well-conditioned basis of their span, see cholOrth, or in float64 by an
// orthonormal one where that breaks down.
func basis[T kernel.Float](y *matrix[T]) (growth float64, ok bool) {
	growth, ok = cholOrth(y)
	if m, double := any(y).(*matrix[float64]); double && !ok {
		copyRows(m, (*matrix[float64])(householderRows((*Mat)(m))))
		return math.Inf(1), true
	}
	return growth, ok
}

func copyRows[T kernel.Float](dst, src *matrix[T]) {
	for i := range src.Rows {
		copy(dst.row(i), src.row(i))
	}
}

// OrthonormalRows overwrites the rows of Y (R x N, R <= N) by an orthonormal basis of their span, completed
// at random if they are dependent, and returns it. A second round of Cholesky QR repairs what
// the first left (Yamamoto, Nakatsukasa, Yanagisawa and Fukaya 2015); rows of mild growth need none.
func OrthonormalRows(y *Mat) *Mat {
	for range 2 {
		growth, ok := cholOrth((*matrix[float64])(y))
		if !ok {
			return householderRows(y)
		}
		if growth < mildGrowth {
			return y
		}
	}
	return y
}

// cholOrth is one round of Cholesky QR on the rows of Y scaled to length 1, in place: Y becomes L^-1 Y with L L^T = Y Y^T.
// growth is the length of the longest row of L^-1, 1 for orthogonal rows and at most the condition of Y: the result is orthonormal but
// for growth^2 times the unit round-off. When Y is too ill-conditioned it keeps its span and ok is false.
func cholOrth[T kernel.Float](y *matrix[T]) (growth float64, ok bool) {
	tiny, most := orthLimits[T]()
	for i := range y.Rows {
		row := y.row(i)
		n := math.Sqrt(float64(kernel.SumSq(row)))
		if !(n > tiny) {
			return 0, false
		}
		kernel.MulScalar(row, row, T(1/n))
	}
	g := newMatrix[T](y.Rows, y.Rows)
	mul(g, 1, y, false, y, true, 0)
	l, ok := Cholesky((*Mat)(convert[float64](g)))
	if !ok {
		return 0, false
	}
	x := invertLower(l)
	for i := range x.Rows {
		growth = max(growth, norm2(x.Row(i)))
	}
	if !(growth < most) {
		return growth, false
	}
	lowerTimes(convert[T]((*matrix[float64])(x)), y)
	return growth, true
}

// orthLimits are the length below which a row is nothing and the growth from which the Gram matrix has too few digits
// left to be factored.
func orthLimits[T kernel.Float]() (tiny, growth float64) {
	if _, single := any(T(0)).(float32); single {
		return 1e-15, 500
	}
	return 1e-140, 1e5
}

// lowerTimes overwrites Y (R x N) by X Y, X lower triangular, a strip at a time from the last.
func lowerTimes[T kernel.Float](x, y *matrix[T]) {
	const most = 128
	strips := (y.Rows + most - 1) / most
	for s := strips; s > 0; s-- {
		lo, hi := (s-1)*y.Rows/strips, s*y.Rows/strips
		w := newMatrix[T](hi-lo, y.Cols)
		mul(w, 1, x.slice(lo, hi, 0, hi), false, y.slice(0, hi, 0, y.Cols), false, 0)
		copyRows(y.slice(lo, hi, 0, y.Cols), w)
	}
}

func householderRows(y *Mat) *Mat {
	l := y.Rows
	_, tau := householderQR(y)
	q := pad(NewMat(0, 0), l, y.Cols)
	applyReflectors(q, y, tau, 0)
	return q
}

package linalg

import "math"

// reflector makes H = I - tau v v^T, v = (1, tail), with H (alpha, tail) =
// (beta, 0), and overwrites tail with that of v (Golub and Van Loan, Matrix
// Computations, 5.1). It also returns inv, the factor the tail was multiplied
// by; when there is nothing to annihilate tau and inv are 0.
func reflector(alpha float64, tail []float64) (beta, tau, inv float64) {
	ss := dot(tail, tail)
	sum := ss + alpha*alpha
	if !(ss > tiny && sum < huge) {
		return reflectorScaled(alpha, tail)
	}
	beta = -math.Copysign(math.Sqrt(sum), alpha)
	inv = 1 / (alpha - beta)
	scale(tail, inv)
	return beta, (beta - alpha) / beta, inv
}

// Squares between tiny and huge carry no underflow or overflow.
const (
	tiny = 0x1p-900
	huge = 0x1p900
)

// reflectorScaled is reflector for tails whose squares may leave the range of
// float64.
func reflectorScaled(alpha float64, tail []float64) (beta, tau, inv float64) {
	big := 0.0
	for _, v := range tail {
		big = max(big, math.Abs(v))
	}
	if big == 0 {
		return alpha, 0, 0
	}
	big = max(big, math.Abs(alpha))
	ss := 0.0
	for _, v := range tail {
		ss += (v / big) * (v / big)
	}
	a := alpha / big
	b := -math.Copysign(math.Sqrt(ss+a*a), a)
	tau = (b - a) / b
	for i, v := range tail {
		tail[i] = v / big / (a - b)
	}
	return b * big, tau, 1 / (a - b) / big
}

package linalg

// smallEig is the size up to which blocks and threads cost more than they save.
const smallEig = 48

// tridiagonalizeSmall is tridiagonalize by one reflector after the other (Golub and Van Loan, Matrix
// Computations, 8.3.1).
func tridiagonalizeSmall(a *Mat) *tridiagonal {
	n := a.Rows
	room := make([]float64, 4*n)
	t := &tridiagonal{d: room[:n:n], e: room[n : n+max(n-1, 0) : 2*n], tau: room[2*n : 3*n : 3*n], v: a}
	for i := n - 1; i >= 0; i-- {
		v := a.Row(i)
		t.d[i] = v[i]
		v[i] = 0
		if i == 0 {
			break
		}
		t.e[i-1], t.tau[i], _ = reflector(v[i-1], v[:i-1])
		v[i-1] = 1
		if t.tau[i] != 0 {
			rankTwo(a, v[:i], room[3*n:3*n+i], t.tau[i])
		}
	}
	return t
}

// rankTwo applies H = I - tau v v^T on both sides of the leading triangle of A, of the size of v:
// A - v w^T - w v^T with p = tau A v and w = p - tau/2 (p^T v) v.
func rankTwo(a *Mat, v, w []float64, tau float64) {
	clear(w)
	for r, x := range v {
		row := a.Row(r)[:r+1]
		sum := row[r] * x
		for c, y := range row[:r] {
			sum += y * v[c]
			w[c] += y * x
		}
		w[r] += sum
	}
	half := 0.0
	for r := range w {
		w[r] *= tau
		half += w[r] * v[r]
	}
	half *= tau / 2
	for r := range w {
		w[r] -= half * v[r]
	}
	for r, x := range v {
		y, row := w[r], a.Row(r)[:r+1]
		for c := range row {
			row[c] -= x*w[c] + y*v[c]
		}
	}
}

// applySmall is apply by one reflector after the other.
func (t *tridiagonal) applySmall(x *Mat) {
	for r := range x.Rows {
		row := x.Row(r)
		for i := 1; i < t.v.Rows; i++ {
			v, sum := t.v.Row(i)[:i], 0.0
			for c, y := range v {
				sum += y * row[c]
			}
			sum *= t.tau[i]
			for c, y := range v {
				row[c] -= sum * y
			}
		}
	}
}

package linalg

import "math"

// tridiagonal is A = Q T Q^T for a symmetric N x N matrix: T has diagonal d
// and off-diagonal e, Q = H_{N-1} ... H_1 with v_i the rows of v (N x N, row i
// zero from column i on, 1 in column i-1).
type tridiagonal struct {
	d, e, tau []float64
	v         *Mat
}

const tridiagBlock = 24

// tridiagonalize reduces the lower triangle of a (overwritten) by the blocked
// algorithm of Dongarra, Sorensen and Hammarling (1989), last row first, so
// that rows stay contiguous and start at column 0. Each pass reads the
// triangle once.
func tridiagonalize(a *Mat) *tridiagonal {
	n := a.Rows
	t := &tridiagonal{d: make([]float64, n), e: make([]float64, max(n-1, 0)), tau: make([]float64, n), v: a}
	block := min(tridiagBlock, n)
	p := &tridiagPanel{
		tridiagonal: t,
		left:        NewMat(2*block, n), right: NewMat(2*block, n),
		partial: NewMat(passChunks, n),
	}
	for hi := n; hi > 0; hi -= tridiagBlock {
		p.reduce(max(hi-tridiagBlock, 0), hi)
	}
	return t
}

// tridiagPanel reduces a block of rows. Inside it the current matrix is
// A - V^T W - W^T V, held as the rows of left = [v_0 w_0 v_1 w_1 ...] and
// right = [w_0 v_0 w_1 v_1 ...] (2B x N).
type tridiagPanel struct {
	*tridiagonal
	left, right, partial *Mat
}

// reduce eliminates rows hi-1 down to lo and updates those above.
func (p *tridiagPanel) reduce(lo, hi int) {
	for i := hi - 1; i >= lo; i-- {
		p.step(i, hi-1-i)
	}
	const strip = 256
	k := 2 * (hi - lo)
	for r := 0; r < lo; r += strip {
		end := min(r+strip, lo)
		Mul(p.v.Slice(r, end, 0, end), -1, p.left.Slice(0, k, r, end), true, p.right.Slice(0, k, 0, end), false, 1)
	}
}

// step makes the reflector that clears row i before column i-1, and
//
//	w = p - tau/2 (p^T v) v,   p = tau (A v - V^T W v - W^T V v).
func (p *tridiagPanel) step(i, j int) {
	a := p.v.Row(i)
	for t := range 2 * j {
		axpy(a[:i+1], -p.left.Row(t)[i], p.right.Row(t)[:i+1])
	}
	p.d[i] = a[i]
	clear(a[i:])
	v, w := p.left.Row(2*j), p.left.Row(2*j+1)
	clear(w)
	if i > 0 {
		p.e[i-1], p.tau[i], _ = reflector(a[i-1], a[:i-1])
		a[i-1] = 1
	}
	copy(v, a)
	if tau := p.tau[i]; tau != 0 {
		p.multiply(w[:i], v[:i])
		for t := range 2 * j {
			axpy(w[:i], -dot(p.right.Row(t)[:i], v[:i]), p.left.Row(t)[:i])
		}
		scale(w[:i], tau)
		axpy(w[:i], -tau/2*dot(w[:i], v[:i]), v[:i])
	}
	copy(p.right.Row(2*j), w)
	copy(p.right.Row(2*j+1), v)
}

// multiply adds A v to y for the leading triangle of A of the size of v. The
// rows are cut into pieces of equal area, each with a y of its own.
func (p *tridiagPanel) multiply(y, v []float64) {
	n := len(v)
	chunks := min(passChunks, n*n/2/chunkWork+1)
	cut := func(c int) int { return int(float64(n) * math.Sqrt(float64(c)/float64(chunks))) }
	parallel(chunks, func(c int) {
		y := p.partial.Row(c)[:cut(c+1)]
		clear(y)
		for r := cut(c); r < cut(c+1); r++ {
			a := p.v.Row(r)[:r+1]
			y[r] += dot(a, v[:r+1])
			axpy(y[:r], v[r], a[:r])
		}
	})
	for c := range chunks {
		axpy(y[:cut(c+1)], 1, p.partial.Row(c)[:cut(c+1)])
	}
}

// apply overwrites X (R x N) by X H_1 H_2 ... H_{N-1}.
func (t *tridiagonal) apply(x *Mat) {
	n := t.v.Rows
	for lo := 1; lo < n; lo += wyBlock {
		hi := min(lo+wyBlock, n)
		blk := t.v.Slice(lo, hi, 0, hi-1)
		applyRight(x.Slice(0, x.Rows, 0, hi-1), blk, wyFactor(blk, t.tau[lo:hi]), false)
	}
}

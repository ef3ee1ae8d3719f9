package linalg

// bidiagonal is A = Q B P^T for an M x N matrix, N <= M: B is N x N upper
// bidiagonal with diagonal d and superdiagonal e, Q = H_0 H_1 ... from the
// rows of u (N x M, row k zero before column k), P likewise from the rows of v
// (N x N, row k zero before column k+1; nil when not wanted).
type bidiagonal struct {
	d, e       []float64
	u, v       *Mat
	tauQ, tauP []float64
}

const (
	bidiagBlock = 24      // columns reduced between two updates of the rest
	passChunks  = 8       // most pieces a pass over the rest is cut into
	chunkWork   = 1 << 14 // least elements of a piece
)

// bidiagonalize reduces A, given as its transpose at (N x M, overwritten), by
// the blocked algorithm of Dongarra, Sorensen and Hammarling (1989). The two
// matrix-vector products of a step share one pass over the rest of the matrix
// as in Howell, Demmel, Fulton, Hammarling and Marmol (2008): memory
// bandwidth bounds the reduction, so this halves its time. P is only kept with vectors.
func bidiagonalize(at *Mat, vectors bool) *bidiagonal {
	n, m := at.Rows, at.Cols
	b := &bidiagonal{
		d: make([]float64, n), e: make([]float64, max(n-1, 0)), u: at,
		tauQ: make([]float64, n), tauP: make([]float64, n),
	}
	if vectors {
		b.v = NewMat(n, n)
	}
	p := newBidiagPanel(b, min(bidiagBlock, n))
	for lo := 0; lo < n; lo += bidiagBlock {
		p.reduce(lo, min(lo+bidiagBlock, n))
	}
	for k := range n {
		clear(at.Row(k)[:min(k, m)])
	}
	return b
}

// bidiagPanel reduces a block of columns and rows of A. Inside the block,
// with j steps done, the current matrix is A - U Y^T - X V^T, held as the rows
// of left = [y_0 v_0 y_1 v_1 ...] (2B x N) and right = [u_0 x_0 u_1 x_1 ...] (2B x M).
type bidiagPanel struct {
	*bidiagonal
	left, right *Mat
	rows        *Mat // B x N: the rows of A in the block as they were at its start
	partial     *Mat // pieces of x, chunk by chunk
	coef, proj  []float64
	r           []float64
}

func newBidiagPanel(b *bidiagonal, block int) *bidiagPanel {
	n, m := b.u.Rows, b.u.Cols
	return &bidiagPanel{
		bidiagonal: b,
		left:       NewMat(2*block, n), right: NewMat(2*block, m),
		rows: NewMat(block, n), partial: NewMat(passChunks, m),
		coef: make([]float64, 2*block), proj: make([]float64, 2*block),
		r: make([]float64, n),
	}
}

// reduce eliminates columns and rows [lo, hi) and updates the rest.
func (p *bidiagPanel) reduce(lo, hi int) {
	n, m := p.u.Rows, p.u.Cols
	nb := hi - lo
	transpose(p.rows.Slice(0, nb, lo, n), p.u.Slice(lo, n, lo, hi))
	for j := range nb {
		p.step(lo, j)
	}
	if hi == n {
		return
	}
	l := p.left.Slice(0, 2*nb, hi, n)
	r := p.right.Slice(0, 2*nb, hi, m)
	Mul(p.u.Slice(hi, n, hi, m), -1, l, true, r, false, 1)
}

// step does column and row k = lo+j.
func (p *bidiagPanel) step(lo, j int) {
	k, n := lo+j, p.u.Rows
	u := p.column(k, j)
	y, v, x := p.left.Row(2*j), p.left.Row(2*j+1), p.right.Row(2*j+1)
	clear(y)
	clear(v)
	clear(x)
	if k == n-1 {
		return
	}
	for i := range 2 * j {
		p.coef[i] = p.right.Row(i)[k]
		p.proj[i] = dot(p.right.Row(i)[k:], u[k:])
	}
	chunks, size := p.cut(k)
	parallel(chunks, func(c int) {
		from := k + 1 + c*size
		p.pass(k, j, from, min(from+size, n), p.partial.Row(c))
	})
	p.row(k, j, chunks)
}

// cut says how to divide the columns after k, whatever the number of threads.
func (p *bidiagPanel) cut(k int) (chunks, size int) {
	rest := p.u.Rows - k - 1
	chunks = min(passChunks, rest*(p.u.Cols-k)/chunkWork+1)
	size = (rest + chunks - 1) / chunks
	return (rest + size - 1) / size, size
}

// column brings column k of A up to date, makes the reflector that clears it
// below the diagonal and copies it to right.
func (p *bidiagPanel) column(k, j int) []float64 {
	a := p.u.Row(k)
	for i := range 2 * j {
		axpy(a[k:], -p.left.Row(i)[k], p.right.Row(i)[k:])
	}
	p.d[k], p.tauQ[k], _ = reflector(a[k], a[k+1:])
	a[k] = 1
	clear(a[:k])
	copy(p.right.Row(2*j), a)
	return a
}

// pass handles columns [c0, c1) of A for step k. With u known it computes
//
//	y = tauQ (A^T u - Y U^T u - V X^T u),   r = A[k,:] - (U Y^T + X V^T)[k,:] - y,
//
// and adds A r to x, reading each column of A once. r becomes v by changing one
// entry and scaling, so A v follows from A r without another pass.
func (p *bidiagPanel) pass(k, j, c0, c1 int, x []float64) {
	y, r, u, tau := p.left.Row(2 * j)[c0:c1], p.r[c0:c1], p.u.Row(k)[k:], p.tauQ[k]
	copy(r, p.rows.Row(j)[c0:c1])
	for i := range 2 * j {
		l := p.left.Row(i)[c0:c1]
		axpy(r, -p.coef[i], l)
		axpy(y, -p.proj[i], l)
	}
	x = x[k:]
	clear(x)
	for i := range y {
		col := p.u.Row(c0 + i)[k:]
		y[i] = tau * (y[i] + dot(col, u))
		r[i] -= y[i]
		axpy(x, r[i], col)
	}
}

// row makes the reflector that clears row k right of the superdiagonal and
// x = tauP (A v - U Y^T v - X V^T v), with A r in pieces in partial.
func (p *bidiagPanel) row(k, j, chunks int) {
	n := p.u.Rows
	r, v := p.r[k+1:n], p.left.Row(2*j+1)
	if dot(r, r) < tiny { // far below what rounding leaves of a matrix of about 1, and inv would overflow
		clear(r)
	}
	beta, tau, inv := reflector(r[0], r[1:])
	p.e[k], p.tauP[k] = beta, tau
	copy(v[k+1:], r)
	v[k+1] = 1
	if p.v != nil {
		copy(p.v.Row(k), v)
	}
	if tau == 0 {
		return
	}
	x := p.right.Row(2*j + 1)[k+1:]
	for c := range chunks {
		axpy(x, inv, p.partial.Row(c)[k+1:])
	}
	axpy(x, -beta*inv, p.u.Row(k + 1)[k+1:])
	for i := range 2*j + 1 {
		axpy(x, -dot(p.left.Row(i)[k+1:], v[k+1:]), p.right.Row(i)[k+1:])
	}
	scale(x, tau)
}

package linalg

import "math"

// bdc is the divide-and-conquer SVD of an upper bidiagonal matrix (Gu and
// Eisenstat, SIAM J. Matrix Anal. Appl. 16, 1995). Singular vectors are kept
// as rows, so that gathering, rotating and dropping them touches contiguous
// memory. A node is n rows from offset o and n+extra columns, extra being 0 or 1; its vectors
// are the block at (o, o) of u (n x n) and v ((n+extra) x (n+extra)), whose
// last row spans the null space when extra is 1.
type bdc struct {
	d, e []float64 // the matrix
	s    []float64 // values, one for each row
	u, v *Mat
	w, q []float64 // scratch, N x N each
}

// treeLeaf is the size up to which whole subtrees are one unit of work.
const treeLeaf = 64

// bidiagonalSVD returns the values (in no order) and vectors, as the rows of
// u and v, of the N x N bidiagonal matrix. Entries must be about 1 or less.
func bidiagonalSVD(d, e []float64) *bdc {
	n := len(d)
	b := &bdc{d: d, e: e, s: make([]float64, n), u: NewMat(n, n), v: NewMat(n, n),
		w: make([]float64, n*n), q: make([]float64, n*n)}
	var leaves [][3]int
	b.upper(0, n, 0, func(o, n, extra int) { leaves = append(leaves, [3]int{o, n, extra}) }, func(int, int, int) {})
	parallel(len(leaves), func(i int) { b.tree(leaves[i][0], leaves[i][1], leaves[i][2]) })
	b.upper(0, n, 0, func(int, int, int) {}, b.merge)
	for i, v := range b.s {
		if v < math.Sqrt(floor) { // far below the error; what floor made of 0
			b.s[i] = 0
		}
	}
	return b
}

// upper walks the nodes above treeLeaf after their children, and the subtrees below.
func (b *bdc) upper(o, n, extra int, leaf, node func(o, n, extra int)) {
	if n <= treeLeaf {
		leaf(o, n, extra)
		return
	}
	nl := n / 2
	b.upper(o, nl, 1, leaf, node)
	b.upper(o+nl+1, n-nl-1, extra, leaf, node)
	node(o, n, extra)
}

func (b *bdc) tree(o, n, extra int) {
	switch n {
	case 0:
		if extra == 1 {
			b.v.Set(o, o, 1)
		}
	case 1:
		b.one(o, extra)
	default:
		nl := n / 2
		b.tree(o, nl, 1)
		b.tree(o+nl+1, n-nl-1, extra)
		b.merge(o, n, extra)
	}
}

// one solves a node of one row: [d] or [d e].
func (b *bdc) one(o, extra int) {
	b.u.Set(o, o, 1)
	if extra == 0 {
		b.s[o] = math.Abs(b.d[o])
		b.v.Set(o, o, math.Copysign(1, b.d[o]))
		return
	}
	r := math.Hypot(b.d[o], b.e[o])
	c, s := 1.0, 0.0
	if r > 0 {
		c, s = b.d[o]/r, b.e[o]/r
	}
	b.s[o] = r
	b.v.Set(o, o, c)
	b.v.Set(o, o+1, s)
	b.v.Set(o+1, o, -s)
	b.v.Set(o+1, o+1, c)
}

// merge joins the halves of a node around its middle row nl:
//
//	[B1      0   ]   [U1 0 0 ] [D1 0 0 ]
//	[a e^T  b e^T] = [0  1 0 ] [ z^T   ] blkdiag(V1, V2)^T
//	[0       B2  ]   [0  0 U2] [0 0 D2 ]
//
// where z holds a times the last row of V1 and b times the first row of V2.
func (b *bdc) merge(o, n, extra int) {
	nl := n / 2
	u := b.u.Slice(o, o+n, o, o+n)
	v := b.v.Slice(o, o+n+extra, o, o+n+extra)
	s := b.s[o : o+n]
	u.Set(nl, nl, 1)
	es, tol := b.couple(o, n, extra)
	kept, gone := deflate(es[1:], tol, tol, func(i, j int, c, sn float64) {
		rotateRows(u.Row(i), u.Row(j), c, sn)
		rotateRows(v.Row(i), v.Row(j), c, sn)
	})
	if len(kept) > 0 {
		kept[0].d = max(kept[0].d, tol/2)
	}
	kept = es[:1+len(kept)]
	k := len(kept)
	r := solveRankOne(kept, true)
	q := &Mat{k, k, k, b.q[o*len(b.d):]}
	w := &Mat{n, n, n, b.w[o*len(b.d):]}
	r.vectors(q, true)
	r.update(u, q, w, gone, nl+1)
	w.Cols, w.Stride = n+extra, n+extra
	r.vectors(q, false)
	r.update(v.Slice(0, n, 0, n+extra), q, w, gone, nl+1)
	for j, t := range r.roots {
		s[j] = t.base + t.shift
	}
	for j, e := range gone {
		s[k+j] = e.d
	}
}

// couple makes the entries of a merge, the middle row first with d = 0, the
// others ascending, and the tolerance for dropping them. With an extra column the two null vectors
// are rotated so that only one of them meets the middle row.
func (b *bdc) couple(o, n, extra int) ([]entry, float64) {
	nl := n / 2
	v := b.v.Slice(o, o+n+extra, o, o+n+extra)
	alpha, beta := b.d[o+nl], 0.0
	if nl+1 < n+extra {
		beta = b.e[o+nl]
	}
	top, tol := max(math.Abs(alpha), math.Abs(beta)), 0.0
	es := make([]entry, 1, n)
	for i := range nl {
		es = append(es, entry{b.s[o+i], alpha * v.Row(i)[nl], i, inLeft})
		top = max(top, b.s[o+i])
	}
	for i := nl + 1; i < n; i++ {
		es = append(es, entry{b.s[o+i], beta * v.Row(i)[nl+1], i, inRight})
		top = max(top, b.s[o+i])
	}
	tol = max(8*eps*top, floor)
	es[0] = b.middle(v, nl, n, alpha, beta, tol)
	sortEntries(es[1:])
	return es, tol
}

// floor is the smallest tolerance, where squares still behave.
const floor = 0x1p-300

func (b *bdc) middle(v *Mat, nl, n int, alpha, beta, tol float64) entry {
	m := entry{z: alpha * v.Row(nl)[nl], row: nl, kind: inLeft}
	if v.Rows > n {
		z2 := beta * v.Row(n)[nl+1]
		if r := math.Hypot(m.z, z2); r > 0 {
			rotateRows(v.Row(nl), v.Row(n), m.z/r, z2/r)
			m.z = r
		}
		m.kind = inBoth
	}
	if math.Abs(m.z) < tol {
		m.z = tol
	}
	return m
}

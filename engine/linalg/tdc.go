package linalg

import "math"

// tdc is the divide-and-conquer eigensolver of a symmetric tridiagonal matrix
// (Cuppen 1981; Gu and Eisenstat, SIAM J. Matrix Anal. Appl. 16, 1995).
// Eigenvectors are rows; a node of n rows from offset o owns the n x n block
// of x at (o, o).
type tdc struct {
	d, e []float64 // d becomes the eigenvalues, one for each row
	x    *Mat
	w, q []float64 // scratch, N x N each
}

// tridiagonalEig returns the eigenvalues (in no order) and the eigenvectors,
// as the rows of x, of the N x N tridiagonal matrix. Entries must be about 1
// or less. d is overwritten.
func tridiagonalEig(d, e []float64) *tdc {
	n := len(d)
	t := &tdc{d: d, e: e, x: Eye(n), w: make([]float64, n*n), q: make([]float64, n*n)}
	t.tear(0, n)
	var leaves [][2]int
	subtrees(0, n, func(o, n int) { leaves = append(leaves, [2]int{o, n}) })
	parallel(len(leaves), func(i int) { t.tree(leaves[i][0], leaves[i][1], 1) })
	t.tree(0, n, treeLeaf)
	return t
}

// tear splits the matrix everywhere, T = blkdiag(T1, T2) + |b| u u^T with
// u = (0 ... 0 1 sign(b) 0 ... 0).
func (t *tdc) tear(o, n int) {
	if n < 2 {
		return
	}
	m := o + n/2
	b := math.Abs(t.e[m-1])
	t.d[m-1] -= b
	t.d[m] -= b
	t.tear(o, n/2)
	t.tear(m, n-n/2)
}

// subtrees visits the largest nodes of at most treeLeaf rows.
func subtrees(o, n int, f func(o, n int)) {
	if n <= treeLeaf {
		f(o, n)
		return
	}
	subtrees(o, n/2, f)
	subtrees(o+n/2, n-n/2, f)
}

// tree solves a node, given its descendants of at most size done.
func (t *tdc) tree(o, n, done int) {
	if n <= done {
		return
	}
	t.tree(o, n/2, done)
	t.tree(o+n/2, n-n/2, done)
	t.merge(o, n)
}

// merge joins the halves of a node: with D their eigenvalues and z the last
// row of the first eigenvectors and the first row of the second times the
// square root of |b|, the node is similar to D + z z^T.
func (t *tdc) merge(o, n int) {
	h := n / 2
	x, d := t.x.Slice(o, o+n, o, o+n), t.d[o:o+n]
	b := t.e[o+h-1]
	es := make([]entry, n)
	top, norm := 0.0, 0.0
	for i := range es {
		es[i] = entry{d[i], math.Sqrt(math.Abs(b)) * x.Row(i)[h-1], i, inLeft}
		if i >= h {
			es[i].z = math.Copysign(math.Sqrt(math.Abs(b)), b) * x.Row(i)[h]
			es[i].kind = inRight
		}
		top = max(top, math.Abs(d[i]))
		norm = math.Hypot(norm, es[i].z)
	}
	sortEntries(es)
	tol := max(8*eps*max(top, norm*norm), floor)
	kept, gone := deflate(es, tol, tol/norm, func(i, j int, c, s float64) {
		rotateRows(x.Row(i), x.Row(j), c, s)
	})
	k := len(kept)
	if k == 0 {
		return
	}
	r := solveRankOne(kept, false)
	q := &Mat{k, k, k, t.q[o*len(t.d):]}
	r.vectors(q, false)
	r.update(x, q, &Mat{n, n, n, t.w[o*len(t.d):]}, gone, h)
	for j, v := range r.roots {
		d[j] = v.base + v.shift
	}
	for j, e := range gone {
		d[k+j] = e.d
	}
}

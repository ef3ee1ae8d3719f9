package lowrank

import (
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// Moments are second moments of what a site reads, over calibration data: x is
// a row of a dense layer's input or a patch (K kernel numbers) of a convolution's.
// The error of W' is that of the output (Wang et al. 2024, SVD-LLM; Zhang et al. 2015):
//
//	E ||(W - W') x||^2 = trace((W - W') C (W - W')^T),  C = E[x x^T]
type Moments struct {
	Rows int64         // number of vectors seen
	In   []*linalg.Mat // C of each group, (K kernel) x (K kernel); nil when it would not fit in memory
	Out  []*linalg.Mat // W C W^T of each group, M x M; needed only where In is nil
	// Mean is E[x] of each group when the site's bias can absorb it: In and Out
	// are then covariances about the mean. Otherwise it is nil.
	Mean [][]float64
}

// bytes returns what the moments of a site take; none take nothing.
func (m *Moments) bytes() int64 {
	if m == nil {
		return 0
	}
	n := int64(0)
	for _, c := range slices.Concat(m.In, m.Out) {
		n += 8 * int64(len(c.Data))
	}
	return n
}

// output returns W C W^T of group g.
func (m *Moments) output(g int, w *linalg.Mat) *linalg.Mat {
	if m.In == nil {
		return m.Out[g]
	}
	return congruence(w, m.In[g])
}

// congruence returns A C A^T.
func congruence(a, c *linalg.Mat) *linalg.Mat {
	ac, out := linalg.NewMat(a.Rows, c.Cols), linalg.NewMat(a.Rows, a.Rows)
	linalg.Mul(ac, 1, a, false, c, false, 0)
	linalg.Mul(out, 1, ac, false, a, true, 0)
	return out
}

// spectrum returns the singular values of W C^1/2: the squared output error at rank R
// is the sum of the squares from the R-th on.
func (m *Moments) spectrum(g int, w *linalg.Mat) ([]float64, error) {
	if m.In != nil && w.Rows > w.Cols {
		root, _, err := whitener(m.In[g])
		if err != nil {
			return nil, err
		}
		return linalg.SingularValues(product(w, root))
	}
	vals, _, err := linalg.SymEig(m.output(g, w))
	if err != nil {
		return nil, err
	}
	return rootsOf(vals[:min(w.Rows, w.Cols)]), nil
}

func rootsOf(vals []float64) []float64 {
	s := make([]float64, len(vals))
	for i, v := range vals {
		s[i] = math.Sqrt(max(0, v))
	}
	return s
}

func product(a, b *linalg.Mat) *linalg.Mat {
	c := linalg.NewMat(a.Rows, b.Cols)
	linalg.Mul(c, 1, a, false, b, false, 0)
	return c
}

// split returns the best A (M x R) and B (R x (K kernel)) for the output, by the
// form whose eigenproblem is smaller.
func (m *Moments) split(g int, w *linalg.Mat, r int, seed uint64) (a, b *linalg.Mat, err error) {
	if m.In != nil && w.Rows > w.Cols {
		return splitWhitened(w, m.In[g], r, seed)
	}
	return splitProjected(w, m.output(g, w), r)
}

// splitProjected projects on the R leading eigenvectors V of the output moments
// E[y y^T]: W' = V V^T W. It inverts nothing. Where fewer directions were seen than R, the
// others are those in which the weight is largest.
func splitProjected(w, out *linalg.Mat, r int) (a, b *linalg.Mat, err error) {
	out = out.Clone()
	if n := nd.Of(w.Data, len(w.Data)).Norm(); n > 0 {
		linalg.Mul(out, whitenTol*trace(out)/(n*n), w, false, w, true, 1)
	}
	_, vecs, err := linalg.SymEig(out)
	if err != nil {
		return nil, nil, err
	}
	a = vecs.Slice(0, w.Rows, 0, r).Clone()
	b = linalg.NewMat(r, w.Cols)
	linalg.Mul(b, 1, a, true, w, false, 0)
	return a, b, nil
}

// splitWhitened projects W S, where C = S S^T, on its leading right singular vectors V: W' = W S V V^T S^-1,
// the same optimum as splitProjected (SVD-LLM).
func splitWhitened(w, in *linalg.Mat, r int, seed uint64) (a, b *linalg.Mat, err error) {
	root, inv, err := whitener(in)
	if err != nil {
		return nil, nil, err
	}
	ws := product(w, root)
	v, err := linalg.LeadingVectors(ws, true, r, seed)
	if err != nil {
		return nil, nil, err
	}
	a = linalg.NewMat(w.Rows, r)
	linalg.Mul(a, 1, ws, false, v, true, 0)
	return a, product(v, inv), nil
}

// whitenTol is the eigenvalue, relative to the largest, below which a direction of the input counts as unseen.
const whitenTol = 1e-10

// whitener returns S with C = S S^T, and an inverse of it: the Cholesky factor when
// C is well definite, otherwise S = Q L^1/2 from its eigenvalues, with unseen
// directions lifted to whitenTol so that weights on them are kept, not blown up.
func whitener(c *linalg.Mat) (s, inv *linalg.Mat, err error) {
	if l, ok := linalg.Cholesky(c); ok && wellDefinite(l) {
		return l, lowerInverse(l), nil
	}
	vals, q, err := linalg.SymEig(c)
	if err != nil {
		return nil, nil, err
	}
	floor := max(vals[0], math.SmallestNonzeroFloat32) * whitenTol
	s, inv = q.Clone(), q.T()
	for i, v := range vals {
		root := math.Sqrt(max(v, floor))
		scaleCol(s, i, root)
		scaleRow(inv, i, 1/root)
	}
	return s, inv, nil
}

// wellDefinite reports whether a Cholesky factor's pivots are far from vanishing.
func wellDefinite(l *linalg.Mat) bool {
	small, large := math.Inf(1), 0.0
	for i := range l.Rows {
		p := l.At(i, i) * l.At(i, i)
		small, large = min(small, p), max(large, p)
	}
	return small > large*whitenTol
}

// lowerInverse inverts a lower triangular matrix by forward substitution on rows.
func lowerInverse(l *linalg.Mat) *linalg.Mat {
	inv := linalg.NewMat(l.Rows, l.Rows)
	for i := range l.Rows {
		row := inv.Row(i)
		for j := range i {
			if f := l.At(i, j); f != 0 {
				for k, v := range inv.Row(j)[:j+1] {
					row[k] -= f * v
				}
			}
		}
		row[i] = 1
		for k := range row[:i+1] {
			row[k] /= l.At(i, i)
		}
	}
	return inv
}

// energyRows is how many rows of a weight are multiplied at a time.
const energyRows = 64

// energy returns trace(D C D^T) summed over groups, for D of shape G, M, K, kernel...
func (m *Moments) energy(d *nd.Array) float64 {
	sum := 0.0
	for g, w := range groupMats(d) {
		for lo := 0; lo < w.Rows; lo += energyRows {
			rows := w.Slice(lo, min(lo+energyRows, w.Rows), 0, w.Cols)
			for i, v := range product(rows, m.In[g]).Data {
				sum += v * rows.Data[i]
			}
		}
	}
	return sum
}

// channelMoments returns the K x K moments of single input channels in group g: C with
// kernel positions averaged.
func (m *Moments) channelMoments(g, k int) *linalg.Mat {
	c := m.In[g]
	taps := c.Rows / k
	out := linalg.NewMat(k, k)
	for i := range k {
		for j := range k {
			for t := range taps {
				out.Data[i*k+j] += c.At(i*taps+t, j*taps+t) / float64(taps)
			}
		}
	}
	return out
}

// projectionError returns the relative output error of W' = P W with P an orthogonal
// projection, from the output moments alone: 1 - trace(U^T E[y y^T] U) / trace(E[y y^T])
// for an orthonormal basis U of the columns of W'.
func (m *Moments) projectionError(w, approx *nd.Array) float64 {
	kept, whole := 0.0, 0.0
	for g, a := range groupMats(approx) {
		out := m.output(g, w.Index(g).Mat(a.Rows))
		for i := range out.Rows {
			whole += out.At(i, i)
		}
		u, _, err := linalg.RangeFinder(a, 1e-10, 0, 1)
		if err != nil {
			return math.NaN()
		}
		c := congruence(u.T(), out)
		for i := range c.Rows {
			kept += c.At(i, i)
		}
	}
	if whole <= 0 {
		return 0
	}
	return math.Sqrt(max(0, 1-kept/whole))
}

package nd

import (
	"context"
	"math"

	"github.com/compress-toolkit/compress/engine/linalg"
)

// correctSweeps bounds the correction; it stops when a sweep lowers the norm by under correctGain.
const (
	correctSweeps = 60
	correctGain   = 0.005
)

// correct makes the components small at a bounded error (error-preserving
// correction, Phan et al. 2020, "Stable low-rank tensor decomposition for
// compression of convolutional neural network"): mode by mode, the others' columns
// at unit norm,
//
//	min ||U_n||_F^2  with  ||A_(n) - U_n KR^T||_F <= limit ||A||_F,
//
// whose solution is U_n = M (G + mu I)^-1 with the multiplier mu that meets the bound.
func (s *als) correct(ctx context.Context, f *fit, limit float64) error {
	last := math.Inf(1)
	for range correctSweeps {
		if err := ctx.Err(); err != nil {
			return err
		}
		var t *linalg.Mat // A^T U1: U1 stays at unit norms behind the first mode
		for n := range s.shape {
			f.loadOn(n)
			if n == 1 {
				t = s.shared(f.cp.U[0])
			}
			if err := s.shrink(f, n, t, limit); err != nil {
				return err
			}
		}
		norm := f.cp.Intensity()
		if norm > last*(1-correctGain) {
			return nil
		}
		last = norm
	}
	return nil
}

// loadOn moves the norm of every component to mode n.
func (f *fit) loadOn(n int) {
	all := make([]float64, f.cp.U[n].Cols)
	for r := range all {
		all[r] = 1
	}
	for m, u := range f.cp.U {
		if m == n {
			continue
		}
		norms := colNorms(u)
		for r, v := range norms {
			if v == 0 {
				norms[r] = 1
				continue
			}
			all[r] *= v
			norms[r] = 1 / v
		}
		scaleCols(u, norms)
		f.refresh(m)
	}
	scaleCols(f.cp.U[n], all)
	f.refresh(n)
}

// shrink solves the bounded problem of one mode in the eigenbasis Q of G; t is A^T U1 for modes behind the first.
func (s *als) shrink(f *fit, n int, t *linalg.Mat, limit float64) error {
	var m *linalg.Mat
	if n == 0 {
		m = s.first(f.cp)
	} else {
		m = contract(t, s.shape[1:], f.cp.U[1:], n-1)
	}
	vals, q, err := linalg.SymEig(f.normal(n))
	if err != nil {
		return err
	}
	mq := product(m, q)
	sq := make([]float64, len(vals)) // squared norms of the columns of M Q
	for i := range mq.Rows {
		for j, v := range mq.Row(i) {
			sq[j] += v * v
		}
	}
	mu := multiplier(vals, sq, s.whole, limit*limit*s.whole)
	if mu == 0 {
		return nil // the bound is tight already: this mode cannot shrink
	}
	for j := range vals {
		d := 1 / (max(vals[j], 0) + mu)
		for i := range mq.Rows {
			mq.Row(i)[j] *= d
		}
	}
	u := linalg.NewMat(mq.Rows, q.Rows)
	linalg.Mul(u, 1, mq, false, q, true, 0)
	f.cp.U[n] = u
	f.refresh(n)
	f.err = s.error(f, n, m)
	return nil
}

// multiplier returns the largest mu whose squared error is within the bound, 0 when there is none:
//
//	err(mu) = ||A||^2 - sum_j sq_j (2 / (l_j + mu) - l_j / (l_j + mu)^2)
func multiplier(vals, sq []float64, whole, bound float64) float64 {
	squared := func(mu float64) float64 {
		e := whole
		for j, l := range vals {
			l = max(l, 0)
			e -= sq[j] * (2/(l+mu) - l/((l+mu)*(l+mu)))
		}
		return e
	}
	hi := max(vals[0], 1e-300)
	lo := hi * 1e-15
	if !(squared(lo) <= bound) {
		return 0
	}
	for squared(hi) <= bound && hi < 1e300 {
		lo, hi = hi, hi*16
	}
	for range 100 {
		mid := math.Sqrt(lo) * math.Sqrt(hi)
		if squared(mid) <= bound {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// Intensity returns the sum of the squared norms of the components.
func (c *CP) Intensity() float64 {
	all := make([]float64, c.U[0].Cols)
	for n, u := range c.U {
		for r, v := range colNorms(u) {
			if n == 0 {
				all[r] = 1
			}
			all[r] *= v * v
		}
	}
	return tail(all, 0)
}

// Sensitivity returns the expected squared change of the array for independent noise
// of unit variance on every element of the factors (Phan et al. 2020, lemma 1):
//
//	sum over n of Nn sum over r of product over m != n of ||um_r||^2
func (c *CP) Sensitivity() float64 {
	sum := 0.0
	for n, u := range c.U {
		others := &CP{}
		for m, v := range c.U {
			if m != n {
				others.U = append(others.U, v)
			}
		}
		sum += float64(u.Rows) * others.Intensity()
	}
	return sum
}

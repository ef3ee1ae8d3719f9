package nd

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/linalg"
)

// Tucker is A ~ core x_1 U1 ... x_D UD with orthonormal columns in each U
// (Tucker 1966). A mode whose U is nil is not decomposed.
type Tucker struct {
	Core *Array
	U    []*linalg.Mat // Nn x Rn
}

// TuckerOpts bounds the iteration.
type TuckerOpts struct {
	Sweeps int     // of orthogonal iteration; 0 means 50, negative none (HOSVD alone)
	Tol    float64 // change of the squared relative error to stop at; 0 means 1e-4
}

// DecomposeTucker decomposes a with ranks for every mode, 0 for modes to leave alone.
// It starts from the leading singular vectors of the unfoldings (HOSVD, De
// Lathauwer, De Moor and Vandewalle 2000a) and improves them in turn, each to the
// best for the others (HOOI, 2000b), so that the error never rises:
//
//	U_n = the R_n leading left singular vectors of (A x_m U_m^T for all m != n)_(n)
func DecomposeTucker(a *Array, ranks []int, o TuckerOpts) (*Tucker, error) {
	if len(ranks) != len(a.Shape) {
		return nil, fmt.Errorf("nd: %d Tucker ranks for an array of shape %v", len(ranks), a.Shape)
	}
	t := &Tucker{U: make([]*linalg.Mat, len(ranks))}
	for n, r := range ranks {
		if r == 0 {
			continue
		}
		if r < 0 || r > a.Shape[n] {
			return nil, fmt.Errorf("nd: Tucker rank %d of mode %d is outside 1 to %d", r, n, a.Shape[n])
		}
		u, _, err := leadingFew(a.Unfold(n), r, 1e-4)
		if err != nil {
			return nil, err
		}
		t.U[n] = u.T()
	}
	return t.finish(a, o)
}

// HOSVD holds complete bases, from which any ranks can be cut.
type HOSVD struct {
	U  []*linalg.Mat // Nn x min(Nn, rest); nil for modes left alone
	Sq [][]float64   // squared singular values of the unfoldings
}

// NewHOSVD computes the bases of the modes whose rank is not 0.
func NewHOSVD(a *Array, ranks []int) (*HOSVD, error) {
	h := &HOSVD{make([]*linalg.Mat, len(ranks)), make([][]float64, len(ranks))}
	for n, r := range ranks {
		if r == 0 {
			continue
		}
		if r < 0 || r > a.Shape[n] {
			return nil, fmt.Errorf("nd: Tucker rank %d of mode %d is outside 1 to %d", r, n, a.Shape[n])
		}
		u, sq, err := leading(a.Unfold(n), all)
		if err != nil {
			return nil, err
		}
		h.U[n], h.Sq[n] = u.T(), sq
	}
	return h, nil
}

// Truncate cuts the bases to ranks and iterates.
func (h *HOSVD) Truncate(a *Array, ranks []int, o TuckerOpts) (*Tucker, error) {
	t := &Tucker{U: make([]*linalg.Mat, len(ranks))}
	for n, r := range ranks {
		if r != 0 {
			t.U[n] = columns(h.U[n], r)
		}
	}
	return t.finish(a, o)
}

// finish improves the bases where there is something to improve, and makes the core.
func (t *Tucker) finish(a *Array, o TuckerOpts) (*Tucker, error) {
	if o.Sweeps == 0 {
		o.Sweeps = 50
	}
	if o.Tol == 0 {
		o.Tol = 1e-4
	}
	cut, full := 0, true
	for n, u := range t.U {
		if u != nil {
			cut++
			full = full && u.Cols == min(a.Shape[n], a.Len()/max(1, a.Shape[n]))
		}
	}
	if cut > 1 && !full {
		t.iterate(a, o)
	}
	t.Core = t.project(a, -1)
	return t, nil
}

// iterate runs HOOI until the norm of the core, which is what the error leaves, stops
// growing. A mode takes one step of subspace iteration, U = orth(Y Y^T U), instead of
// all singular vectors of Y: the norm grows as well and the fixed points are the same.
func (t *Tucker) iterate(a *Array, o TuckerOpts) {
	whole, last := a.Norm(), 0.0
	for range o.Sweeps {
		var got float64
		for n, u := range t.U {
			if u == nil || u.Cols == a.Shape[n] {
				continue
			}
			y := t.project(a, n).Unfold(n)
			c, z := linalg.NewMat(u.Cols, y.Cols), linalg.NewMat(u.Cols, u.Rows) // U^T Y and its product with Y^T
			linalg.Mul(c, 1, u, true, y, false, 0)
			linalg.Mul(z, 1, c, false, y, true, 0)
			t.U[n] = linalg.OrthonormalRows(z).T()
			got = inner(c, c)
		}
		if got-last <= o.Tol*whole*whole {
			return
		}
		last = got
	}
}

// project returns a x_m U_m^T over all decomposed modes but one, the mode that shrinks most first.
func (t *Tucker) project(a *Array, but int) *Array {
	done := make([]bool, len(t.U))
	for {
		best := -1
		for m, u := range t.U {
			if u == nil || m == but || done[m] {
				continue
			}
			if best < 0 || u.Cols*t.U[best].Rows < t.U[best].Cols*u.Rows {
				best = m
			}
		}
		if best < 0 {
			return a
		}
		a, done[best] = a.ModeMul(best, t.U[best], true), true
	}
}

// Full multiplies the factors out.
func (t *Tucker) Full() *Array {
	a := t.Core
	for n, u := range t.U {
		if u != nil {
			a = a.ModeMul(n, u, false)
		}
	}
	return a
}

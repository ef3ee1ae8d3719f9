package nd

import (
	"context"

	"github.com/compress-toolkit/compress/engine/linalg"
)

// newton minimises ||A - A'||_F^2 + mu S over all factors at once, S their sensitivity, by
// damped Gauss-Newton steps whose equations conjugate gradients solve. With U the
// factors, G_n and G_nm the elementwise products of all Gram matrices but those of the named
// modes, and D_n the sensitivity's diagonal (weights), the matrix acts on V as
//
//	(H V)_n = V_n (G_n + mu D_n + damping I) + U_n sum over m != n of (V_m^T U_m) * G_nm
//
// without ever being formed (Singh, Ma, Yang and Solomonik 2021, "Comparison of
// accuracy and scalability of Gauss-Newton and alternating least squares for CP
// decomposition"); its block diagonal preconditions.
type newton struct {
	s        *als
	f        *fit
	mu       float64
	damping  float64         // relative to the mean diagonal of the G_n
	products []*linalg.Mat   // of the array with all factors but one, from the last step
	normals  []*linalg.Mat   // G_n + mu D_n + damping I
	pairs    [][]*linalg.Mat // G_nm
}

// Limits of a step.
const (
	newtonDamping = 1e-3 // first
	newtonTries   = 8    // raises of the damping until the objective falls
	newtonCG      = 40   // iterations of conjugate gradients
	newtonTol     = 1e-4 // of the squared preconditioned residual, relative to the first
)

// objective returns the value for factors with the given product for mode 1, and sets their error.
func (w *newton) objective(f *fit, first *linalg.Mat) float64 {
	f.err = w.s.error(f, 0, first)
	return f.err*f.err*w.s.whole + w.mu*f.cp.Sensitivity()
}

// step improves the factors and returns by which fraction the objective fell, 0 at a minimum.
func (w *newton) step(ctx context.Context) (float64, error) {
	w.products = w.s.products(w.f.cp)
	was := w.objective(w.f, w.products[0])
	mean := w.prepare()
	g := w.descent()
	for range newtonTries {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		next, err := w.moved(g, w.damping*mean)
		if err == nil {
			if now := w.objective(next, w.s.first(next.cp)); now < was {
				w.f, w.damping = next, max(w.damping/3, 1e-12)
				return 1 - now/was, nil
			}
		}
		w.damping *= 4 // worse, or singular
	}
	w.damping = newtonDamping
	return 0, nil
}

// moved returns the factors after the step that solves H X = G.
func (w *newton) moved(g []*linalg.Mat, damping float64) (*fit, error) {
	x, err := w.solve(g, damping)
	if err != nil {
		return nil, err
	}
	us := cloneAll(w.f.cp.U)
	addAll(us, 1, x)
	return w.s.newFit(us), nil
}

// products returns the array times all factors but each mode's, Nn x R.
func (s *als) products(c *CP) []*linalg.Mat {
	ms := []*linalg.Mat{s.first(c)}
	t := s.shared(c.U[0])
	for n := 1; n < len(s.shape); n++ {
		ms = append(ms, contract(t, s.shape[1:], c.U[1:], n-1))
	}
	return ms
}

// prepare fills the matrices that one step needs and returns the mean diagonal of the G_n.
func (w *newton) prepare() float64 {
	d := len(w.s.shape)
	w.normals, w.pairs = make([]*linalg.Mat, d), make([][]*linalg.Mat, d)
	mean := 0.0
	for n := range d {
		w.normals[n], w.pairs[n] = w.f.normal(n), make([]*linalg.Mat, d)
		for m := range n {
			w.pairs[n][m] = w.f.normal(n, m)
			w.pairs[m][n] = w.pairs[n][m]
		}
		rank := w.normals[n].Rows
		for r := range rank {
			mean += w.normals[n].At(r, r) / float64(rank*d)
		}
		addDiagonal(w.normals[n], w.mu, w.f.weights(n))
	}
	return mean
}

func addDiagonal(m *linalg.Mat, f float64, d []float64) {
	for i, v := range d {
		m.Row(i)[i] += f * v
	}
}

// descent returns half the negative gradient: M_n - U_n (G_n + mu D_n).
func (w *newton) descent() []*linalg.Mat {
	g := cloneAll(w.products)
	for n, m := range g {
		linalg.Mul(m, -1, w.f.cp.U[n], false, w.normals[n], false, 1)
	}
	return g
}

// solve runs preconditioned conjugate gradients for H X = G.
func (w *newton) solve(g []*linalg.Mat, damping float64) ([]*linalg.Mat, error) {
	inverse := make([]*linalg.Mat, len(g))
	for n, m := range w.normals {
		var err error
		if inverse[n], err = solveRidge(m, linalg.Eye(m.Rows), damping); err != nil {
			return nil, err
		}
	}
	x, r := zerosLike(g), cloneAll(g)
	z := zerosLike(g)
	timesAll(z, r, inverse)
	p, hp := cloneAll(z), zerosLike(g)
	rz := innerAll(r, z)
	enough := newtonTol * rz
	for i := 0; i < newtonCG && rz > enough; i++ {
		w.apply(hp, p, damping)
		a := rz / innerAll(p, hp)
		addAll(x, a, p)
		addAll(r, -a, hp)
		timesAll(z, r, inverse)
		last := rz
		rz = innerAll(r, z)
		for n := range p {
			for j, v := range z[n].Data {
				p[n].Data[j] = v + rz/last*p[n].Data[j]
			}
		}
	}
	return x, nil
}

// apply sets out to H V.
func (w *newton) apply(out, v []*linalg.Mat, damping float64) {
	cross := make([]*linalg.Mat, len(v))
	for m, u := range w.f.cp.U {
		cross[m] = linalg.NewMat(u.Cols, u.Cols)
		linalg.Mul(cross[m], 1, v[m], true, u, false, 0)
	}
	timesAll(out, v, w.normals)
	addAll(out, damping, v)
	for n, u := range w.f.cp.U {
		sum := linalg.NewMat(u.Cols, u.Cols)
		for m, c := range cross {
			if m != n {
				addProduct(sum.Data, w.pairs[n][m].Data, c.Data)
			}
		}
		linalg.Mul(out[n], 1, u, false, sum, false, 1)
	}
}

// timesAll sets out_n to V_n A_n.
func timesAll(out, v, a []*linalg.Mat) {
	for n := range out {
		linalg.Mul(out[n], 1, v[n], false, a[n], false, 0)
	}
}

func zerosLike(ms []*linalg.Mat) []*linalg.Mat {
	out := make([]*linalg.Mat, len(ms))
	for n, m := range ms {
		out[n] = linalg.NewMat(m.Rows, m.Cols)
	}
	return out
}

// addAll adds f times x to y.
func addAll(y []*linalg.Mat, f float64, x []*linalg.Mat) {
	for n := range y {
		for j, v := range x[n].Data {
			y[n].Data[j] += f * v
		}
	}
}

func innerAll(a, b []*linalg.Mat) float64 {
	sum := 0.0
	for n := range a {
		sum += inner(a[n], b[n])
	}
	return sum
}

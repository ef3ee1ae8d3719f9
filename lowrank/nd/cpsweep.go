package nd

import (
	"context"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/linalg"
)

// run sweeps until the error changes by less than the tolerance.
func (s *als) run(ctx context.Context, f *fit, sweeps int) error {
	for i := range sweeps {
		if err := ctx.Err(); err != nil {
			return err
		}
		last := f.err
		if err := s.sweep(f, i); err != nil {
			return err
		}
		if math.Abs(last-f.err) < s.o.Tol*max(f.err, s.o.Tol) {
			return nil
		}
	}
	return nil
}

// sweep updates every mode of all components in turn, or of a block of them after the other.
func (s *als) sweep(f *fit, i int) error {
	var m *linalg.Mat
	if s.extrapolates() {
		before := slices.Clone(f.cp.U)
		m = s.extrapolate(f, i)
		f.prev = before
	}
	with := 0.0
	hi := s.block
	if s.tight() && i%2 == 1 {
		hi = (s.block + 1) / 2 // other neighbours are solved for together
	}
	for lo := 0; lo < s.o.Rank; lo, hi = hi, min(hi+s.block, s.o.Rank) {
		v, err := s.update(f, lo, hi, m)
		if err != nil {
			return err
		}
		with += v
	}
	f.err = s.error(f, with)
	s.normalise(f)
	return nil
}

// update solves for components lo to hi of every mode in turn, given the others. Products with the array are made twice:
// for mode 1, where m is not that already, and once for all others, which share A^T U1 (Phan, Tichavsky and Cichocki 2013):
//
//	U_n = A_(n) KR(U_m, m != n) (*_(m != n) U_m^T U_m)^-1
//
// It returns the inner product of the array with the components.
func (s *als) update(f *fit, lo, hi int, m *linalg.Mat) (float64, error) {
	if m == nil {
		m = s.first(f.cp.columns(lo, hi))
	}
	if err := s.solve(f, 0, lo, hi, m); err != nil {
		return 0, err
	}
	t, last := shared{s: s, u: f.cp.columns(lo, hi).U[0]}, len(s.shape)-1
	for n := 1; n < last; n++ {
		if err := s.solve(f, n, lo, hi, t.product(f.cp.columns(lo, hi), n)); err != nil {
			return 0, err
		}
	}
	m = t.product(f.cp.columns(lo, hi), last)
	if err := s.solve(f, last, lo, hi, m.Clone()); err != nil {
		return 0, err
	}
	return inner(m, f.cp.columns(lo, hi).U[last]), nil
}

// columns views some of the components.
func (c *CP) columns(lo, hi int) *CP {
	part := &CP{}
	for _, u := range c.U {
		part.U = append(part.U, u.Slice(0, u.Rows, lo, hi))
	}
	return part
}

func (s *als) extrapolates() bool {
	return !s.tight() && (s.data.Len() <= smallArray || float64(s.o.Rank) <= extrapolated*float64(slices.Max(s.shape)))
}

// extrapolate moves along the last sweep's direction by i^(1/D) steps when that lowers
// the error (Bro 1998, enhanced line search in its cheapest form). It returns the
// product for mode 1, which is needed either way, or nil when it stays.
func (s *als) extrapolate(f *fit, i int) *linalg.Mat {
	if f.prev == nil || i < 4 {
		return nil
	}
	step := math.Pow(float64(i), 1/float64(len(s.shape)))
	moved := &fit{cp: &CP{f.prev}, mu: f.mu} // in their room: they have served then
	for n, u := range f.cp.U {
		to := moved.cp.U[n].Data
		for j, v := range u.Data {
			to[j] = v + (step-1)*(v-to[j])
		}
	}
	m := s.first(moved.cp)
	moved.refreshAll()
	moved.err = s.error(moved, inner(m, moved.cp.U[0]))
	if !(s.objective(moved) < s.objective(f)) {
		return nil
	}
	f.cp, f.grams = moved.cp, moved.grams
	return m
}

func cloneAll(us []*linalg.Mat) []*linalg.Mat {
	out := make([]*linalg.Mat, len(us))
	for i, u := range us {
		out[i] = u.Clone()
	}
	return out
}

// strips calls f for parts of mode 2, such that the array's product with components of U1, or that of the other factors, has
// room: all of the mode, where it takes at most room elements, else an eighth of the array.
func strips(shape []int, components, room int, f func(lo, hi int)) {
	row, rows := size(shape[2:])*components, shape[1]
	if rows*row > max(room, 1<<16) {
		rows = max(1, size(shape)/8/row)
	}
	for lo := 0; lo < shape[1]; lo += rows {
		f(lo, min(lo+rows, shape[1]))
	}
}

func (s *als) strips(components int, f func(lo, hi int)) {
	room := s.data.Len() / 2
	if s.tight() {
		room = s.data.Len() / 8
	}
	strips(s.shape, components, room, f)
}

// strip views what A_(1) has of rows lo to hi of mode 2.
func (s *als) strip(lo, hi int) *linalg.Mat {
	n := size(s.shape[2:])
	return s.a0.Slice(0, s.a0.Rows, lo*n, hi*n)
}

// but1 returns all factors but the first, with rows lo to hi of the second.
func (c *CP) but1(lo, hi int) []*linalg.Mat {
	us := slices.Clone(c.U[1:])
	us[0] = us[0].Slice(lo, hi, 0, us[0].Cols)
	return us
}

// first returns A_(1) KR(U2..UD), N1 x R.
func (s *als) first(c *CP) *linalg.Mat {
	m := linalg.NewMat(s.a0.Rows, c.U[0].Cols)
	s.strips(m.Cols, func(lo, hi int) {
		linalg.Mul(m, 1, s.strip(lo, hi), false, khatriRao(c.but1(lo, hi)), false, 1)
	})
	return m
}

// shared is A_(1)^T U1, rest x R, of which it keeps the last strip.
type shared struct {
	s  *als
	u  *linalg.Mat
	t  *linalg.Mat
	lo int // of t
}

// product returns the product of the array with all factors but that of mode n > 0: Nn x R.
func (h *shared) product(c *CP, n int) *linalg.Mat {
	m := linalg.NewMat(c.U[n].Rows, h.u.Cols)
	h.s.strips(m.Cols, func(lo, hi int) {
		part := contract(h.strip(lo, hi), c.but1(lo, hi), n-1)
		if n == 1 {
			copy(m.Data[lo*m.Cols:], part.Data)
			return
		}
		for i, v := range part.Data {
			m.Data[i] += v
		}
	})
	return m
}

func (h *shared) strip(lo, hi int) *linalg.Mat {
	a := h.s.strip(lo, hi)
	if h.t == nil || h.lo != lo {
		h.t = nil // not two at a time
		h.t, h.lo = linalg.NewMat(a.Cols, h.u.Cols), lo
		linalg.Mul(h.t, 1, a, true, h.u, false, 0)
	}
	return h.t
}

// contract multiplies t ((N2..ND) x R) elementwise with all of the factors U2..UD but one and sums
// over their modes: Nn x R.
func contract(t *linalg.Mat, us []*linalg.Mat, but int) *linalg.Mat {
	for n := len(us) - 1; n > but; n-- { // trailing modes
		t = sumLast(t, us[n])
	}
	for n := range but { // leading modes
		t = sumFirst(t, us[n])
	}
	return t
}

// sumLast contracts the fastest mode of t with u.
func sumLast(t, u *linalg.Mat) *linalg.Mat {
	out := linalg.NewMat(t.Rows/u.Rows, t.Cols)
	for i := range t.Rows {
		addProduct(out.Row(i/u.Rows), t.Row(i), u.Row(i%u.Rows))
	}
	return out
}

// sumFirst contracts the slowest mode of t with u.
func sumFirst(t, u *linalg.Mat) *linalg.Mat {
	n := t.Rows / u.Rows
	out := linalg.NewMat(n, t.Cols)
	for i := range t.Rows {
		addProduct(out.Row(i%n), t.Row(i), u.Row(i/n))
	}
	return out
}

func addProduct(dst, a, b []float64) {
	b = b[:len(dst)]
	for i, v := range a[:len(dst)] {
		dst[i] += v * b[i]
	}
}

// solve sets components lo to hi of U_n to the least-squares solution, given the others, with right-hand side m
// (Nn x hi-lo), which it overwrites.
func (s *als) solve(f *fit, n, lo, hi int, m *linalg.Mat) error {
	s.withoutOthers(f, n, lo, hi, m)
	var err error
	x := m.T()
	raise := 1.0 // of the ridge, until the matrix is definite
	for range 12 {
		g, mean := f.normal(n, lo, hi, lo, hi), 0.0
		for i := range g.Rows {
			mean += g.At(i, i) / float64(g.Rows)
		}
		if f.mu > 0 {
			for i, v := range f.cp.columns(lo, hi).weights(n) {
				g.Row(i)[i] += f.mu * v
			}
		}
		if err = linalg.SolveSPDInPlace(g, x, raise*max(s.o.Ridge*mean, math.SmallestNonzeroFloat32)); err == nil {
			if s.extrapolates() { // from the factors as they were
				f.cp.U[n] = x.T()
			} else {
				x.TransposeTo(f.cp.columns(lo, hi).U[n])
			}
			f.refresh(n)
			return nil
		}
		raise *= 100
	}
	return err
}

// withoutOthers takes from m, the array's product with components lo to hi for mode n, that of the sum of all others.
func (s *als) withoutOthers(f *fit, n, lo, hi int, m *linalg.Mat) {
	u := f.cp.U[n]
	for _, others := range [][2]int{{0, lo}, {hi, u.Cols}} {
		for c0 := others[0]; c0 < others[1]; c0 += s.block {
			c1 := min(c0+s.block, others[1])
			linalg.Mul(m, -1, u.Slice(0, u.Rows, c0, c1), false, f.normal(n, c0, c1, lo, hi), false, 1)
		}
	}
}

// error returns the relative error from the inner product of the array with the components:
// ||A - A'||^2 = ||A||^2 - 2 <A, A'> + ||A'||^2.
func (s *als) error(f *fit, with float64) float64 {
	return math.Sqrt(max(0, s.whole-2*with+f.squaredNorm()) / s.whole)
}

// objective is what sweeps lower: ||A - A'||_F^2 + mu S, relative to ||A||^2.
func (s *als) objective(f *fit) float64 {
	v := f.err * f.err
	if f.mu > 0 {
		v += f.mu * f.cp.Sensitivity() / s.whole
	}
	return v
}

func inner(a, b *linalg.Mat) float64 {
	sum := 0.0
	for i := range a.Rows {
		y := b.Row(i)
		for j, v := range a.Row(i) {
			sum += v * y[j]
		}
	}
	return sum
}

// normalise gives the columns of every mode the same norm; extrapolation needs it to compare sweeps.
func (s *als) normalise(f *fit) {
	f.cp.Balance()
	f.refreshAll()
}

// Balance spreads each component's norm over the modes so that the elements of all of its
// factors have the same mean square, which is where its sensitivity is least.
func (c *CP) Balance() {
	norms := make([][]float64, len(c.U))
	for n, u := range c.U {
		norms[n] = colNorms(u)
		for r := range norms[n] {
			norms[n][r] /= math.Sqrt(float64(u.Rows))
		}
	}
	scale := make([]float64, c.U[0].Cols)
	for n, u := range c.U {
		for r := range scale {
			all := 1.0
			for _, v := range norms {
				all *= v[r]
			}
			scale[r] = 1
			if all > 0 {
				scale[r] = math.Pow(all, 1/float64(len(c.U))) / norms[n][r]
			}
		}
		scaleCols(u, scale)
	}
}

// colNorms returns the norm of every column.
func colNorms(m *linalg.Mat) []float64 {
	out := make([]float64, m.Cols)
	for i := range m.Rows {
		row := m.Row(i)
		for j, v := range row {
			out[j] += v * v
		}
	}
	for j, v := range out {
		out[j] = math.Sqrt(v)
	}
	return out
}

func scaleCols(m *linalg.Mat, f []float64) {
	for i := range m.Rows {
		row := m.Row(i)
		for j := range row {
			row[j] *= f[j]
		}
	}
}

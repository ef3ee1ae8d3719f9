package nd

import (
	"context"
	"math"

	"github.com/compress-toolkit/compress/engine/linalg"
)

// Limits of the correction.
const (
	correctSweeps  = 3000 // at most
	correctPatient = 200  // sweeps after which too small a gain ends it
	correctGain    = 0.02 // of the sensitivity in so many sweeps
	correctMu      = 0.3  // first weight of the sensitivity, relative to ||A||^2 / S: it melts components that cancel
	correctGently  = 0.03 // first weight that leaves components where they are
	correctSlow    = 3e-5 // fall of the objective in a sweep below which the weight changes
	correctUp      = 1.5  // it is multiplied by then within the limit
	correctDown    = 0.4  // and above it
	correctGoal    = 10   // fall of the sensitivity below which other starts are tried
	correctNear    = 50   // times the least possible sensitivity, up to which nothing else is tried
	correctStarts  = 4    // at most so many random ones
	correctWork    = 1 << 19
)

// correct lowers the sensitivity of the components at a bounded error
// (error-preserving correction, Phan et al. 2020, "Stable low-rank tensor
// decomposition for compression of convolutional neural network"):
//
//	min S  with  ||A - A'||_F <= limit ||A||_F.
//
// Where the sensitivity is high and falls by less than correctGoal, arrays of at most correctWork elements times
// rank are also corrected with a gentler weight and from random starts: any components within the limit will do.
func (s *als) correct(ctx context.Context, f *fit, limit float64) error {
	if s.data.Len()*s.o.Rank > correctWork {
		return s.lower(ctx, f, limit, correctMu)
	}
	plain, first := *f, f.cp.Sensitivity()
	least := first
	try := func(from fit, mu float64) error {
		from.cp = &CP{cloneAll(from.cp.U)}
		if err := s.lower(ctx, &from, limit, mu); err != nil {
			return err
		}
		if now := from.cp.Sensitivity(); from.err <= limit && now < least {
			least, *f = now, from
		}
		return nil
	}
	if err := try(plain, correctMu); err != nil {
		return err
	}
	near := correctNear * LeastSensitivity(s.shape, s.o.Rank, (1-limit)*math.Sqrt(s.whole))
	enough := func() bool { return least*correctGoal <= first || first <= near }
	if !enough() {
		if err := try(plain, correctGently); err != nil {
			return err
		}
	}
	for i := 0; i < correctStarts && !enough(); i++ {
		g := s.newFit(s.padded(nil, uint64(i+1)))
		_ = s.run(ctx, g, efforts[0].sweeps) // a fit that fails is no worse a start
		g.cp.Balance()
		if err := try(*g, correctMu); err != nil {
			return err
		}
	}
	return nil
}

// lower minimises ||A - A'||^2 + mu S by the sweeps of plain fits, to whose equations mu only adds a diagonal (weights):
// near a minimum the weight falls while the error is above the limit and rises while it is below. It leaves in f
// those of the factors within the limit that have the lowest S, or any without such.
func (s *als) lower(ctx context.Context, f *fit, limit, mu float64) error {
	now := f.cp.Sensitivity()
	least, since := math.Inf(1), 0
	var best snapshot
	keep := func() {
		if now = f.cp.Sensitivity(); f.err <= limit && now < least {
			least = now
			best.take(f, s.tight())
		}
	}
	keep()
	f.mu, f.prev = mu*s.whole/now, nil
	f.refreshAll()
	mark := least
	for i := range correctSweeps {
		if err := ctx.Err(); err != nil {
			return err
		}
		was := s.objective(f)
		if err := s.sweep(f, i); err != nil {
			return err
		}
		keep()
		if s.objective(f) > (1-correctSlow)*was {
			if f.err <= limit {
				f.mu *= correctUp
			} else {
				f.mu *= correctDown
			}
		}
		if since++; since == correctPatient {
			if least < mark && least > (1-correctGain)*mark {
				break
			}
			mark, since = least, 0
		}
	}
	best.restore(f)
	return nil
}

// snapshot is a copy of factors, in float32 where there is no room for more: what models store.
type snapshot struct {
	err    float64
	wide   []*linalg.Mat
	narrow [][]float32
}

func (c *snapshot) take(f *fit, narrow bool) {
	c.err = f.err
	switch {
	case narrow && c.narrow == nil:
		for _, u := range f.cp.U {
			c.narrow = append(c.narrow, make([]float32, len(u.Data)))
		}
	case !narrow && c.wide == nil:
		c.wide = cloneAll(f.cp.U)
	}
	for n, u := range f.cp.U {
		if narrow {
			for i, v := range u.Data {
				c.narrow[n][i] = float32(v)
			}
		} else {
			copy(c.wide[n].Data, u.Data)
		}
	}
}

// restore puts the copy, where one was taken, into f.
func (c *snapshot) restore(f *fit) {
	if c.wide != nil {
		f.cp = &CP{c.wide}
	}
	for n, u := range c.narrow {
		for i, v := range u {
			f.cp.U[n].Data[i] = float64(v)
		}
	}
	if c.wide != nil || c.narrow != nil {
		f.err = c.err
	}
	f.grams, f.prev = nil, nil
}

// weights returns, for component r, the factor of ||un_r||^2 in the sensitivity:
//
//	sum over m != n of Nm product over k != n, m of ||uk_r||^2
func (c *CP) weights(n int) []float64 {
	w, norms := make([]float64, c.U[n].Cols), make([][]float64, len(c.U))
	for k, u := range c.U {
		norms[k] = colNorms(u)
	}
	for m := range c.U {
		if m == n {
			continue
		}
		for r := range w {
			v := float64(c.U[m].Rows)
			for k := range norms {
				if k != n && k != m {
					v *= norms[k][r] * norms[k][r]
				}
			}
			w[r] += v
		}
	}
	return w
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
	return Tail(all, 0)
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

// LeastSensitivity returns what the sensitivity of R components whose sum has a given norm is at least: with h_r
// the norm of a component, its share is least where it is spread evenly over its factors, D (N1 .. ND)^(1/D)
// h_r^(2-2/D), and as the h_r add up to at least the norm,
//
//	S >= D (N1 .. ND)^(1/D) norm^(2-2/D) R^(2/D-1).
func LeastSensitivity(shape []int, rank int, norm float64) float64 {
	d := float64(len(shape))
	p := 2 - 2/d
	return d * math.Pow(float64(size(shape)), 1/d) * math.Pow(norm, p) * math.Pow(float64(rank), 1-p)
}

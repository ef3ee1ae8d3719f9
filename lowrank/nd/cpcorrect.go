package nd

import (
	"context"
	"math"
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
	f.grams, f.prev = nil, nil // they are not needed any more
	if s.data.Len()*s.o.Rank > correctWork {
		return s.lower(ctx, f, limit, correctMu)
	}
	plain, first := *f, f.cp.Sensitivity()
	least := first
	try := func(from fit, mu float64) error {
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
// near a minimum the weight falls while the error is above the limit and rises while it is below. It replaces best by
// those of the factors within the limit that have the lowest S, and leaves it without any.
func (s *als) lower(ctx context.Context, best *fit, limit, mu float64) error {
	now := best.cp.Sensitivity()
	f := s.newFit(cloneAll(best.cp.U))
	f.err, f.mu = best.err, mu*s.whole/now
	least, since := math.Inf(1), 0
	if best.err <= limit {
		least = now
	}
	mark := least
	for i := range correctSweeps {
		if err := ctx.Err(); err != nil {
			return err
		}
		was := s.objective(f)
		if err := s.sweep(f, i); err != nil {
			return err
		}
		within := f.err <= limit
		if now := f.cp.Sensitivity(); within && now < least {
			least, *best = now, fit{cp: &CP{cloneAll(f.cp.U)}, err: f.err}
		}
		if s.objective(f) > (1-correctSlow)*was {
			if within {
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
	return nil
}

// weights returns, for component r, the factor of ||un_r||^2 in the sensitivity:
//
//	sum over m != n of Nm product over k != n, m of ||uk_r||^2
func (f *fit) weights(n int) []float64 {
	w, norms := make([]float64, f.cp.U[n].Cols), make([][]float64, len(f.cp.U))
	for k, u := range f.cp.U {
		norms[k] = colNorms(u)
	}
	for m := range f.cp.U {
		if m == n {
			continue
		}
		for r := range w {
			v := float64(f.cp.U[m].Rows)
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

package nd

import "context"

// Limits of the correction.
const (
	correctSteps   = 200  // Gauss-Newton steps
	correctPatient = 20   // steps after which too small a gain ends it
	correctGain    = 0.02 // of the sensitivity in so many steps
	correctMu      = 0.3  // first weight of the sensitivity, relative to ||A||^2 / S: it melts components that cancel
	correctSlow    = 1e-4 // fall of the objective in a step below which the weight changes
)

// correct lowers the sensitivity of the components at a bounded error
// (error-preserving correction, Phan et al. 2020, "Stable low-rank tensor
// decomposition for compression of convolutional neural network"):
//
//	min S  with  ||A - A'||_F <= limit ||A||_F,
//
// by Gauss-Newton steps on ||A - A'||^2 + mu S (newton): near a minimum the weight mu falls
// while the error is above the limit and rises while it is below. Of the factors
// within the limit those with the lowest S are kept.
func (s *als) correct(ctx context.Context, f *fit, limit float64) error {
	least := f.cp.Sensitivity()
	w := &newton{s: s, f: s.newFit(cloneAll(f.cp.U)), damping: newtonDamping, mu: correctMu * s.whole / least}
	mark, since := least, 0
	for range correctSteps {
		fell, err := w.step(ctx)
		if err != nil {
			return err
		}
		within := w.f.err <= limit
		if now := w.f.cp.Sensitivity(); within && now < least {
			least = now
			f.cp, f.grams, f.err = w.f.cp, w.f.grams, w.f.err
		}
		if fell < correctSlow {
			w.adjust(within)
		}
		if since++; since == correctPatient {
			if least < mark && least > (1-correctGain)*mark {
				return nil
			}
			mark, since = least, 0
		}
	}
	return nil
}

// adjust changes the weight: up within the limit, down above it.
func (w *newton) adjust(within bool) {
	if within {
		w.mu *= 1.5
	} else {
		w.mu *= 0.4
	}
}

// weights returns, for component r, the factor of ||un_r||^2 in the sensitivity:
//
//	sum over m != n of Nm product over k != n, m of ||uk_r||^2
func (f *fit) weights(n int) []float64 {
	w := make([]float64, f.cp.U[n].Cols)
	for m := range f.cp.U {
		if m == n {
			continue
		}
		for r := range w {
			v := float64(f.cp.U[m].Rows)
			for k, g := range f.grams {
				if k != n && k != m {
					v *= g.At(r, r)
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

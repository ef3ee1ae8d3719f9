package optim

// Nesterov is gradient descent with Nesterov's momentum (Nesterov 1983; the form
// of Sutskever et al. 2013, equation 4, moved to the look-ahead point):
//
//	v <- mu v + g + lambda w
//	w <- w - lr (g + lambda w + mu v)
//
// Mu is 0.9 by default.
type Nesterov struct{ Mu float64 }

// Name implements Optimizer.
func (Nesterov) Name() string { return "nesterov" }

// Slots implements Optimizer.
func (Nesterov) Slots() int { return 1 }

// Update implements Optimizer.
func (m Nesterov) Update(w, g []float32, state [][]float32, s Step) {
	lr, wd, mu := float32(s.LR), float32(s.WeightDecay), float32(m.Mu)
	v := state[0][:len(w)]
	g = g[:len(w)]
	for i, x := range w {
		d := g[i] + wd*x
		v[i] = mu*v[i] + d
		w[i] = x - lr*(d+mu*v[i])
	}
}

func init() {
	makers.Add("nesterov", func(c Config) Optimizer { return Nesterov{or(c.Momentum, 0.9)} })
}

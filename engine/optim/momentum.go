package optim

// Momentum is gradient descent with classical momentum (Polyak 1964), in the
// form of Sutskever et al. 2013 with the learning rate outside the velocity:
//
//	v <- mu v + g + lambda w
//	w <- w - lr v
//
// Mu is 0.9 by default.
type Momentum struct{ Mu float64 }

// Name implements Optimizer.
func (Momentum) Name() string { return "momentum" }

// Slots implements Optimizer.
func (Momentum) Slots() int { return 1 }

// Update implements Optimizer.
func (m Momentum) Update(w, g []float32, state [][]float32, s Step) {
	lr, wd, mu := float32(s.LR), float32(s.WeightDecay), float32(m.Mu)
	v := state[0][:len(w)]
	g = g[:len(w)]
	for i, x := range w {
		v[i] = mu*v[i] + (g[i] + wd*x)
		w[i] = x - lr*v[i]
	}
}

func init() {
	makers.Add("momentum", func(c Config) Optimizer { return Momentum{or(c.Momentum, 0.9)} })
}

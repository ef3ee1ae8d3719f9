package optim

import "github.com/compress-toolkit/compress/engine/kernel"

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
	u := m.WeightStep(s)
	kernel.SGDMomentum(w, state[0], g, &u)
}

// WeightStep implements WeightStepper.
func (m Nesterov) WeightStep(s Step) kernel.SGDUpdate[float32] {
	return kernel.SGDUpdate[float32]{Rate: float32(s.LR), Momentum: float32(m.Mu), WeightDecay: float32(s.WeightDecay), Nesterov: true}
}

func init() {
	makers.Add("nesterov", func(c Config) Optimizer { return Nesterov{or(c.Momentum, 0.9)} })
}

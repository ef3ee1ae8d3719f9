package optim

import "github.com/compress-toolkit/compress/engine/kernel"

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
	u := m.WeightStep(s)
	kernel.SGDMomentum(w, state[0], g, &u)
}

// WeightStep implements WeightStepper.
func (m Momentum) WeightStep(s Step) kernel.SGDUpdate[float32] {
	return kernel.SGDUpdate[float32]{Rate: float32(s.LR), Momentum: float32(m.Mu), WeightDecay: float32(s.WeightDecay)}
}

func init() {
	makers.Add("momentum", func(c Config) Optimizer { return Momentum{or(c.Momentum, 0.9)} })
}

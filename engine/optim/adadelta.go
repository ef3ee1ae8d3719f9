package optim

import "github.com/compress-toolkit/compress/engine/kernel"

// Adadelta replaces the learning rate by a running size of the updates (Zeiler
// 2012, algorithm 1):
//
//	d = g + lambda w
//	E[d^2] <- rho E[d^2] + (1 - rho) d^2
//	u = d sqrt(E[u^2] + eps) / sqrt(E[d^2] + eps)
//	E[u^2] <- rho E[u^2] + (1 - rho) u^2
//	w <- w - lr u
//
// The paper has lr = 1. Rho is 0.9 and eps 1e-6 by default.
type Adadelta struct{ Rho, Eps float64 }

// Name implements Optimizer.
func (Adadelta) Name() string { return "adadelta" }

// Slots implements Optimizer.
func (Adadelta) Slots() int { return 2 }

// Update implements Optimizer.
func (a Adadelta) Update(w, g []float32, state [][]float32, s Step) {
	kernel.Adadelta(w, state[0], state[1], g, &kernel.AdadeltaUpdate[float32]{Rate: float32(s.LR), Decay: float32(a.Rho),
		Epsilon: float32(a.Eps), WeightDecay: float32(s.WeightDecay)})
}

func init() {
	makers.Add("adadelta", func(c Config) Optimizer { return Adadelta{or(c.Rho, 0.9), or(c.Eps, 1e-6)} })
}

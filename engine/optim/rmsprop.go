package optim

import "github.com/compress-toolkit/compress/engine/kernel"

// RMSProp scales each step by a running root mean square of the gradients
// (Tieleman and Hinton 2012, lecture 6.5):
//
//	d = g + lambda w
//	s <- rho s + (1 - rho) d^2
//	w <- w - lr d / (sqrt(s) + eps)
//
// Rho is 0.99 and eps 1e-8 by default, as in PyTorch.
type RMSProp struct{ Rho, Eps float64 }

// Name implements Optimizer.
func (RMSProp) Name() string { return "rmsprop" }

// Slots implements Optimizer.
func (RMSProp) Slots() int { return 1 }

// Update implements Optimizer.
func (r RMSProp) Update(w, g []float32, state [][]float32, s Step) {
	kernel.RMSProp(w, state[0], g, &kernel.RMSPropUpdate[float32]{Rate: float32(s.LR), Decay: float32(r.Rho),
		Epsilon: float32(r.Eps), WeightDecay: float32(s.WeightDecay)})
}

func init() {
	makers.Add("rmsprop", func(c Config) Optimizer { return RMSProp{or(c.Rho, 0.99), or(c.Eps, 1e-8)} })
}

package optim

import "github.com/compress-toolkit/compress/engine/kernel"

// Adagrad scales each step by the root of all squared gradients so far (Duchi,
// Hazan, Singer 2011, section 1.1, the diagonal form):
//
//	d = g + lambda w
//	s <- s + d^2
//	w <- w - lr d / (sqrt(s) + eps)
//
// Eps is 1e-10 by default.
type Adagrad struct{ Eps float64 }

// Name implements Optimizer.
func (Adagrad) Name() string { return "adagrad" }

// Slots implements Optimizer.
func (Adagrad) Slots() int { return 1 }

// Update implements Optimizer.
func (a Adagrad) Update(w, g []float32, state [][]float32, s Step) {
	kernel.Adagrad(w, state[0], g, &kernel.AdagradUpdate[float32]{Rate: float32(s.LR), Epsilon: float32(a.Eps),
		WeightDecay: float32(s.WeightDecay)})
}

func init() {
	makers.Add("adagrad", func(c Config) Optimizer { return Adagrad{or(c.Eps, 1e-10)} })
}

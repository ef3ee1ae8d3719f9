package optim

import "math"

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
	lr, wd, eps := float32(s.LR), float32(s.WeightDecay), float32(a.Eps)
	sum := state[0][:len(w)]
	g = g[:len(w)]
	for i, x := range w {
		d := g[i] + wd*x
		sum[i] += d * d
		w[i] = x - lr*d/(sqrt(sum[i])+eps)
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

func init() {
	makers.Add("adagrad", func(c Config) Optimizer { return Adagrad{or(c.Eps, 1e-10)} })
}

package optim

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
	lr, wd, rho, eps := float32(s.LR), float32(s.WeightDecay), float32(r.Rho), float32(r.Eps)
	sq := state[0][:len(w)]
	g = g[:len(w)]
	for i, x := range w {
		d := g[i] + wd*x
		sq[i] = rho*sq[i] + (1-rho)*d*d
		w[i] = x - lr*d/(sqrt(sq[i])+eps)
	}
}

func init() {
	makers.Add("rmsprop", func(c Config) Optimizer { return RMSProp{or(c.Rho, 0.99), or(c.Eps, 1e-8)} })
}

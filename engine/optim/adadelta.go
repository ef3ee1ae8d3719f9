package optim

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
	lr, wd, rho, eps := float32(s.LR), float32(s.WeightDecay), float32(a.Rho), float32(a.Eps)
	sq, up := state[0][:len(w)], state[1][:len(w)]
	g = g[:len(w)]
	for i, x := range w {
		d := g[i] + wd*x
		sq[i] = rho*sq[i] + (1-rho)*d*d
		u := d * sqrt(up[i]+eps) / sqrt(sq[i]+eps)
		up[i] = rho*up[i] + (1-rho)*u*u
		w[i] = x - lr*u
	}
}

func init() {
	makers.Add("adadelta", func(c Config) Optimizer { return Adadelta{or(c.Rho, 0.9), or(c.Eps, 1e-6)} })
}

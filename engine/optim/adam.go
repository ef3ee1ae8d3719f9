package optim

import (
	"math"

	"github.com/compress-toolkit/compress/engine/kernel"
)

// Adam keeps running first and second moments of the gradient (Kingma and Ba
// 2015, algorithm 1):
//
//	d = g + lambda w
//	m <- b1 m + (1 - b1) d
//	v <- b2 v + (1 - b2) d^2
//	w <- w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//
// With Decoupled set it is AdamW (Loshchilov and Hutter 2019, algorithm 2): d = g,
// and w is first multiplied by 1 - lr lambda. Beta1 is 0.9, beta2 0.999, eps 1e-8
// by default.
type Adam struct {
	Beta1, Beta2, Eps float64
	Decoupled         bool
}

// Name implements Optimizer.
func (a Adam) Name() string {
	if a.Decoupled {
		return "adamw"
	}
	return "adam"
}

// Slots implements Optimizer.
func (Adam) Slots() int { return 2 }

// Update implements Optimizer.
func (a Adam) Update(w, g []float32, state [][]float32, s Step) {
	u := kernel.AdamUpdate[float32]{Beta1: float32(a.Beta1), Beta2: float32(a.Beta2), Epsilon: float32(a.Eps), Shrink: 1}
	u.RootScale = float32(1 / math.Sqrt(1-math.Pow(a.Beta2, float64(s.T))))
	u.Step = float32(s.LR / (1 - math.Pow(a.Beta1, float64(s.T))))
	if a.Decoupled {
		u.Shrink = float32(1 - s.LR*s.WeightDecay)
	} else {
		u.WeightDecay = float32(s.WeightDecay)
	}
	kernel.Adam(w, state[0], state[1], g, &u)
}

func newAdam(c Config, decoupled bool) Optimizer {
	return Adam{or(c.Beta1, 0.9), or(c.Beta2, 0.999), or(c.Eps, 1e-8), decoupled}
}

func init() {
	makers.Add("adam", func(c Config) Optimizer { return newAdam(c, false) })
	makers.Add("adamw", func(c Config) Optimizer { return newAdam(c, true) })
}

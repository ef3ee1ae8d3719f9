// Package optim has the optimizers, one per file, and learning-rate schedules.
// Each optimizer is element-wise: it updates any piece of a parameter from the
// same piece of the gradient and of its state, so a caller may cut the work as it
// likes and get the same bits. Who calls it, with what gradient, is
// engine/train's matter.
//
// Letters: w a parameter, g its gradient, t the number of the update from 1, lr
// the learning rate.
package optim

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Optimizer turns gradients into updates.
type Optimizer interface {
	Name() string
	Slots() int // state slices for each parameter, zero at first
	// Update changes w, a piece of a parameter, and state[k], the same piece of
	// the k-th state. g is not changed. All have the same length.
	Update(w, g []float32, state [][]float32, s Step)
}

// WeightStepper is an Optimizer whose update is kernel.SGDMomentum, which can be done
// while a gradient is computed. It has one slot.
type WeightStepper interface {
	Optimizer
	WeightStep(s Step) kernel.SGDUpdate[float32]
}

// Step is what is the same for all pieces of one update.
type Step struct {
	LR          float64
	T           int     // 1 for the first update
	WeightDecay float64 // coefficient of the L2 penalty's gradient, lambda w, or of AdamW's decay
}

// Config names an optimizer and its constants; zero values mean the defaults
// that each optimizer documents.
type Config struct {
	Name     string
	Momentum float64 // momentum, nesterov
	Beta1    float64 // adam, adamw: decay of the first moment
	Beta2    float64 // adam, adamw: decay of the second moment
	Rho      float64 // rmsprop, adadelta: decay of squared averages
	Eps      float64
}

var makers = registry.New[func(Config) Optimizer]("optimizer")

// New returns the optimizer that c names.
func New(c Config) (Optimizer, error) {
	for _, v := range []float64{c.Momentum, c.Beta1, c.Beta2, c.Rho} {
		if !(v >= 0 && v < 1) {
			return nil, fmt.Errorf("optim: %s: decay constant %g is outside [0, 1)", c.Name, v)
		}
	}
	if c.Eps < 0 {
		return nil, fmt.Errorf("optim: %s: eps %g is negative", c.Name, c.Eps)
	}
	mk, err := makers.Get(c.Name)
	if err != nil {
		return nil, fmt.Errorf("optim: %w", err)
	}
	return mk(c), nil
}

// Names lists the optimizers.
func Names() []string { return makers.Names() }

func or(v, def float64) float64 {
	if v == 0 {
		return def
	}
	return v
}

package optim

import "github.com/compress-toolkit/compress/engine/kernel"

// SGD is stochastic gradient descent (Robbins and Monro 1951):
//
//	w <- w - lr (g + lambda w)
type SGD struct{}

// Name implements Optimizer.
func (SGD) Name() string { return "sgd" }

// Slots implements Optimizer.
func (SGD) Slots() int { return 0 }

// Update implements Optimizer.
func (SGD) Update(w, g []float32, _ [][]float32, s Step) {
	kernel.SGD(w, g, float32(s.LR), float32(s.WeightDecay))
}

func init() { makers.Add("sgd", func(Config) Optimizer { return SGD{} }) }

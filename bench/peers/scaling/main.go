// Command scaling prints the time of a training step of an MLP 784-W-W-10 with
// momentum against the batch (W = 1200) and the width W (batch 128), as a Markdown
// table: milliseconds, GFLOP/s and their fraction of the peak, which is that of the
// largest square product here, and GB/s of the traffic that no step can avoid: weights
// and momentum read and written once, weights read once more.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"time"

	"github.com/compress-toolkit/compress/bench/peers"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/student"
)

const (
	inputs, classes = 784, 10
	budget          = time.Second
)

func main() {
	log.SetFlags(0)
	peak := product(1024)
	fmt.Printf("A product of 1024^3: %.0f GFLOP/s.\n\n", peak/1e9)
	fmt.Println("| batch | width | ms | GFLOP/s | of the product | GB/s |\n|---|---|---|---|---|---|")
	for batch := 1; batch <= 1024; batch *= 4 {
		row(batch, 1200, peak)
	}
	for width := 64; width <= 4096; width *= 4 {
		row(128, width, peak)
	}
}

// product returns the floating-point operations a second of a square product.
func product(n int) float64 {
	a := make([]float32, 3*n*n)
	g := &kernel.GemmArgs[float32]{M: n, N: n, K: n, Alpha: 1, A: a[:n*n], B: a[n*n : 2*n*n], C: a[2*n*n:], LDA: n, LDB: n, LDC: n}
	return 2 * math.Pow(float64(n), 3) / peers.Median(func() { kernel.Gemm(kernel.Default(), g) }, budget).Seconds()
}

func row(batch, width int, peak float64) {
	step, err := start(batch, width)
	if err != nil {
		log.Fatalf("batch %d, width %d: %v", batch, width, err)
	}
	t := peers.Median(step, budget).Seconds()
	hidden := float64(inputs*width + width*width + classes*width)
	flop := 2 * float64(batch) * (3*hidden - float64(inputs*width)) // no gradient of the input
	fmt.Printf("| %d | %d | %.3f | %.0f | %.0f %% | %.0f |\n", batch, width, t*1e3, flop/t/1e9, 100*flop/t/peak, 4*5*hidden/t/1e9)
}

// start begins a run that takes one step for each call and waits in between.
func start(batch, width int) (func(), error) {
	shape := tensor.Shape{1, 28, 28}
	m, err := student.Build(fmt.Sprintf("mlp:%d,%d", width, width), student.Task{Shape: shape, Classes: classes, Seed: 1})
	if err != nil {
		return nil, err
	}
	ask, done := make(chan struct{}), make(chan struct{})
	c := train.Config{Model: m, Objective: train.CrossEntropy{}, Data: dataset.Random(2048, shape, classes, 1),
		Batch: batch, Epochs: math.MaxInt32, Optimizer: optim.Momentum{Mu: 0.9}, LR: 1e-4, Seed: 1,
		Hooks: train.Hooks{Step: func(train.StepInfo) { done <- struct{}{}; <-ask }}}
	go func() {
		<-ask
		_, err := train.Run(context.Background(), c)
		log.Fatalf("the run ended: %v", err)
	}()
	return func() { ask <- struct{}{}; <-done }, nil
}

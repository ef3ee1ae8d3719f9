package train

import (
	"context"
	"testing"
	"time"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// BenchmarkStep is an update of an MLP 784-1200-1200-10 at batch 128 by momentum, and
// the milliseconds of its phases.
func BenchmarkStep(b *testing.B) {
	n := nn.New("mlp", 1)
	h := n.Flatten(n.Input("x", tensor.F32, "N", 1, 28, 28))
	h = n.Relu(n.Dense("fc1", h, 1200, nn.Dense{}))
	h = n.Relu(n.Dense("fc2", h, 1200, nn.Dense{}))
	n.Output(n.Dense("fc3", h, 10, nn.Dense{}))
	m, err := n.Model()
	if err != nil {
		b.Fatal(err)
	}
	r, err := newRun(Config{Model: m, Objective: CrossEntropy{}, Data: dataset.Random(2048, tensor.Shape{1, 28, 28}, 10, 1),
		Optimizer: optim.Momentum{Mu: 0.9}, LR: 1e-3, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer r.loader.Close()
	r.loader.Start(context.Background(), dataset.Cursor{})
	if err := r.update(context.Background()); err != nil {
		b.Fatal(err)
	}
	s, _ := r.session(128)
	var phases [4]time.Duration
	for b.Loop() {
		t := time.Now()
		mark := func(i int) { now := time.Now(); phases[i] += now.Sub(t); t = now }
		_ = s.Forward()
		mark(0)
		_ = r.up.backward(s, 1e-3, 1)
		mark(1)
		r.up.collect(s, 128, false)
		norm, _ := r.up.finish(128)
		mark(2)
		r.up.apply(1e-3, norm, 1)
		mark(3)
	}
	for i, name := range []string{"forward-ms", "backward-ms", "norm-ms", "update-ms"} {
		b.ReportMetric(phases[i].Seconds()*1e3/float64(b.N), name)
	}
	b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}

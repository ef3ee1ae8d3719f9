package student_test

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/student"
)

// BenchmarkStep takes bare training steps of 128 samples: forward, backward and
// an update with momentum, without data loading or hooks.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		name, spec string
		shape      tensor.Shape
	}{
		{"MLP", "mlp:1200,1200", tensor.Shape{1, 28, 28}},
		{"LeNet", "lenet:20,50,500", tensor.Shape{1, 28, 28}},
		{"ResNet20", "resnet:20", tensor.Shape{3, 32, 32}},
		{"FitNet1", "fitnet:1", tensor.Shape{3, 32, 32}},
		{"FitNetMNIST", "fitnet:mnist", tensor.Shape{1, 28, 28}},
	} {
		b.Run(c.name, func(b *testing.B) { benchStep(b, c.spec, c.shape, 128) })
	}
}

func benchStep(b *testing.B, spec string, shape tensor.Shape, batch int) {
	m, err := student.Build(spec, student.Task{Shape: shape, Classes: 10, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	g, err := graph.Extend(m)
	if err != nil {
		b.Fatal(err)
	}
	loss, err := train.CrossEntropy{}.Build(g, m)
	if err != nil {
		b.Fatal(err)
	}
	s, err := graph.Compile(m, graph.Options{Loss: loss, Train: true, Dims: graph.Dims{"N": batch}})
	if err != nil {
		b.Fatal(err)
	}
	r, x := tensor.NewRand(1, "x"), s.Tensor(m.Graph.Inputs[0].Name).F32s()
	for i := range x {
		x[i] = r.Float32(uint64(i)) - 0.5
	}
	step := momentumStep(b, m, s)
	step()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}

// momentumStep returns a step of the session.
func momentumStep(b *testing.B, m *graph.Model, s *graph.Session) func() {
	var params []*graph.Param
	state := map[*graph.Param][][]float32{}
	for _, p := range m.Graph.Params {
		if p.Trainable {
			params, state[p] = append(params, p), [][]float32{make([]float32, p.Data.Len())}
		}
	}
	return func() {
		if err := s.Forward(); err != nil {
			b.Fatal(err)
		}
		if err := s.Backward(); err != nil {
			b.Fatal(err)
		}
		for _, p := range params {
			optim.Momentum{Mu: 0.9}.Update(p.Data.F32s(), s.Grad(p.Name).F32s(), state[p], optim.Step{LR: 1e-3, T: 1})
		}
	}
}

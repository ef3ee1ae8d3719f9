package student_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/student"
)

// examples has a small network of every architecture.
var examples = map[string]struct {
	spec  string
	shape tensor.Shape
}{
	"mlp":    {"mlp:16,16;dropout=0.1;norm=batch", tensor.Shape{1, 4, 4}},
	"lenet":  {"lenet:2,3,8", tensor.Shape{1, 16, 16}},
	"resnet": {"resnet:8;width=0.25", tensor.Shape{3, 8, 8}},
	"lstm":   {"lstm:6", tensor.Shape{5, 3}},
	"gru":    {"gru:6", tensor.Shape{5, 3}},
	"rnn":    {"rnn:6", tensor.Shape{5, 3}},
	"fitnet": {"fitnet:mnist", tensor.Shape{1, 28, 28}},
}

// TestArchitecturesTrain builds an example of each, and takes a training step that
// changes every trainable parameter.
func TestArchitecturesTrain(t *testing.T) {
	for _, usage := range student.Usages() {
		name := usage[:strings.IndexAny(usage+":", ":[;")]
		ex, ok := examples[name]
		if !ok {
			t.Errorf("architecture %s has no example", name)
			continue
		}
		trainOneStep(t, mustBuild(t, ex.spec, ex.shape), ex.shape)
	}
}

func mustBuild(t *testing.T, spec string, shape tensor.Shape) *graph.Model {
	t.Helper()
	m, err := student.Build(spec, student.Task{Shape: shape, Classes: 10, Seed: 3})
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	return m
}

// trainOneStep checks that the loss is finite and that weights change.
func trainOneStep(t *testing.T, m *graph.Model, shape tensor.Shape) {
	t.Helper()
	before := m.DeepClone()
	res, err := train.Run(context.Background(), train.Config{
		Model: m, Objective: train.CrossEntropy{}, Data: dataset.Random(8, shape, 10, 1), Batch: 8, Optimizer: optim.SGD{}, LR: 0.1,
	})
	if err != nil {
		t.Fatalf("%s: %v", m.Meta["architecture"], err)
	}
	if math.IsNaN(res.TrainLoss) || res.Steps != 1 {
		t.Errorf("%s: loss %g after %d steps", m.Meta["architecture"], res.TrainLoss, res.Steps)
	}
	for i, p := range m.Graph.Params {
		if p.Trainable && len(p.Shape) > 1 && slices.Equal(p.Data.F32s(), before.Graph.Params[i].Data.F32s()) {
			t.Errorf("%s: %s did not change", m.Meta["architecture"], p.Name)
		}
	}
}

// TestFitNetCounts compares parameters and multiplications with those that Romero et
// al. 2015 state.
func TestFitNetCounts(t *testing.T) {
	mnist, cifar := tensor.Shape{1, 28, 28}, tensor.Shape{3, 32, 32}
	for _, c := range []struct {
		spec         string
		shape        tensor.Shape
		params, macs float64 // macs 0: not stated
	}{
		{"fitnet:mnist-teacher", mnist, 361e3, 0},
		{"fitnet:mnist", mnist, 30e3, 0},
		{"fitnet:teacher", cifar, 9e6, 725e6},
		{"fitnet:1", cifar, 250e3, 30e6},
		{"fitnet:2", cifar, 862e3, 108e6},
		{"fitnet:3", cifar, 1.6e6, 392e6},
		{"fitnet:4", cifar, 2.5e6, 382e6},
	} {
		m := mustBuild(t, c.spec, c.shape)
		cost, _, err := m.Cost(m.Graph.Uniform(1))
		if err != nil {
			t.Fatalf("%s: %v", c.spec, err)
		}
		trainable := 0
		for _, p := range m.Graph.Params {
			if p.Trainable {
				trainable += p.Shape.Size()
			}
		}
		if off := float64(trainable)/c.params - 1; math.Abs(off) > 0.05 {
			t.Errorf("%s has %d parameters, the paper %g", c.spec, trainable, c.params)
		}
		if off := float64(cost.MACs)/c.macs - 1; c.macs > 0 && math.Abs(off) > 0.01 {
			t.Errorf("%s takes %d multiplications, the paper %g", c.spec, cost.MACs, c.macs)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	shape := tensor.Shape{1, 28, 28}
	for spec, want := range map[string]string{
		"fitnet:5":          "mnist-teacher",
		"fitnet":            "want one of",
		"resnet:9":          "6 n + 2",
		"mlp:4;drop=0.1":    "no option",
		"mlp:4;dropout=1.5": "not a fraction",
		"mlp:4;norm=layer":  "only batch",
		"lent":              "did you mean",
	} {
		_, err := student.Build(spec, student.Task{Shape: shape, Classes: 10})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", spec, err, want)
		}
	}
}

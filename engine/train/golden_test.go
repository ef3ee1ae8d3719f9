package train_test

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// goldenNets build what testdata/golden.py builds; params maps its names to ours.
var goldenNets = map[string]struct {
	build  func(n *nn.Net) graph.Value
	params map[string]string
}{
	"mlp": {func(n *nn.Net) graph.Value {
		x := n.Input("x", tensor.F32, "N", 20)
		x = n.Relu(n.Dense("fc1", x, 16, nn.Dense{}))
		x = n.Relu(n.Dense("fc2", x, 12, nn.Dense{}))
		return n.Dense("fc3", x, 5, nn.Dense{})
	}, nil},
	"lenet": {func(n *nn.Net) graph.Value {
		x := n.Input("x", tensor.F32, "N", 1, 16, 16)
		x = n.MaxPool(n.Conv("conv1", x, 4, nn.Conv{Kernel: 5}), 2, 2)
		x = n.MaxPool(n.Conv("conv2", x, 6, nn.Conv{Kernel: 3}), 2, 2)
		x = n.Relu(n.Dense("fc1", n.Flatten(x), 10, nn.Dense{}))
		return n.Dense("fc2", x, 5, nn.Dense{})
	}, nil},
	"resnet": {func(n *nn.Net) graph.Value {
		x := n.Input("x", tensor.F32, "N", 3, 8, 8)
		x = n.Relu(n.BatchNorm("bn1", n.Conv("conv1", x, 4, nn.Conv{Kernel: 3, Pad: 1, NoBias: true})))
		x = n.BasicBlock("block", x, 6, 2, nn.PadShortcut)
		return n.Dense("fc", n.GlobalAveragePool(x), 5, nn.Dense{})
	}, map[string]string{
		"bn1/weight": "bn1/scale", "conv2/weight": "block/conv1/weight", "conv3/weight": "block/conv2/weight",
		"bn2/weight": "block/bn1/scale", "bn2/bias": "block/bn1/bias", "bn3/weight": "block/bn2/scale", "bn3/bias": "block/bn2/bias",
	}},
	"lstm": {func(n *nn.Net) graph.Value {
		x := n.Input("x", tensor.F32, "N", 5, 6)
		return n.Dense("fc", n.Recurrent("lstm", x, 8, nn.Recurrent{}), 5, nn.Dense{})
	}, nil},
}

// goldenLR are the learning rates of testdata/golden.py.
var goldenLR = map[string]float64{
	"sgd": 0.05, "momentum": 0.02, "nesterov": 0.02, "adagrad": 0.02,
	"adadelta": 1, "rmsprop": 0.002, "adam": 0.005, "adamw": 0.005,
}

type golden struct {
	data map[string]*tensor.Tensor
	name string
}

func loadGolden(t *testing.T, name string) golden {
	es, err := npy.ReadZipFile(filepath.Join("testdata", "golden_"+name+".npz"))
	if err != nil {
		t.Fatal(err)
	}
	g := golden{map[string]*tensor.Tensor{}, name}
	for _, e := range es {
		g.data[e.Name] = e.Tensor
	}
	return g
}

// model returns the network with PyTorch's initial weights.
func (g golden) model(t *testing.T) *graph.Model {
	n := nn.New(g.name, 1)
	n.Output(goldenNets[g.name].build(n))
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	g.each("init/", func(name string, want *tensor.Tensor) {
		p := m.Graph.Param(graph.Value(g.ours(name)))
		if p == nil || !p.Shape.Equal(want.Shape()) {
			t.Fatalf("parameter %s is %v, want %v", g.ours(name), p, want)
		}
		p.Data.CopyFrom(want)
	})
	return m
}

func (g golden) ours(name string) string {
	if n := goldenNets[g.name].params[name]; n != "" {
		return n
	}
	return name
}

func (g golden) each(prefix string, f func(name string, t *tensor.Tensor)) {
	for k, v := range g.data {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != "loss" {
			f(name, v)
		}
	}
}

// relError returns ||a-b|| / ||b||.
func relError(a, b []float32) float64 {
	var num, den float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		num += d * d
		den += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(num / math.Max(den, 1e-30))
}

const goldenTol = 1e-4

func TestGoldenGradients(t *testing.T) {
	for name := range goldenNets {
		t.Run(name, func(t *testing.T) {
			g := loadGolden(t, name)
			m := g.model(t)
			b, err := graph.Extend(m)
			if err != nil {
				t.Fatal(err)
			}
			loss, err := train.CrossEntropy{}.Build(b, m)
			if err != nil {
				t.Fatal(err)
			}
			x, y := g.data["x"], g.data["y"]
			s, err := graph.Compile(m, graph.Options{Dims: graph.Dims{"N": 8}, Loss: loss, Train: true})
			if err != nil {
				t.Fatal(err)
			}
			copy(s.Tensor("x").F32s(), x.F32s())
			copy(s.Tensor(train.Labels).I64s(), y.I64s())
			if err := s.Forward(); err != nil {
				t.Fatal(err)
			}
			if err := s.Backward(); err != nil {
				t.Fatal(err)
			}
			if e := relError(s.Tensor(loss).F32s(), g.data["loss"].F32s()); e > goldenTol {
				t.Errorf("loss %v, PyTorch has %v", s.Tensor(loss).F32s(), g.data["loss"].F32s())
			}
			g.each("grad/", func(p string, want *tensor.Tensor) {
				got := s.Grad(graph.Value(g.ours(p)))
				if got == nil {
					t.Errorf("no gradient of %s", p)
				} else if e := relError(got.F32s(), want.F32s()); e > goldenTol {
					t.Errorf("gradient of %s: relative error %.3g", p, e)
				}
			})
		})
	}
}

func TestGoldenOptimizers(t *testing.T) {
	for name := range goldenNets {
		g := loadGolden(t, name)
		for _, opt := range optim.Names() {
			t.Run(name+"/"+opt, func(t *testing.T) { g.tenSteps(t, opt) })
		}
	}
}

func (g golden) tenSteps(t *testing.T, name string) {
	m := g.model(t)
	o, err := optim.New(optim.Config{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	x, y := g.data["x"], g.data["y"]
	set, err := dataset.FromTensors("golden", x.View(append(tensor.Shape{80}, x.Shape()[2:]...)), y.View(tensor.Shape{80}), 5)
	if err != nil {
		t.Fatal(err)
	}
	var losses []float32
	_, err = train.Run(context.Background(), train.Config{
		Model: m, Objective: train.CrossEntropy{}, Data: set, Batch: 8, Sequential: true, Epochs: 1,
		Optimizer: o, LR: goldenLR[name], WeightDecay: 0.01, DecayAll: true,
		Hooks: train.Hooks{Step: func(i train.StepInfo) { losses = append(losses, float32(i.Loss)) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	if e := relError(losses, g.data[name+"/loss"].F32s()); e > goldenTol {
		t.Errorf("losses %v, PyTorch has %v", losses, g.data[name+"/loss"].F32s())
	}
	g.each(name+"/", func(p string, want *tensor.Tensor) {
		got := m.Graph.Param(graph.Value(g.ours(p))).Data
		if e := relError(got.F32s(), want.F32s()); e > goldenTol {
			t.Errorf("%s after ten steps: relative error %.3g", p, e)
		}
	})
}

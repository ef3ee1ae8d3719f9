package distill_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// fixed is a teacher that gives the same logits, and values of the given shapes, for
// every sample.
type fixed struct {
	logits []float32
	shapes map[graph.Value]tensor.Shape
}

func (f fixed) Logits(_ context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (z *tensor.Tensor, out []*tensor.Tensor, err error) {
	n := b.X.Dim(0)
	if temperature > 0 {
		z = tensor.New(tensor.F32, tensor.Shape{n, len(f.logits)})
		for i := range z.F32s() {
			z.F32s()[i] = f.logits[i%len(f.logits)]
		}
	}
	for _, v := range values {
		t := tensor.New(tensor.F32, append(tensor.Shape{n}, f.shapes[v][1:]...))
		for i := range t.F32s() {
			t.F32s()[i] = 0.5
		}
		out = append(out, t)
	}
	return z, out, nil
}

// convNet has values conv1/conv, N 4 10 10, conv2/conv, N 6 8 8, and logits, N 3.
func convNet(t *testing.T) *graph.Model {
	t.Helper()
	n := nn.New("student", 1)
	x := n.Input("input", tensor.F32, "N", 2, 12, 12)
	x = n.Conv("conv1", x, 4, nn.Conv{Kernel: 3})
	x = n.Conv("conv2", n.Relu(x), 6, nn.Conv{Kernel: 3})
	n.Output(n.Dense("fc", n.Flatten(n.Relu(x)), 3, nn.Dense{}))
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func hints(weight float64, ps ...distill.Pair) []distill.FeatureTerm {
	return []distill.FeatureTerm{{Weight: distill.Const(weight), Pairs: ps}}
}

var samples = dataset.Random(24, tensor.Shape{2, 12, 12}, 3, 7)

func fit(t *testing.T, m *graph.Model, o train.Objective, set dataset.Set, epochs int) *train.Result {
	t.Helper()
	adam, err := optim.New(optim.Config{Name: "adam"})
	if err != nil {
		t.Fatal(err)
	}
	res, err := train.Run(context.Background(), train.Config{Model: m, Objective: o, Data: set, Epochs: epochs, Batch: 8, Optimizer: adam, LR: 1e-2, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestHintStage trains by a hint alone, for teachers with larger and with smaller maps,
// vectors and sequences: the loss falls, only the layers up to the guided value
// change, and the network has no node or parameter more than before.
func TestHintStage(t *testing.T) {
	for _, shape := range []tensor.Shape{
		{1, 5, 8, 8}, {1, 5, 10, 10}, {1, 5, 6, 6}, {1, 5, 13, 13}, {1, 5, 13, 6}, {1, 7}, {1, 4, 3},
	} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			m := convNet(t)
			before, nodes := m.DeepClone(), len(m.Graph.Nodes)
			shapes := map[graph.Value]tensor.Shape{"hint": shape}
			o := &distill.Objective{
				Teacher: fixed{shapes: shapes}, Shapes: shapes, Feature: hints(1, distill.Pair{Teacher: "hint", Student: "conv1/conv"}),
			}
			res := fit(t, m, o, samples, 6)
			if first, last := res.History[0].TrainLoss, res.TrainLoss; last > first/2 {
				t.Errorf("the loss went from %g to %g", first, last)
			}
			if len(m.Graph.Nodes) != nodes || len(m.Graph.Params) != len(before.Graph.Params) {
				t.Errorf("the trained network has %d nodes and %d parameters", len(m.Graph.Nodes), len(m.Graph.Params))
			}
			for i, p := range m.Graph.Params {
				same := slices.Equal(p.Data.Raw(), before.Graph.Params[i].Data.Raw())
				if guided := strings.HasPrefix(string(p.Name), "conv1/"); p.Trainable && same == guided {
					t.Errorf("%s changed: %v", p.Name, !same)
				}
			}
		})
	}
}

// TestHintLoss compares the value with the equation: with a regressor of 1 x 1 whose
// weights are zero it is the mean of u^2 / 2.
func TestHintLoss(t *testing.T) {
	m := convNet(t)
	for _, p := range m.Graph.Params {
		if p.DType == tensor.F32 {
			p.Data.Zero() // so that the student's values are zero, whatever the regressor
		}
	}
	shapes := map[graph.Value]tensor.Shape{"hint": {1, 5, 10, 10}}
	o := &distill.Objective{
		Teacher: fixed{shapes: shapes}, Shapes: shapes, Feature: hints(3, distill.Pair{Teacher: "hint", Student: "conv1/conv"}),
	}
	res, err := train.Run(context.Background(), train.Config{Model: m, Objective: o, Data: samples, Batch: 24, Optimizer: optim.SGD{}, LR: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * 0.5 * 0.25; math.Abs(res.TrainLoss-want) > 1e-6 {
		t.Errorf("loss %g, want %g", res.TrainLoss, want)
	}
}

// TestJoint checks that all parts are measured and add up.
func TestJoint(t *testing.T) {
	shapes := map[graph.Value]tensor.Shape{"a": {1, 5, 8, 8}, "b": {1, 7}}
	o := &distill.Objective{
		Teacher: fixed{logits: []float32{1, 0, -1}, shapes: shapes}, Classes: 3, Shapes: shapes,
		Hard: distill.Const(0.5), Logit: []distill.LogitTerm{{Weight: distill.Const(2), Temperature: 3}},
		Feature: hints(0.25, distill.Pair{Teacher: "a", Student: "conv1/conv"}, distill.Pair{Teacher: "b", Student: "conv2/conv"}),
	}
	res := fit(t, convNet(t), o, samples, 1)
	m := res.History[0].Metrics
	if sum := 0.5*m["hard_loss"] + 2*m["kd_loss"] + 0.25*m["hint_loss"]; math.Abs(sum-res.TrainLoss) > 1e-4 || m["hint_loss"] == 0 {
		t.Errorf("parts %v give %g, the loss is %g", m, sum, res.TrainLoss)
	}
}

// TestWeightChanges checks a weight that changes over the run against its mean.
func TestWeightChanges(t *testing.T) {
	o := &distill.Objective{
		Teacher: fixed{logits: []float32{1, 0, -1}}, Classes: 3,
		Logit: []distill.LogitTerm{{Weight: distill.Weight{From: 4, To: 1}, Temperature: 3}},
	}
	m := convNet(t)
	res, err := train.Run(context.Background(), train.Config{Model: m, Objective: o, Data: samples, Epochs: 3, Batch: 24, Optimizer: optim.SGD{}, LR: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{4, 3, 2} {
		h := res.History[i]
		if got := h.TrainLoss / h.Metrics["kd_loss"]; math.Abs(got-want) > 1e-4 {
			t.Errorf("epoch %d: weight %g, want %g", i+1, got, want)
		}
	}
}

// TestMixed checks that samples without a label count for the soft targets alone.
func TestMixed(t *testing.T) {
	some := dataset.Limit(samples, 8)
	mixed, err := dataset.Concat(some, dataset.Unlabelled(samples))
	if err != nil {
		t.Fatal(err)
	}
	loss := func(set dataset.Set, mixed bool) float64 {
		o := &distill.Objective{
			Teacher: fixed{logits: []float32{1, 0, -1}}, Classes: 3, Mixed: mixed, Hard: distill.Const(1),
			Logit: []distill.LogitTerm{{Weight: distill.Const(1), Temperature: 1}},
		}
		res, err := train.Run(context.Background(), train.Config{Model: convNet(t), Objective: o, Data: set, Batch: 64, Optimizer: optim.SGD{}, LR: 1e-12})
		if err != nil {
			t.Fatal(err)
		}
		return res.History[0].Metrics["hard_loss"]
	}
	if a, b := loss(some, false), loss(mixed, true); math.Abs(a-b) > 1e-5 {
		t.Errorf("cross-entropy %g of the labelled samples, %g among others", a, b)
	}
	if none := loss(dataset.Unlabelled(samples), true); none != 0 {
		t.Errorf("cross-entropy %g of samples without labels", none)
	}
}

func TestUnknownValue(t *testing.T) {
	shapes := map[graph.Value]tensor.Shape{"layer1/relu": {1, 5}, "layer2/relu": {1, 5}}
	build := func(p distill.Pair) error {
		m := convNet(t)
		b, err := graph.Extend(m)
		if err != nil {
			t.Fatal(err)
		}
		o := &distill.Objective{Teacher: fixed{}, Shapes: shapes, Feature: hints(1, p)}
		_, err = o.Build(b, m)
		return err
	}
	for _, c := range []struct {
		pair        distill.Pair
		whose, like string
	}{
		{distill.Pair{Teacher: "layer1", Student: "conv1/conv"}, "teacher", "layer1/relu"},
		{distill.Pair{Teacher: "layer1/relu", Student: "conv2"}, "student", "conv2/conv"},
	} {
		var e *distill.ErrValue
		if err := build(c.pair); !errors.As(err, &e) || e.Whose != c.whose || string(e.Near[0]) != c.like {
			t.Errorf("%v: %v", c.pair, err)
		}
	}
}

func TestParsePair(t *testing.T) {
	known := func(a, b graph.Value) bool { return a == "x:0" && b == "y:0" }
	for text, want := range map[string]string{"a:b": "a:b", "x:0:y:0": "x:0:y:0", "stage1/relu:relu": "stage1/relu:relu"} {
		p, err := distill.ParsePair(text, known)
		if err != nil || p.String() != want {
			t.Errorf("%s: %v, %v", text, p, err)
		}
	}
	if p, _ := distill.ParsePair("x:0:y:0", known); p.Teacher != "x:0" {
		t.Errorf("teacher value %q", p.Teacher)
	}
	for _, text := range []string{"", "a", "a:", ":b"} {
		if _, err := distill.ParsePair(text, nil); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// TestStandardize compares with the equations on given logits: scale and shift of
// either network's logits make no difference.
func TestStandardize(t *testing.T) {
	loss := func(z []float32) float64 {
		m := convNet(t)
		for _, p := range m.Graph.Params {
			if p.DType == tensor.F32 {
				p.Data.Zero()
			}
			if p.Name == "fc/bias" {
				copy(p.Data.F32s(), []float32{0.5, -1, 2})
			}
		}
		o := &distill.Objective{
			Teacher: fixed{logits: z}, Classes: 3,
			Logit: []distill.LogitTerm{{Weight: distill.Const(1), Temperature: 2, Standardize: true}},
		}
		res, err := train.Run(context.Background(), train.Config{Model: m, Objective: o, Data: samples, Batch: 24, Optimizer: optim.SGD{}, LR: 1e-12})
		if err != nil {
			t.Fatal(err)
		}
		return res.TrainLoss
	}
	standard := func(z []float64) []float64 {
		mean := (z[0] + z[1] + z[2]) / 3
		v := 0.0
		for _, x := range z {
			v += (x - mean) * (x - mean) / 2
		}
		var out []float64
		for _, x := range z {
			out = append(out, math.Exp((x-mean)/math.Sqrt(v)/2))
		}
		sum := out[0] + out[1] + out[2]
		return []float64{out[0] / sum, out[1] / sum, out[2] / sum}
	}
	pt, ps := standard([]float64{1, 0, -3}), standard([]float64{0.5, -1, 2})
	want := 0.0
	for i := range pt {
		want += 4 * pt[i] * math.Log(pt[i]/ps[i])
	}
	for _, z := range [][]float32{{1, 0, -3}, {12, 2, -28}} {
		if got := loss(z); math.Abs(got-want) > 1e-4 {
			t.Errorf("teacher %v: loss %g, want %g", z, got, want)
		}
	}
	if got := loss([]float32{1, 1, 1}); math.IsNaN(got) {
		t.Error("equal logits give NaN")
	}
}

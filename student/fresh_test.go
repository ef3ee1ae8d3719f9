package student_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/student"
)

// TestFreshBeginsAsBuilt compares the weights of a fresh network of the same width with
// those of the architecture: they are other numbers of the same variance.
func TestFreshBeginsAsBuilt(t *testing.T) {
	for name, ex := range examples {
		t.Run(name, func(t *testing.T) {
			m := mustBuild(t, ex.spec, ex.shape)
			again := mustDerive(t, "width:1", m, ex.shape)
			for _, p := range m.Graph.Params {
				q := again.Graph.Param(p.Name)
				if !p.Trainable || p.Shape.Size() < 200 || name == "fitnet" && p.Name == "classifier/weight" {
					continue
				}
				if a, b := rms(p.Data.F32s()), rms(q.Data.F32s()); !(math.Abs(a-b) <= 0.2*a) {
					t.Errorf("%s: root mean square %g, of the architecture's %g", p.Name, b, a)
				}
				if a := rms(p.Data.F32s()); a > 0 && slices.Equal(p.Data.F32s(), q.Data.F32s()) {
					t.Errorf("%s is the teacher's", p.Name)
				}
			}
		})
	}
}

func rms(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum / float64(len(v)))
}

// TestFreshKeepsNothing draws every parameter anew but the scale of the inputs, and refuses
// what it does not know.
func TestFreshKeepsNothing(t *testing.T) {
	shape := tensor.Shape{4, 6, 6}
	full := func(s tensor.Shape, v float32) *tensor.Tensor {
		x := tensor.New(tensor.F32, s)
		nn.Constant(v)(tensor.NewRand(1, ""), x.F32s(), s, 1, 1)
		return x
	}
	net := func(n *nn.Net, x graph.Value) graph.Value {
		x = n.Node("centred", "Sub", nil, x, n.Param("mean", full(tensor.Shape{4, 1, 1}, 0.777)))
		x = n.Conv("grouped", x, 8, nn.Conv{Kernel: 3, Groups: 2})
		x = n.Node("prelu", "PRelu", nil, x, n.Param("slope", full(tensor.Shape{8, 1, 1}, 0.777)))
		x = n.Node("scaled", "Mul", nil, x, n.Param("gain", full(tensor.Shape{8, 1, 1}, 0.777)))
		x = n.Node("product", "MatMul", nil, n.Flatten(x), n.Node("turned", "Transpose", nil, n.Param("w", full(tensor.Shape{10, 128}, 0.777))))
		return n.Node("sum", "Add", nil, x, n.Param("b", full(tensor.Shape{10}, 0.777)))
	}
	m := mustDerive(t, "width:1", built(t, shape, net), shape)
	for v, want := range map[graph.Value]float32{"mean": 0.777, "slope": 0.25, "gain": 1, "b": 0, "grouped/bias": 0} {
		if got := m.Graph.Param(v).Data.F32s()[0]; got != want {
			t.Errorf("%s begins with %g, want %g", v, got, want)
		}
	}
	if w, want := rms(m.Graph.Param("w").Data.F32s()), math.Sqrt(2.0/138); math.Abs(w-want) > 0.1*want {
		t.Errorf("w begins with a root mean square of %g, want %g", w, want)
	}
	if w, want := rms(m.Graph.Param("grouped/weight").Data.F32s()), math.Sqrt(2.0/18); math.Abs(w-want) > 0.2*want {
		t.Errorf("the grouped weight begins with a root mean square of %g, want %g", w, want)
	}

	unknown := func(n *nn.Net, x graph.Value) graph.Value {
		return n.Node("einsum", "Einsum", graph.Attrs{"equation": "nk,mk->nm"}, n.Flatten(x), n.Param("w", full(tensor.Shape{10, 144}, 1)))
	}
	task := student.Task{Shape: shape, Classes: 10}
	if _, err := student.Derive("width:1", built(t, shape, unknown), task); err == nil || !strings.Contains(err.Error(), `"w" of node "einsum"`) {
		t.Errorf("error %v for a weight of Einsum", err)
	}
	if _, err := student.Derive("width:1;init=teacher", built(t, shape, unknown), task); err != nil {
		t.Error(err)
	}
}

package distill

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// array is a tensor of testdata/losses.json, which losses.py writes.
type array struct {
	Shape tensor.Shape
	Data  []float64
}

func (a array) tensor() *tensor.Tensor {
	t := tensor.New(tensor.F32, a.Shape)
	for i, v := range a.Data {
		t.F32s()[i] = float32(v)
	}
	return t
}

// lossCase is a loss on given values, with its weights by name, value and gradients.
type lossCase struct {
	Name, Loss, About string
	Temperature       float64
	Labels            []int64
	Pairs             []struct{ Student, Teacher, Gradient array }
	Weights           map[string]struct{ Value, Gradient array }
	Value             float64
}

func lossCases(t *testing.T) (cases []lossCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/losses.json")
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// built is a loss compiled over parameters for the student's values.
type built struct {
	*graph.Session
	loss     graph.Value
	students []graph.Value
	params   map[string]*tensor.Tensor // all trainable ones
}

// buildLoss compiles the case; its weights are set.
func buildLoss(t *testing.T, c *lossCase) *built {
	t.Helper()
	n := nn.New("loss", 1)
	out := &built{params: map[string]*tensor.Tensor{}}
	var fs []Features
	for _, p := range c.Pairs {
		s := n.Param("student_value", p.Student.tensor())
		fs = append(fs, Features{Teacher: n.Const("teacher_value", p.Teacher.tensor()), Student: s})
		out.students = append(out.students, s)
	}
	out.loss = addLoss(t, n, c, fs)
	n.Output(out.loss)
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Graph.Params {
		if w, ok := c.Weights[string(p.Name)]; ok {
			p.Data.CopyFrom(w.Value.tensor())
		} else if p.Trainable && c.Weights != nil && !slices.Contains(out.students, p.Name) {
			t.Fatalf("parameter %s, %v, has no golden value", p.Name, p.Data)
		}
		if p.Trainable {
			out.params[string(p.Name)] = p.Data
		}
	}
	if out.Session, err = graph.Compile(m, graph.Options{Loss: out.loss, Train: true}); err != nil {
		t.Fatal(err)
	}
	return out
}

func addLoss(t *testing.T, n *nn.Net, c *lossCase, fs []Features) graph.Value {
	t.Helper()
	name, params, err := ParseLoss(c.Loss)
	if err != nil {
		t.Fatal(err)
	}
	if IsFeature(name) {
		l, err := GetFeature(name, params)
		if err != nil {
			t.Fatal(err)
		}
		return l.Build(n, fs)
	}
	l, err := GetLoss(name, params)
	if err != nil {
		t.Fatal(err)
	}
	in := LogitLoss{Student: fs[0].Student, Teacher: fs[0].Teacher, Classes: c.Pairs[0].Student.Shape[1], Temperature: c.Temperature}
	if c.About == "standardize" {
		in.Student, in.Teacher = standardized(n.Builder, in.Student), standardized(n.Builder, in.Teacher)
	}
	if c.Labels != nil {
		labels := tensor.New(tensor.I64, tensor.Shape{len(c.Labels)})
		copy(labels.I64s(), c.Labels)
		in.Labels = n.Const("labels", labels)
	}
	return l.Build(n.Builder, in)
}

// value runs the loss forward.
func (b *built) value(t *testing.T) float64 {
	t.Helper()
	if err := b.Forward(); err != nil {
		t.Fatal(err)
	}
	return float64(b.Tensor(b.loss).F32s()[0])
}

func (b *built) backward(t *testing.T) {
	t.Helper()
	if err := b.Backward(); err != nil {
		t.Fatal(err)
	}
}

func (b *built) grad(t *testing.T, v graph.Value) []float32 {
	t.Helper()
	g := b.Grad(v)
	if g == nil {
		t.Fatalf("the loss does not depend on %s", v)
	}
	return g.F32s()
}

// relative is |got - want| / |want| of vectors.
func relative(got []float32, want []float64) float64 {
	var d, w float64
	for i, x := range want {
		d += (float64(got[i]) - x) * (float64(got[i]) - x)
		w += x * x
	}
	return math.Sqrt(d / w)
}

// TestLossGolden compares every loss and its gradients, of the student's values and of the
// loss's own weights, with PyTorch in float64.
func TestLossGolden(t *testing.T) {
	const tolerance = 1e-4
	seen := map[string]bool{}
	for _, c := range lossCases(t) {
		name, _, _ := ParseLoss(c.Loss)
		seen[name] = true
		t.Run(c.Name, func(t *testing.T) {
			b := buildLoss(t, &c)
			if got := b.value(t); !(math.Abs(got-c.Value) <= tolerance*math.Abs(c.Value)) {
				t.Errorf("loss %.8g, want %.8g", got, c.Value)
			}
			b.backward(t)
			for i, p := range c.Pairs {
				if r := relative(b.grad(t, b.students[i]), p.Gradient.Data); !(r < tolerance) {
					t.Errorf("gradient of the student's value %d: relative error %g", i, r)
				}
			}
			for name, w := range c.Weights {
				if r := relative(b.grad(t, graph.Value(name)), w.Gradient.Data); !(r < tolerance) && !tiny(w.Gradient.Data) {
					t.Errorf("gradient of %s: relative error %g", name, r)
				}
			}
		})
	}
	for _, name := range append(Losses(), FeatureLosses()...) {
		if !seen[name] {
			t.Errorf("loss %s has no golden values: add a case to testdata/losses.py", name)
		}
	}
}

// tiny reports whether a gradient is nothing but rounding, as that of what batch
// normalisation takes away.
func tiny(g []float64) bool {
	return !slices.ContainsFunc(g, func(v float64) bool { return math.Abs(v) > 1e-10 })
}

// TestLossGradientDirections compares a difference quotient along a random direction of the
// student's values with the gradient.
func TestLossGradientDirections(t *testing.T) {
	const step = 1.0 / 256
	for _, c := range lossCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			b := buildLoss(t, &c)
			x := b.params[string(b.students[0])].F32s()
			dir := tensor.NewRand(7, c.Name)
			b.value(t)
			b.backward(t)
			var slope, norm float64
			d := make([]float32, len(x))
			for i, g := range b.grad(t, b.students[0]) {
				d[i] = float32(dir.Normal(uint64(i)))
				slope += float64(d[i]) * float64(g)
				norm += float64(g) * float64(g)
			}
			move := func(by float32) float64 {
				for i := range x {
					x[i] += by * d[i]
				}
				return b.value(t)
			}
			quotient := (move(step) - move(-2*step)) / (2 * step)
			if !(math.Abs(quotient-slope) <= 0.02*math.Abs(slope)+0.02*math.Sqrt(norm)) {
				t.Errorf("difference quotient %g, gradient %g", quotient, slope)
			}
		})
	}
}

package student_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/student"
)

// TestThin makes every architecture thinner, by fresh weights and by the teacher's, and
// trains it for a step.
func TestThin(t *testing.T) {
	for name, ex := range examples {
		t.Run(name, func(t *testing.T) {
			teacher := mustBuild(t, ex.spec, ex.shape)
			for _, init := range []string{"fresh", "teacher"} {
				m := mustDerive(t, "width:0.5;init="+init, teacher, ex.shape)
				if a, b := params(m), params(teacher); float64(a) > 0.65*float64(b) {
					t.Errorf("%d parameters of %d", a, b)
				}
				trainOneStep(t, m, ex.shape)
			}
		})
	}
}

func mustDerive(t *testing.T, spec string, teacher *graph.Model, shape tensor.Shape) *graph.Model {
	t.Helper()
	m, err := student.Derive(spec, teacher, student.Task{Shape: shape, Classes: 10, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func params(m *graph.Model) (n int) {
	for _, p := range m.Graph.Params {
		if p.Trainable {
			n += p.Shape.Size()
		}
	}
	return n
}

// TestThinMatchesWidth checks the shapes against networks that are built as thin.
func TestThinMatchesWidth(t *testing.T) {
	for _, c := range []struct{ wide, thin string }{
		{"resnet:14", "resnet:14;width=0.5"},
		{"resnet:8;shortcut=project", "resnet:8;shortcut=project;width=0.5"},
		{"resnet:8;preact=1", "resnet:8;preact=1;width=0.5"},
		{"lenet:20,50,500", "lenet:10,25,250"},
		{"mlp:64,32", "mlp:32,16"},
		{"gru:16,8;bidirectional=1", "gru:8,4;bidirectional=1"},
	} {
		shape := tensor.Shape{1, 32, 32}
		got := shapes(mustDerive(t, "width:0.5", mustBuild(t, c.wide, shape), shape))
		if want := shapes(mustBuild(t, c.thin, shape)); got != want {
			t.Errorf("%s at half the width:\n%s\nwant\n%s", c.wide, got, want)
		}
	}
}

func shapes(m *graph.Model) string {
	var out []string
	for _, p := range m.Graph.Params {
		if p.Trainable {
			out = append(out, fmt.Sprint(p.Name, p.Shape))
		}
	}
	return strings.Join(out, "\n")
}

// TestThinKeepsDeadChannelsOut checks that of a network whose second half of units is
// zero the first half stays, with the same function.
func TestThinKeepsDeadChannelsOut(t *testing.T) {
	shape := tensor.Shape{1, 16, 16}
	m := mustBuild(t, "lenet:4,6,8", shape)
	for _, p := range m.Graph.Params {
		d := p.Data
		if p.Trainable && p.Shape[0] != 10 { // not the classifier
			half := d.F32s()[d.Len()/2:]
			clear(half)
		}
	}
	thin := mustDerive(t, "width:0.5;init=teacher", m, shape)
	x := tensor.New(tensor.F32, tensor.Shape{2, 1, 16, 16})
	for i := range x.F32s() {
		x.F32s()[i] = float32(i%7) - 3
	}
	if a, b := forward(t, m, x), forward(t, thin, x); !close(a, b) {
		t.Errorf("outputs %v, thin %v", a, b)
	}
}

func forward(t *testing.T, m *graph.Model, x *tensor.Tensor) []float32 {
	t.Helper()
	s, err := graph.Compile(m, graph.Options{Dims: m.Graph.DimsOf(x.Shape())})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(m.Graph.Inputs[0].Name, x); err != nil {
		t.Fatal(err)
	}
	if err := s.Forward(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(s.Tensor(m.Graph.Outputs[0].Name).F32s())
}

func close(a, b []float32) bool {
	for i := range a {
		if d := a[i] - b[i]; d > 1e-4 || d < -1e-4 {
			return false
		}
	}
	return len(a) == len(b)
}

// TestShorten checks the number of blocks that stay.
func TestShorten(t *testing.T) {
	for _, c := range []struct{ deep, spec, short string }{
		{"resnet:20", "depth:0.34", "resnet:8"},
		{"resnet:26", "depth:0.5", "resnet:14"},
		{"mlp:16,16,16,16,16", "depth:0.5", "mlp:16,16,16"},
	} {
		shape := tensor.Shape{1, 16, 16}
		m := mustDerive(t, c.spec, mustBuild(t, c.deep, shape), shape)
		want := mustBuild(t, c.short, shape)
		if len(m.Graph.Nodes) != len(want.Graph.Nodes) || params(m) != params(want) {
			t.Errorf("%s of %s: %d nodes and %d parameters, %s has %d and %d", c.spec, c.deep,
				len(m.Graph.Nodes), params(m), c.short, len(want.Graph.Nodes), params(want))
		}
		trainOneStep(t, m, shape)
	}
}

func TestDeriveErrors(t *testing.T) {
	shape := tensor.Shape{1, 16, 16}
	teacher := mustBuild(t, "lenet:2,3,8", shape)
	for spec, want := range map[string]string{
		"width:2":            "fraction",
		"width":              "want width:F",
		"width:0.5;init=old": "neither fresh nor teacher",
		"depth:0.5":          "no repeated blocks",
	} {
		_, err := student.Derive(spec, teacher, student.Task{Shape: shape, Classes: 10})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", spec, err, want)
		}
	}
}

// TestDerivedDropout: the student has the rate that it asks for, the teacher keeps its own.
func TestDerivedDropout(t *testing.T) {
	shape := tensor.Shape{1, 16, 16}
	rates := func(m *graph.Model) (all []float32) {
		params := m.Graph.ParamIndex()
		for _, n := range m.Graph.Nodes {
			if n.Op == "Dropout" {
				all = append(all, params[n.In[1]].Data.F32s()...)
			}
		}
		return all
	}
	teacher := mustBuild(t, "mlp:8,8;dropout=0.5", shape)
	m := mustDerive(t, "width:1;init=teacher;dropout=0", teacher, shape)
	if got, of := rates(m), rates(teacher); !slices.Equal(got, []float32{0, 0}) || !slices.Equal(of, []float32{0.5, 0.5}) {
		t.Errorf("rates %v, of the teacher %v", got, of)
	}
	trainOneStep(t, m, shape)
	plain := mustBuild(t, "mlp:8,8", shape)
	for text, want := range map[string]string{"width:1;dropout=0.1": "has no Dropout", "width:1;dropout=2": "dropout"} {
		if _, err := student.Derive(text, plain, student.Task{Shape: shape, Classes: 10}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", text, err, want)
		}
	}
}

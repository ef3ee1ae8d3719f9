package student_test

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/student"
)

// built returns the model of a function that emits layers on an input of the shape.
func built(t *testing.T, shape tensor.Shape, f func(n *nn.Net, x graph.Value) graph.Value) *graph.Model {
	t.Helper()
	n := nn.New("net", 2)
	dims := []any{"N"}
	for _, d := range shape {
		dims = append(dims, d)
	}
	n.Output(f(n, n.Input("input", tensor.F32, dims...)))
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	m.Meta = map[string]string{"architecture": t.Name()}
	return m
}

// mobile has a depthwise convolution, a gate for each channel, a concatenation and a
// transposed convolution.
func mobile(n *nn.Net, x graph.Value) graph.Value {
	a := n.Relu(n.BatchNorm("bn", n.Conv("expand", x, 8, nn.Conv{Kernel: 1})))
	a = n.Conv("depthwise", a, 8, nn.Conv{Kernel: 3, Pad: 1, Groups: 8})
	g := n.Node("gap", "GlobalAveragePool", nil, a)
	g = n.Node("squash", "Tanh", nil, n.Conv("squeeze", g, 4, nn.Conv{Kernel: 1}))
	g = n.Node("gate", "Sigmoid", nil, n.Conv("excite", g, 8, nn.Conv{Kernel: 1}))
	a = n.Node("gated", "Mul", nil, a, g)
	b := n.Relu(n.Conv("branch", x, 6, nn.Conv{Kernel: 3, Pad: 1}))
	x = n.Node("concat", "Concat", graph.Attrs{"axis": int64(1)}, a, b)
	w := tensor.New(tensor.F32, tensor.Shape{14, 6, 2, 2})
	for i := range w.F32s() {
		w.F32s()[i] = float32(i%5)/10 - 0.2
	}
	x = n.Node("up", "ConvTranspose", graph.Attrs{"kernel_shape": graph.Ints64(2, 2), "strides": graph.Ints64(2, 2)}, x, n.Param("up/weight", w))
	return n.Dense("classifier", n.Flatten(n.MaxPool(x, 2, 2)), 10, nn.Dense{})
}

// attention is a transformer's block on T x K samples, with two heads.
func attention(n *nn.Net, x graph.Value) graph.Value {
	const heads, size = 4, 3
	x = n.LayerNorm("norm", n.Dense("embed", x, 12, nn.Dense{}))
	split := func(name string, perm ...int) graph.Value {
		h := n.Node(name+"_heads", "Reshape", nil, n.Dense(name, x, heads*size, nn.Dense{}), n.Ints(name+"_shape", 0, 0, heads, size))
		return n.Node(name+"_first", "Transpose", graph.Attrs{"perm": graph.Ints64(perm...)}, h)
	}
	q, k, v := split("q", 0, 2, 1, 3), split("k", 0, 2, 3, 1), split("v", 0, 2, 1, 3)
	p := n.Node("attention", "Softmax", graph.Attrs{"axis": int64(-1)}, n.Node("scores", "MatMul", nil, q, k))
	y := n.Node("mixed", "Transpose", graph.Attrs{"perm": graph.Ints64(0, 2, 1, 3)}, n.Node("values", "MatMul", nil, p, v))
	y = n.Node("joined", "Reshape", nil, y, n.Ints("joined_shape", 0, 0, heads*size))
	x = n.Node("residual", "Add", nil, x, n.Dense("out", y, 12, nn.Dense{}))
	mean := n.Node("mean", "ReduceMean", graph.Attrs{"keepdims": int64(0)}, x, n.Ints("steps", 1))
	return n.Dense("classifier", mean, 10, nn.Dense{})
}

// TestThinOtherGraphs makes networks thinner that no architecture here has, checks what
// some parameters became, and trains them.
func TestThinOtherGraphs(t *testing.T) {
	image, sequence := tensor.Shape{3, 6, 6}, tensor.Shape{5, 7}
	for _, c := range []struct {
		name  string
		shape tensor.Shape
		build func(*nn.Net, graph.Value) graph.Value
		want  map[graph.Value]tensor.Shape
	}{
		{"mobile", image, mobile, map[graph.Value]tensor.Shape{
			"expand/weight": {4, 3, 1, 1}, "depthwise/weight": {4, 1, 3, 3}, "squeeze/weight": {2, 4, 1, 1}, "excite/weight": {4, 2, 1, 1},
			"branch/weight": {3, 3, 3, 3}, "up/weight": {7, 3, 2, 2}, "classifier/weight": {10, 108}, "bn/running_var": {4},
		}},
		{"attention", sequence, attention, map[graph.Value]tensor.Shape{
			"embed/weight": {7, 6}, "q/weight": {6, 6}, "v/bias": {6}, "out/weight": {6, 6}, "norm/scale": {6}, "classifier/weight": {10, 6},
		}},
	} {
		for _, init := range []string{"fresh", "teacher"} {
			m := mustDerive(t, "width:0.5;init="+init, built(t, c.shape, c.build), c.shape)
			for v, want := range c.want {
				if p := m.Graph.Param(v); p == nil || !p.Shape.Equal(want) {
					t.Errorf("%s: %s is %v, want %v", c.name, v, p, want)
				}
			}
			trainOneStep(t, m, c.shape)
		}
	}
}

// TestThinTwice makes thinner what has been made thinner, as a teacher's assistant is.
func TestThinTwice(t *testing.T) {
	image, sequence := tensor.Shape{3, 8, 8}, tensor.Shape{5, 7}
	resnet, err := student.Build("resnet:8", student.Task{Shape: image, Classes: 10, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*graph.Model{"resnet": resnet, "attention": built(t, sequence, attention)} {
		shape := image
		if name == "attention" {
			shape = sequence
		}
		once := mustDerive(t, "width:0.5;init=teacher", m, shape)
		twice := mustDerive(t, "width:0.5", once, shape)
		trainOneStep(t, twice, shape)
		elements := func(m *graph.Model) (n int) {
			for _, p := range m.AllParams() {
				n += p.Shape.Size()
			}
			return n
		}
		if a, b, c := elements(m), elements(once), elements(twice); b*2 > a || c*2 > b {
			t.Errorf("%s: %d parameters, then %d and %d", name, a, b, c)
		}
	}
}

// TestThinOfDeadHalf checks that the function stays when the half of each group's
// channels that nothing leads into is left out.
func TestThinOfDeadHalf(t *testing.T) {
	shape := tensor.Shape{3, 6, 6}
	m := built(t, shape, mobile)
	for v, n := range map[graph.Value]int{"expand": 4, "depthwise": 4, "squeeze": 2, "excite": 4, "branch": 3} {
		for _, name := range []graph.Value{v + "/weight", v + "/bias"} {
			d := m.Graph.Param(name).Data.F32s()
			clear(d[len(d)-len(d)/m.Graph.Param(name).Shape[0]*n:])
		}
	}
	w := m.Graph.Param("up/weight").Data
	for i := range w.F32s() {
		if i/4%6 >= 3 {
			w.F32s()[i] = 0
		}
	}
	thin := mustDerive(t, "width:0.5;init=teacher", m, shape)
	x := tensor.New(tensor.F32, append(tensor.Shape{2}, shape...))
	for i := range x.F32s() {
		x.F32s()[i] = float32(i%7) - 3
	}
	if a, b := forward(t, m, x), forward(t, thin, x); !close(a, b) {
		t.Errorf("outputs %v, thin %v", a, b)
	}
}

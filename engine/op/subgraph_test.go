package op

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// sub makes a subgraph; inputs are float64 unless their name says otherwise.
func sub(in, out []graph.Value, nodes ...*graph.Node) *graph.Graph {
	g := &graph.Graph{Name: "sub", Nodes: nodes}
	for i, n := range nodes {
		n.Name = string(n.Op) + string(rune('a'+i))
	}
	for _, v := range in {
		t := map[graph.Value]tensor.DType{"i": tensor.I64, "n": tensor.I64, "c": tensor.Bool}[v]
		if t == tensor.Invalid {
			t = tensor.F64
		}
		g.Inputs = append(g.Inputs, graph.Port{Name: v, DType: t, Shape: []graph.Dim{}})
	}
	for _, v := range out {
		g.Outputs = append(g.Outputs, graph.Port{Name: v, DType: tensor.F64, Shape: []graph.Dim{{Sym: "n"}, {N: 2}}})
	}
	return g
}

func list(v ...graph.Value) []graph.Value { return v }

// call is a node of a subgraph with one output.
func call(op string, out graph.Value, in ...graph.Value) *graph.Node {
	return &graph.Node{Op: op, In: in, Out: list(out)}
}

func constant(out graph.Value, t *tensor.Tensor) *graph.Node {
	return &graph.Node{Op: "Constant", Out: list(out), Attrs: graph.Attrs{"value": t}}
}

// branches gives 1 or the empty vector.
func branches() graph.Node {
	return graph.Node{Op: "If", Attrs: graph.Attrs{
		"then_branch": sub(nil, list("y"), constant("y", tensor.Vec(1.0))),
		"else_branch": sub(nil, list("z"), constant("z", tensor.Vec[float64]())),
	}}
}

// counting adds the iteration's number i to x while the sum is below 4; it gives x and all squares.
func counting() graph.Node {
	return graph.Node{Op: "Loop", Attrs: graph.Attrs{"body": sub(list("i", "c", "n"), list("less", "sum", "square"),
		constant("four", tensor.Scalar[int64](4)),
		call("Add", "sum", "n", "i"),
		call("Mul", "square", "sum", "sum"),
		call("Less", "less", "sum", "four"))}}
}

// running scans: it gives the last sum and all sums, doubled.
func running(attrs graph.Attrs) graph.Node {
	attrs["num_scan_inputs"] = int64(1)
	attrs["body"] = sub(list("acc", "x"), list("sum", "twice"), call("Add", "sum", "acc", "x"), call("Add", "twice", "sum", "sum"))
	return graph.Node{Op: "Scan", Attrs: attrs}
}

func init() {
	x := seq(3, 2)
	optest.Add(
		optest.Sample{Name: "then", Node: branches(), In: optest.In(tensor.Scalar(true)), Want: optest.In(tensor.Vec(1.0))},
		optest.Sample{Name: "else", Node: branches(), In: optest.In(tensor.Vec(false)), Want: optest.In(tensor.Vec[float64]())},

		optest.Sample{Name: "until the condition", Node: counting(), NOut: 2, In: optest.In(tensor.Scalar[int64](9), tensor.Scalar(true), tensor.Scalar[int64](0)),
			Want: optest.In(tensor.Scalar[int64](6), i64s(0, 1, 9, 36))},
		optest.Sample{Name: "two trips", Node: counting(), NOut: 2, In: optest.In(tensor.Scalar[int64](2), nil, tensor.Scalar[int64](1)),
			Want: optest.In(tensor.Scalar[int64](2), i64s(1, 4))},
		optest.Sample{Name: "no limit", Node: counting(), NOut: 2, In: optest.In(nil, tensor.Scalar(true), tensor.Scalar[int64](3)),
			Want: optest.In(tensor.Scalar[int64](4), i64s(9, 16))},
		optest.Sample{Name: "no trip", Node: counting(), NOut: 2, In: optest.In(nil, tensor.Scalar(false), tensor.Scalar[int64](3)),
			Want: optest.In(tensor.Scalar[int64](3), seq(0, 0, 2))},

		optest.Sample{Name: "rows", Node: running(graph.Attrs{}), NOut: 2, Const: []int{0, 1}, In: optest.In(vals([]int{2}, 0, 10), x),
			Want: optest.In(vals([]int{2}, 6, 19), vals([]int{3, 2}, 0, 22, 4, 28, 12, 38))},
		optest.Sample{Name: "columns backwards", NOut: 2, Const: []int{0, 1}, In: optest.In(vals([]int{3}, 0, 0, 10), x), Node: running(graph.Attrs{
			"scan_input_axes": []int64{-1}, "scan_input_directions": []int64{1}, "scan_output_axes": []int64{1}, "scan_output_directions": []int64{1}}),
			Want: optest.In(vals([]int{3}, 1, 5, 19), vals([]int{3, 2}, 2, 2, 10, 6, 38, 30))},
		optest.Sample{Name: "nothing", Node: running(graph.Attrs{"scan_output_axes": []int64{-1}}), NOut: 2, Const: []int{0, 1}, In: optest.In(vals([]int{2}, 0, 10), seq(0, 2)),
			Want: optest.In(vals([]int{2}, 0, 10), seq(0, 2, 0))},
	)
}

// TestCapture runs an If in a Loop, both of which use values of the graph around.
func TestCapture(t *testing.T) {
	then := sub(nil, list("more"), call("Add", "more", "x", "step"))
	otherwise := sub(nil, list("same"), call("Identity", "same", "x"))
	choose := &graph.Node{Op: "If", In: list("flag"), Out: list("next"), Attrs: graph.Attrs{"then_branch": then, "else_branch": otherwise}}
	loop := &graph.Node{Name: "loop", Op: "Loop", In: list("trips", "", "zero"), Out: list("y"),
		Attrs: graph.Attrs{"body": sub(list("i", "c", "x"), list("c", "next"), choose)}}
	g := &graph.Graph{
		Inputs: []graph.Port{{Name: "flag", DType: tensor.Bool, Shape: []graph.Dim{}}, {Name: "half", DType: tensor.F64, Shape: []graph.Dim{{N: 2}}}},
		Params: []*graph.Param{graph.NewParam("trips", tensor.Scalar[int64](3), false), graph.NewParam("zero", seq(2), false)},
		Nodes:  []*graph.Node{{Name: "double", Op: "Add", In: list("half", "half"), Out: list("step")}, loop}, Outputs: []graph.Port{{Name: "y"}},
	}
	s, err := graph.Compile(&graph.Model{Graph: g}, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Tensor("half").CopyFrom(tensor.Vec(0.5, 1))
	for i, flag := range []bool{true, false, true} {
		s.Tensor("flag").CopyFrom(tensor.Scalar(flag))
		if err := s.Forward(); err != nil {
			t.Fatal(err)
		}
		want := []float64{0, 1}
		if flag {
			want = []float64{3, 7}
		}
		if y := tensor.Data[float64](s.Tensor("y")); y[0] != want[0] || y[1] != want[1] {
			t.Errorf("run %d with %v: %v, want %v", i, flag, y, want)
		}
	}
}

func TestSubgraphErrors(t *testing.T) {
	bad := func(n graph.Node, why string, in ...*tensor.Tensor) {
		t.Helper()
		wantError(t, optest.Sample{Node: n, In: in}, why)
	}
	bad(branches(), "want one bool", tensor.Vec(true, false))
	bad(graph.Node{Op: "If"}, "else_branch is missing", tensor.Scalar(false))
	bad(counting(), "want 2", tensor.Scalar[int64](9), nil)
	bad(counting(), "want one int64", tensor.Vec[int64](1, 2), nil, seq())
	bad(running(graph.Attrs{}), "body has 2 inputs, want 1", seq(2))
	bad(running(graph.Attrs{"scan_input_axes": []int64{2}}), "axis 2", seq(2), seq(3, 2))
	bad(running(graph.Attrs{"scan_output_axes": []int64{0, 0}}), "has 2 elements, want 1", seq(2), seq(3, 2))
}

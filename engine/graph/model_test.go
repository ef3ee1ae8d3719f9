package graph_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// dense is a model x (N x 4) -> Gemm(w, b) -> Relu -> y.
func dense(t *testing.T) *graph.Model {
	t.Helper()
	b := graph.NewBuilder("dense")
	x := b.Input("x", tensor.F32, "N", 4)
	w := b.Param("w", tensor.Of(tensor.Shape{4, 3}, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}))
	bias := b.Param("b", tensor.Vec[float32](-30, 0, 1))
	b.Output(b.Node("relu", "Relu", nil, b.Node("gemm", "Gemm", nil, x, w, bias)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func forward(t *testing.T, m *graph.Model, x *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	s, err := graph.Compile(m, graph.Options{Dims: graph.Dims{"N": x.Dim(0)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(m.Graph.Inputs[0].Name, x); err != nil {
		t.Fatal(err)
	}
	if err := s.Forward(); err != nil {
		t.Fatal(err)
	}
	return s.Tensor(m.Graph.Outputs[0].Name)
}

func TestReplace(t *testing.T) {
	m := dense(t)
	x := tensor.Of(tensor.Shape{2, 4}, []float32{1, 1, 1, 1, 0, 1, 0, -1})
	want := forward(t, m, x).Clone()
	err := m.Replace(m.Graph, m.Graph.Node("gemm"), func(b *graph.Builder, in []graph.Value) ([]graph.Value, error) {
		if s := b.Shape(in[1]); !s.Equal(tensor.Shape{4, 3}) {
			t.Errorf("the builder sees shape %v of w", s)
		}
		left := b.Param("w1", tensor.Of(tensor.Shape{4, 4}, []float32{2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2}))
		right := b.Param("w2", tensor.Of(tensor.Shape{4, 3}, []float32{.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6}))
		return []graph.Value{b.Node("gemm", "Gemm", nil, b.Node("project", "MatMul", nil, in[0], left), right, in[2])}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Graph.Param("w") != nil {
		t.Error("the replaced weight is still there")
	}
	if got := forward(t, m, x); !slices.Equal(got.F32s(), want.F32s()) {
		t.Errorf("after the rewrite %v, want %v", got.F32s(), want.F32s())
	}
}

func TestReplaceFails(t *testing.T) {
	m := dense(t)
	before := describe(m)
	refuse := errors.New("no")
	for name, build := range map[string]func(*graph.Builder, []graph.Value) ([]graph.Value, error){
		"an error":        func(*graph.Builder, []graph.Value) ([]graph.Value, error) { return nil, refuse },
		"too few outputs": func(*graph.Builder, []graph.Value) ([]graph.Value, error) { return nil, nil },
		"a wrong shape": func(b *graph.Builder, in []graph.Value) ([]graph.Value, error) {
			return []graph.Value{b.Node("", "MatMul", nil, in[1], in[1])}, nil
		},
		"an undefined value": func(b *graph.Builder, in []graph.Value) ([]graph.Value, error) {
			b.Append(&graph.Node{Name: "odd", Op: "Relu", In: []graph.Value{"nowhere"}, Out: []graph.Value{"odd"}})
			return []graph.Value{"odd"}, nil
		},
	} {
		if err := m.Replace(m.Graph, m.Graph.Node("gemm"), build); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := describe(m); got != before {
			t.Errorf("%s changed the model to %s", name, got)
		}
	}
}

func describe(m *graph.Model) string {
	var s strings.Builder
	for _, n := range m.Graph.Nodes {
		s.WriteString(n.Name + " " + n.Op + "\n")
	}
	for _, p := range m.Graph.Params {
		s.WriteString(string(p.Name) + " " + p.Shape.String() + "\n")
	}
	return s.String()
}

func TestCheck(t *testing.T) {
	for want, breakIt := range map[string]func(*graph.Graph){
		"used twice":              func(g *graph.Graph) { g.Nodes[1].Name = g.Nodes[0].Name },
		"which nothing before it": func(g *graph.Graph) { slices.Reverse(g.Nodes) },
		"is defined by":           func(g *graph.Graph) { g.Nodes[1].Out[0] = g.Nodes[0].Out[0] },
		"by nothing":              func(g *graph.Graph) { g.Outputs[0].Name = "lost" },
		"has no data":             func(g *graph.Graph) { g.Params[0].Data = nil },
		"is declared":             func(g *graph.Graph) { g.Params[0].Shape = tensor.Shape{12} },
		"without a name":          func(g *graph.Graph) { g.Inputs[0].Name = "" },
	} {
		m := dense(t).DeepClone()
		breakIt(m.Graph)
		if err := m.Check(); !errors.Is(err, graph.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestCompileListsOpaqueNodes(t *testing.T) {
	b := graph.NewBuilder("opaque")
	x := b.Input("x", tensor.F32, 2)
	b.Append(&graph.Node{Name: "a", Op: "Mystery", Domain: "com.example", In: []graph.Value{x}, Out: []graph.Value{"u"}})
	b.Append(&graph.Node{Name: "b", Op: "Riddle", In: []graph.Value{"u"}, Out: []graph.Value{"v"}})
	b.Output("v")
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	_, err = graph.Compile(m, graph.Options{})
	if !errors.Is(err, graph.ErrUnsupported) || !strings.Contains(err.Error(), "com.example.Mystery") || !strings.Contains(err.Error(), "Riddle") {
		t.Errorf("got %v", err)
	}
	if _, _, err := m.Cost(nil); err != nil {
		t.Errorf("a model with opaque nodes cannot be counted: %v", err)
	}
}

func TestSymbolicShapes(t *testing.T) {
	b := graph.NewBuilder("symbols")
	x := b.Input("x", tensor.F32, "N", 3, "L")
	pair := b.Node("pair", "Concat", graph.Attrs{"axis": int64(2)}, x, x)
	b.Output(b.Node("cut", "Slice", nil, pair, b.Ints("from", 1), b.Ints("to", 1<<30), b.Ints("axis", 2)))
	b.Output(b.Node("flat", "Reshape", nil, x, b.Ints("shape", -1)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	shapes, err := m.SymbolicShapes()
	if err != nil {
		t.Fatal(err)
	}
	want := map[graph.Value][]graph.Dim{
		pair:                    {{Sym: "N"}, {N: 3}, {Sym: "2L"}},
		m.Graph.Outputs[0].Name: {{Sym: "N"}, {N: 3}, {Sym: "2L-1"}},
		m.Graph.Outputs[1].Name: {{Sym: "?"}},
	}
	for v, dims := range want {
		if !slices.Equal(shapes[v], dims) {
			t.Errorf("%s has shape %v, want %v", v, shapes[v], dims)
		}
	}
}

// TestIndicesAreNoParameters wants shapes, axes and masks to count in no cost.
func TestIndicesAreNoParameters(t *testing.T) {
	b := graph.NewBuilder("t")
	x := b.Input("x", tensor.F32, 4)
	y := b.Node("y", "Reshape", nil, b.Node("mul", "Mul", nil, x, b.Const("w", tensor.New(tensor.F32, tensor.Shape{4}))), b.Ints("shape", 2, 2))
	b.Output(y)
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	total, byNode, err := m.Cost(nil)
	if err != nil || total.Params != 4 || byNode["y"].Params != 0 {
		t.Errorf("%d parameters, %d of the Reshape, %v; want 4 and 0", total.Params, byNode["y"].Params, err)
	}
}

func TestCost(t *testing.T) {
	total, byNode, err := dense(t).Cost(graph.Dims{"N": 5})
	if err != nil {
		t.Fatal(err)
	}
	if want := (graph.Cost{Params: 15, MACs: 5 * 12, ActivationBytes: 2 * 5 * 3 * 4}); total != want {
		t.Errorf("total %+v, want %+v", total, want)
	}
	if byNode["gemm"].Params != 15 || byNode["relu"].MACs != 0 {
		t.Errorf("by node: %+v", byNode)
	}
}

func TestSortFindsCycles(t *testing.T) {
	g := dense(t).Graph
	slices.Reverse(g.Nodes)
	if err := g.Sort(); err != nil || g.Nodes[0].Name != "gemm" {
		t.Errorf("sorted to %q, %v", g.Nodes[0].Name, err)
	}
	g.Nodes[0].In[0] = g.Nodes[1].Out[0]
	if err := g.Sort(); !errors.Is(err, graph.ErrInvalid) {
		t.Errorf("a cycle gives %v", err)
	}
}

func TestFeedRejects(t *testing.T) {
	s, err := graph.Compile(dense(t), graph.Options{Dims: graph.Dims{"N": 2}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Feed("nobody", tensor.Scalar[float32](1)) == nil || s.Feed("x", tensor.New(tensor.F32, tensor.Shape{3, 4})) == nil {
		t.Error("a wrong feed was taken")
	}
	if _, err := graph.Compile(dense(t), graph.Options{}); err == nil || !strings.Contains(err.Error(), `"N"`) {
		t.Errorf("a missing extent gives %v", err)
	}
}

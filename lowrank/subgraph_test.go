package lowrank

import (
	"context"
	"iter"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// branch is a subgraph with a node fc that multiplies h by w.
func branch(name string, w *tensor.Tensor) *graph.Graph {
	v := graph.Value(name)
	return &graph.Graph{
		Name:    name,
		Nodes:   []*graph.Node{{Name: "fc", Op: "MatMul", In: []graph.Value{"h", v + "/w"}, Out: []graph.Value{v + "/y"}}},
		Params:  []*graph.Param{graph.NewParam(v+"/w", w, true)},
		Outputs: []graph.Port{{Name: v + "/y", DType: w.DType()}},
	}
}

// forked multiplies x, N 16, by one of two matrices: the first where the sum of x is positive.
func forked(t *testing.T, first, second *tensor.Tensor) *graph.Model {
	t.Helper()
	b := graph.NewBuilder("forked")
	b.Node("h", "Abs", nil, b.Input("x", tensor.F32, "N", 16))
	sum := b.Node("sum", "ReduceSum", graph.Attrs{"keepdims": int64(0)}, "x")
	cond := b.Node("cond", "Greater", nil, sum, b.Const("zero", tensor.New(tensor.F32, nil)))
	b.Output(b.Node("if", "If", graph.Attrs{"then_branch": branch("a", first), "else_branch": branch("b", second)}, cond))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// signed yields an input of ones of either sign.
func signed(context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
	return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
		for _, v := range []float32{1, -1} {
			x := f32(7, 3, 16)
			for i, u := range x.F32s() {
				x.F32s()[i] = v * float32(math.Abs(float64(u)))
			}
			if !yield(map[graph.Value]*tensor.Tensor{"x": x}, nil) {
				return
			}
		}
	}
}

// Nodes of two branches have one name. The branch that is found first stays dense; the other gets its factors.
func TestBranchesKeepTheirFactors(t *testing.T) {
	m := forked(t, decayed(1, 16, 16, 0.1), decayed(3, 16, 16, 1))
	out, rep := mustRun(t, m, Config{Method: "svd", Policy: Epsilon{0.01}, Calibration: signed})
	if a, b := rep.Sites[0].Name, rep.Sites[1].Name; a != "if/else_branch/fc" || b != "if/then_branch/fc" {
		t.Errorf("sites %q and %q", a, b)
	}
	for feeds := range signed(context.Background()) {
		want, got := runModel(t, m, feeds["x"]), runModel(t, out, feeds["x"])
		if e := math.Sqrt(distance([][]float64{want}, [][]float64{got})); !(e < 0.05) {
			t.Errorf("the output is off by %g", e)
		}
	}
}

// Names of sites are unique even where those of nodes are not.
func TestSiteNamesAreUnique(t *testing.T) {
	m := mlp(t)
	for _, n := range m.Graph.Nodes {
		if n.Op == "Gemm" {
			n.Name = ""
		}
	}
	sites, err := Find(m, Selection{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"gemm", "gemm_2", "gemm_3"} {
		if sites[i].Name != want {
			t.Errorf("site %d is called %q, want %q", i, sites[i].Name, want)
		}
	}
}

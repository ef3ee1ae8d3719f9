package lowrank

import (
	"context"
	"errors"
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

// looped multiplies x, N 16, by one matrix three times.
func looped(t *testing.T) *graph.Model {
	t.Helper()
	b := graph.NewBuilder("looped")
	x := b.Input("x", tensor.F32, "N", 16)
	b.Param("w", decayed(5, 16, 16, 0.5))
	body := &graph.Graph{
		Name: "body",
		Inputs: []graph.Port{{Name: "trip", DType: tensor.I64, Shape: []graph.Dim{}}, {Name: "on", DType: tensor.Bool, Shape: []graph.Dim{}},
			{Name: "state", DType: tensor.F32, Shape: []graph.Dim{{Sym: "N"}, {N: 16}}}},
		Nodes: []*graph.Node{{Name: "fc", Op: "MatMul", In: []graph.Value{"state", "w"}, Out: []graph.Value{"next"}},
			{Name: "again", Op: "Identity", In: []graph.Value{"on"}, Out: []graph.Value{"still"}}},
		Outputs: []graph.Port{{Name: "still", DType: tensor.Bool}, {Name: "next", DType: tensor.F32}},
	}
	trips, on := b.Const("trips", tensor.Scalar(int64(3))), b.Const("yes", tensor.Scalar(true))
	b.Output(b.Node("loop", "Loop", graph.Attrs{"body": body}, trips, on, x))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What subgraphs multiply is counted as often as they run, of branches the dearest, in plans too.
func TestSubgraphMACs(t *testing.T) {
	branches := forked(t, decayed(1, 16, 16, 0.9), decayed(3, 16, 16, 0.3))
	for _, c := range []struct {
		m    *graph.Model
		p    RankPolicy
		most int64
		site int64 // of the first site's MACs
	}{
		{branches, FixedRank{Ranks{3}}, 96, 96},
		{branches, Budget{MACs, 200}, 200, 0},
		{looped(t), FixedRank{Ranks{3}}, 3 * 96, 3 * 96},
		{looped(t), Budget{MACs, 500}, 500, 3 * 160},
	} {
		conf := Config{Method: "svd", Policy: c.p}
		out, rep := mustRun(t, c.m, conf)
		conf.DryRun = true
		_, dry := mustRun(t, c.m, conf)
		cost, _, err := out.Cost(out.Graph.Uniform(1))
		if err != nil {
			t.Fatal(err)
		}
		if cost.MACs != *rep.MACsAfter || cost.MACs != *dry.MACsAfter || cost.MACs > c.most || cost.MACs < c.most/2 {
			t.Errorf("%v: %d MACs, reported %d, dry %d; want at most %d", c.p, cost.MACs, *rep.MACsAfter, *dry.MACsAfter, c.most)
		}
		if got := *rep.Sites[0].MACsAfter; c.site != 0 && got != c.site {
			t.Errorf("%v: %d MACs of the site, want %d", c.p, got, c.site)
		}
	}
	if _, _, err := Run(context.Background(), branches, Config{Method: "svd", Policy: Budget{MACs, 20}}); !errors.Is(err, ErrBudget) {
		t.Errorf("an impossible budget: %v", err)
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

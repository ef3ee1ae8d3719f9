package op

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// TestCostOfSubgraphs counts the products of a body: the costliest branch, the
// constant condition's branch, all steps of a scan and all trips of a loop.
func TestCostOfSubgraphs(t *testing.T) {
	weight := func(k int) *graph.Node { return constant("w", tensor.New(tensor.F32, tensor.Shape{4, k})) }
	product := func(k int) *graph.Graph { // 2 x 4 by 4 x k
		return &graph.Graph{Name: "product", Nodes: []*graph.Node{weight(k), {Name: "mm", Op: "MatMul", In: list("x", "w"), Out: list("y")}},
			Outputs: []graph.Port{{Name: "y", DType: tensor.F32}}}
	}
	step := product(4)
	step.Inputs = []graph.Port{{Name: "x", DType: tensor.F32}}
	trip := product(4)
	trip.Inputs = []graph.Port{{Name: "i", DType: tensor.I64}, {Name: "c", DType: tensor.Bool}, {Name: "x", DType: tensor.F32}}
	trip.Outputs = append([]graph.Port{{Name: "c", DType: tensor.Bool}}, trip.Outputs...)
	branches := func(cond graph.Value) *graph.Node {
		return &graph.Node{Op: "If", In: list(cond), Attrs: graph.Attrs{"then_branch": product(3), "else_branch": product(5)}}
	}
	for _, c := range []struct {
		name string
		node *graph.Node
		macs int64
		out  tensor.Shape // nil when it is not known
	}{
		{"either branch", branches("cond"), 2 * 4 * 5, nil},
		{"the constant condition's branch", branches("yes"), 2 * 4 * 3, tensor.Shape{2, 3}},
		{"steps", &graph.Node{Op: "Scan", In: list("xs"), Attrs: graph.Attrs{"num_scan_inputs": int64(1), "body": step}}, 7 * 2 * 4 * 4, tensor.Shape{7, 2, 4}},
		{"trips", &graph.Node{Op: "Loop", In: list("three", "", "x"), Attrs: graph.Attrs{"body": trip}}, 3 * 2 * 4 * 4, nil},
	} {
		c.node.Name, c.node.Out = "n", list("out")
		dims := func(n ...int) (ds []graph.Dim) {
			for _, d := range n {
				ds = append(ds, graph.Dim{N: d})
			}
			return ds
		}
		g := &graph.Graph{Name: "g", Nodes: []*graph.Node{constant("yes", tensor.Scalar(true)), constant("three", tensor.Scalar(int64(3))), c.node},
			Inputs: []graph.Port{{Name: "cond", DType: tensor.Bool, Shape: dims()}, {Name: "x", DType: tensor.F32, Shape: dims(2, 4)}, {Name: "xs", DType: tensor.F32, Shape: dims(7, 2, 4)}}}
		g.Nodes[0].Name, g.Nodes[1].Name = "yes", "three"
		inf, err := (&graph.Model{Graph: g}).Infer(nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := inf.ByNode["n"].MACs; got != c.macs || inf.Total.MACs != c.macs {
			t.Errorf("%s: %d MACs, in total %d, want %d", c.name, got, inf.Total.MACs, c.macs)
		}
		sub := inf.Bodies[c.node][0]
		more := map[*graph.Node]int64{sub.Graph.Nodes[1]: 1000}
		if got, want := inf.MACs(nil), c.macs; got != want {
			t.Errorf("%s: %d MACs, want %d", c.name, got, want)
		}
		if got, want := inf.MACs(more), 1000+sub.Inferred.Total.MACs*int64(sub.Times); got != want {
			t.Errorf("%s: %d MACs when the first subgraph does more, want %d", c.name, got, want)
		}
		if got := inf.Specs["out"].Shape; !got.Equal(c.out) {
			t.Errorf("%s: output %v, want %v", c.name, got, c.out)
		}
	}
}

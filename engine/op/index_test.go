package op

import (
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func axisNode(op string, axis int64) graph.Node {
	return graph.Node{Op: op, Attrs: graph.Attrs{"axis": axis}}
}

func init() {
	optest.Add(
		optest.Sample{Name: "rows", Node: axisNode("Gather", 0), In: optest.In(seq(3, 2), i64s(2, 0, -1)), Want: optest.In(vals([]int{3, 2}, 4, 5, 0, 1, 4, 5))},
		optest.Sample{Name: "columns", Node: axisNode("Gather", -1), In: optest.In(seq(2, 3), tensor.Of(tensor.Shape{2, 2}, []int32{0, 2, 1, 1})),
			Want: optest.In(vals([]int{2, 2, 2}, 0, 2, 1, 1, 3, 5, 4, 4))},
		optest.Sample{Name: "scalar index", Node: axisNode("Gather", 1), In: optest.In(optest.Vals(2, 3, 4), tensor.Scalar[int64](-2))},
		optest.Sample{Name: "embedding", Node: axisNode("Gather", 0), In: optest.In(optest.Vals(9, 70), tensor.Of(tensor.Shape{2, 4}, []int64{1, 8, 1, 0, 3, 1, 8, -1}))},
		optest.Sample{Name: "no indices", Node: axisNode("Gather", 0), In: optest.In(optest.Vals(3, 2), i64s()), Want: optest.In(seq(0, 2))},
		optest.Sample{Name: "no elements", Node: axisNode("Gather", 1), In: optest.In(seq(0, 2), i64s(1)), Want: optest.In(seq(0, 1))},
		optest.Sample{Name: "live indices", Node: axisNode("Gather", 0), Live: true, In: optest.In(optest.Vals(4), i64s(3, 3, 0))},
		optest.Sample{Name: "rows", Node: axisNode("GatherElements", 0), In: optest.In(seq(3, 2), tensor.Of(tensor.Shape{2, 2}, []int64{2, -1, 0, 1})),
			Want: optest.In(vals([]int{2, 2}, 4, 5, 0, 3))},
		optest.Sample{Name: "columns", Node: axisNode("GatherElements", 1), In: optest.In(seq(3, 2), tensor.Of(tensor.Shape{2, 3}, []int64{1, 1, 0, 0, 1, -1})),
			Want: optest.In(vals([]int{2, 3}, 1, 1, 0, 2, 3, 3))},
		optest.Sample{Name: "middle", Node: axisNode("GatherElements", -2), In: optest.In(optest.Vals(2, 3, 4), tensor.Of(tensor.Shape{2, 4, 3}, []int32{
			0, 1, 2, 2, 1, 0, 0, 0, 0, 1, 1, -1, 2, 0, 1, 1, 2, 0, -3, -2, -1, 0, 1, 2}))},
		optest.Sample{Name: "vector", Node: axisNode("GatherElements", 0), In: optest.In(optest.Vals(4), i64s(3, 3, 0, -1, 2))},
		optest.Sample{Name: "empty", Node: axisNode("GatherElements", 0), In: optest.In(optest.Vals(4), i64s()), Want: optest.In(seq(0))},
	)
	moveTypes(axisNode("Gather", 0), optest.In(i64s(5, -2, 0)), 5, 4, 0)
	moveTypes(axisNode("GatherElements", 0), optest.In(i64s(5, -2, 0)), 5, 4, 0)
}

func TestIndexErrors(t *testing.T) {
	bad := func(node graph.Node, why string, in ...*tensor.Tensor) {
		t.Helper()
		wantError(t, optest.Sample{Node: node, In: in}, why)
	}
	bad(axisNode("Gather", 0), "index 3 at element 1 is outside [-3, 3)", seq(3), i64s(0, 3))
	bad(axisNode("Gather", 0), "outside [0, 0)", seq(0), i64s(0))
	bad(axisNode("Gather", 0), "axis 0 is outside", seq(), i64s(0))
	bad(axisNode("Gather", 0), "want int64 or int32", seq(3), seq(1))
	bad(axisNode("GatherElements", 0), "index -4 at", seq(3), i64s(-4))
	bad(axisNode("GatherElements", 0), "want at most 1", seq(2, 1), tensor.New(tensor.I64, tensor.Shape{1, 2}))
	bad(axisNode("GatherElements", 0), "the indices have 1 axes", seq(2, 1), i64s(0))
	bad(graph.Node{Op: "Range"}, "delta is 0", i64s(0), i64s(1), i64s(0))
	bad(graph.Node{Op: "Range"}, "want 1", i64s(0, 1), i64s(1), i64s(1))
	bad(graph.Node{Op: "OneHot"}, "negative", i64s(0), i64s(-1), i64s(0, 1))
	bad(graph.Node{Op: "OneHot"}, "two values", i64s(0), i64s(1), i64s(0))
}

func init() {
	scalar := tensor.Scalar[int64]
	all := []int{0, 1, 2}
	node := graph.Node{Op: "Range"}
	optest.Add(
		optest.Sample{Name: "up", Node: node, In: optest.In(scalar(1), scalar(6), scalar(2)), Want: optest.In(i64s(1, 3, 5))},
		optest.Sample{Name: "down", Node: node, In: optest.In(scalar(10), scalar(4), scalar(-3)), Want: optest.In(i64s(10, 7))},
		optest.Sample{Name: "nothing", Node: node, In: optest.In(scalar(1), scalar(0), scalar(1)), Want: optest.In(i64s())},
		optest.Sample{Name: "int16", Node: node, In: optest.In(tensor.Vec[int16](-1), tensor.Vec[int16](1), tensor.Vec[int16](1)), Want: optest.In(tensor.Vec[int16](-1, 0))},
		optest.Sample{Name: "floats", Node: node, Const: all, NoGrad: true, In: optest.In(tensor.Scalar(0.5), tensor.Scalar(2.), tensor.Scalar(0.5)),
			Want: optest.In(tensor.Vec(0.5, 1, 1.5))},
	)
	hot := func(axis int64) graph.Node { return axisNode("OneHot", axis) }
	two := tensor.Vec(2., 5.)
	optest.Add(
		optest.Sample{Name: "last", Node: hot(-1), Const: []int{2}, In: optest.In(i64s(1, -1, 3), scalar(3), two),
			Want: optest.In(vals([]int{3, 3}, 2, 5, 2, 2, 2, 5, 2, 2, 2))},
		optest.Sample{Name: "first", Node: hot(0), Const: []int{2}, In: optest.In(i64s(1, 0), i64s(3), two),
			Want: optest.In(vals([]int{3, 2}, 2, 5, 5, 2, 2, 2))},
		optest.Sample{Name: "middle", Node: hot(1), Const: []int{2}, NoGrad: true, In: optest.In(tensor.Of(tensor.Shape{2, 2}, []float64{0, 1, 1, 0}), scalar(2), two),
			Want: optest.In(vals([]int{2, 2, 2}, 5, 2, 2, 5, 2, 5, 5, 2))},
		optest.Sample{Name: "scalar", Node: hot(0), In: optest.In(scalar(1), scalar(2), tensor.Vec("no", "yes")), Want: optest.In(tensor.Vec("no", "yes"))},
		optest.Sample{Name: "bools", Node: hot(0), In: optest.In(tensor.Scalar[uint8](1), scalar(2), tensor.Vec(false, true)), Want: optest.In(tensor.Vec(false, true))},
		optest.Sample{Name: "depth 0", Node: hot(0), In: optest.In(i64s(1, 2), scalar(0), i64s(0, 1)), Want: optest.In(tensor.New(tensor.I64, tensor.Shape{0, 2}))},
	)
}

func init() {
	pad := func(mode string) graph.Node { return graph.Node{Op: "Pad", Attrs: graph.Attrs{"mode": mode}} }
	plain := graph.Node{Op: "Pad"}
	image := func() *tensor.Tensor { return optest.Vals(2, 2, 4, 5) }
	around := i64s(0, 0, 1, 2, 0, 0, 3, 1)
	optest.Add(
		optest.Sample{Name: "zeros", Node: plain, In: optest.In(seq(2, 2), i64s(0, 1, 1, 0)), Want: optest.In(vals([]int{3, 3}, 0, 0, 1, 0, 2, 3, 0, 0, 0))},
		optest.Sample{Name: "value", Node: plain, In: optest.In(seq(2), i64s(2, 1), tensor.Scalar(9.)), Want: optest.In(vals([]int{5}, 9, 9, 0, 1, 9))},
		optest.Sample{Name: "edge", Node: pad("edge"), In: optest.In(vals([]int{3}, 1, 2, 3), i64s(2, 1)), Want: optest.In(vals([]int{6}, 1, 1, 1, 2, 3, 3))},
		optest.Sample{Name: "reflect", Node: pad("reflect"), In: optest.In(vals([]int{3}, 1, 2, 3), i64s(2, 1)), Want: optest.In(vals([]int{6}, 3, 2, 1, 2, 3, 2))},
		optest.Sample{Name: "reflect twice", Node: pad("reflect"), In: optest.In(vals([]int{2}, 1, 2), i64s(3, 2)), Want: optest.In(vals([]int{7}, 2, 1, 2, 1, 2, 1, 2))},
		optest.Sample{Name: "wrap", Node: pad("wrap"), In: optest.In(vals([]int{3}, 1, 2, 3), i64s(4, 1)), Want: optest.In(vals([]int{8}, 3, 1, 2, 3, 1, 2, 3, 1))},
		optest.Sample{Name: "negative", Node: plain, In: optest.In(seq(4), i64s(-1, -2)), Want: optest.In(vals([]int{1}, 1))},
		optest.Sample{Name: "negative edge", Node: pad("edge"), In: optest.In(seq(4), i64s(-2, 2)), Want: optest.In(vals([]int{4}, 2, 3, 3, 3))},
		optest.Sample{Name: "axes", Node: plain, In: optest.In(seq(2, 2), i64s(1, 0), nil, i64s(-1)), Want: optest.In(vals([]int{2, 3}, 0, 0, 1, 0, 2, 3))},
		optest.Sample{Name: "attribute", Node: graph.Node{Op: "Pad", Attrs: graph.Attrs{"pads": []int64{1, 0}}}, In: optest.In(seq(2)), Want: optest.In(vals([]int{3}, 0, 0, 1))},
		optest.Sample{Name: "image", Node: plain, In: optest.In(image(), around)},
		optest.Sample{Name: "image with a value", Node: plain, In: optest.In(image(), i64s(1, 0, -1, 2, 0, 1, 3, -1), tensor.Scalar(0.3))},
		optest.Sample{Name: "image edge", Node: pad("edge"), In: optest.In(image(), around)},
		optest.Sample{Name: "image reflect", Node: pad("reflect"), In: optest.In(image(), around)},
		optest.Sample{Name: "image wrap", Node: pad("wrap"), In: optest.In(image(), i64s(1, 0, 1, -2, 0, 0, 5, 1))},
		optest.Sample{Name: "scalar", Node: plain, In: optest.In(seq(), i64s()), Want: optest.In(seq())},
		optest.Sample{Name: "empty", Node: plain, In: optest.In(seq(0), i64s(1, 1), tensor.Scalar(4.)), Want: optest.In(vals([]int{2}, 4, 4))},
		optest.Sample{Name: "strings", Node: plain, In: optest.In(tensor.Vec("a"), i64s(1, 0)), Want: optest.In(tensor.Vec("", "a"))},
		optest.Sample{Name: "bools", Node: plain, In: optest.In(tensor.Vec(false), i64s(1, 0), tensor.Scalar(true)), Want: optest.In(tensor.Vec(true, false))},
	)
}

func TestPadErrors(t *testing.T) {
	bad := func(node graph.Node, why string, in ...*tensor.Tensor) {
		t.Helper()
		wantError(t, optest.Sample{Node: node, In: in}, why)
	}
	plain := graph.Node{Op: "Pad"}
	bad(plain, "two for each", seq(2), i64s(1))
	bad(plain, "leaves nothing", seq(2), i64s(-2, -1))
	bad(plain, "too large", seq(2), i64s(math.MaxInt64, 0))
	bad(plain, "twice", seq(2, 2), i64s(1, 1, 1, 1), nil, i64s(0, 0))
	bad(plain, "padding value", seq(2), i64s(1, 1), i64s(0))
	bad(graph.Node{Op: "Pad", Attrs: graph.Attrs{"mode": "mirror"}}, "want constant", seq(2), i64s(1, 1))
	bad(graph.Node{Op: "Pad", Attrs: graph.Attrs{"mode": "edge"}}, "without elements", seq(0), i64s(1, 1))
}

package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	node := graph.Node{Op: "GatherND"}
	batched := graph.Node{Op: "GatherND", Attrs: graph.Attrs{"batch_dims": int64(1)}}
	idx := func(dims []int, v ...int64) *tensor.Tensor { return tensor.Of(dims, v) }
	optest.Add(
		optest.Sample{Name: "elements", Node: node, In: optest.In(seq(2, 2), idx([]int{2, 2}, 0, 0, 1, -1)), Want: optest.In(vals([]int{2}, 0, 3))},
		optest.Sample{Name: "rows", Node: node, In: optest.In(seq(2, 2), idx([]int{2, 1}, 1, 0)), Want: optest.In(vals([]int{2, 2}, 2, 3, 0, 1))},
		optest.Sample{Name: "batches", Node: batched, In: optest.In(seq(2, 2, 2), idx([]int{2, 1}, 1, 0)), Want: optest.In(vals([]int{2, 2}, 2, 3, 4, 5))},
		optest.Sample{Name: "twice", Node: node, In: optest.In(optest.Vals(3, 2, 4), idx([]int{2, 2, 1}, 1, 2, 1, 1))},
		optest.Sample{Name: "batches twice", Node: batched, In: optest.In(optest.Vals(2, 3, 2), idx([]int{2, 3, 2}, 0, 1, 2, 0, 0, 1, 1, 1, 1, 1, 0, 0))},
		optest.Sample{Name: "no indices", Node: node, In: optest.In(seq(2), idx([]int{0, 1})), Want: optest.In(seq(0))},
		optest.Sample{Name: "empty tuple", Node: node, In: optest.In(seq(2), idx([]int{2, 0})), Want: optest.In(vals([]int{2, 2}, 0, 1, 0, 1))},
		optest.Sample{Name: "strings", Node: node, In: optest.In(tensor.Vec("a", "b"), idx([]int{1, 1}, 1)), Want: optest.In(tensor.Vec("b"))},
	)
}

func reductionNode(op, reduction string) graph.Node {
	return graph.Node{Op: op, Attrs: graph.Attrs{"reduction": reduction}}
}

func init() {
	rows := axisNode("ScatterElements", 0)
	idx := tensor.Of(tensor.Shape{2, 3}, []int64{1, 0, 2, 0, 2, -2})
	optest.Add(
		optest.Sample{Name: "rows", Node: rows, In: optest.In(tensor.New(tensor.F64, tensor.Shape{3, 3}), idx, vals([]int{2, 3}, 1, 2, 3, 4, 5, 6)),
			Want: optest.In(vals([]int{3, 3}, 4, 2, 0, 1, 0, 6, 0, 5, 3))},
		optest.Sample{Name: "columns", Node: axisNode("ScatterElements", -1), In: optest.In(optest.Vals(2, 5), tensor.Of(tensor.Shape{2, 2}, []int32{1, 3, 0, -1}), optest.Vals2(2, 2))},
		optest.Sample{Name: "part", Node: axisNode("ScatterElements", 1), In: optest.In(optest.Vals(3, 4, 2), tensor.Of(tensor.Shape{2, 2, 1}, []int64{1, 3, 0, 2}), optest.Vals2(2, 2, 1))},
		optest.Sample{Name: "last one stays", Node: rows, In: optest.In(optest.Vals(3), i64s(1, 1, 0, 1), vals([]int{4}, 5, 6, 7, 8))},
		optest.Sample{Name: "add", Node: reductionNode("ScatterElements", "add"), In: optest.In(optest.Vals(3, 2), tensor.Of(tensor.Shape{2, 2}, []int64{1, 1, 1, 0}), optest.Vals2(2, 2))},
		optest.Sample{Name: "nothing", Node: rows, In: optest.In(seq(3), i64s(), seq(0)), Want: optest.In(seq(3))},
		optest.Sample{Name: "strings", Node: rows, In: optest.In(tensor.Vec("a", "b"), i64s(-1), tensor.Vec("z")), Want: optest.In(tensor.Vec("a", "z"))},
		optest.Sample{Name: "float16", Node: reductionNode("ScatterElements", "add"), In: optest.In(tensor.Vec(tensor.ToFloat16(1), tensor.ToFloat16(2)), i64s(0, 0),
			tensor.Vec(tensor.ToFloat16(3), tensor.ToFloat16(4))), Want: optest.In(tensor.Vec(8., 2))},
	)
	nd := graph.Node{Op: "ScatterND"}
	tuples := func(dims []int, v ...int64) *tensor.Tensor { return tensor.Of(dims, v) }
	optest.Add(
		optest.Sample{Name: "elements", Node: nd, In: optest.In(seq(4), tuples([]int{2, 1}, 3, -4), vals([]int{2}, 8, 9)), Want: optest.In(vals([]int{4}, 9, 1, 2, 8))},
		optest.Sample{Name: "slices", Node: nd, In: optest.In(optest.Vals(4, 3, 5), tuples([]int{2, 1}, 2, 0), optest.Vals2(2, 3, 5))},
		optest.Sample{Name: "rows", Node: nd, In: optest.In(optest.Vals(4, 3, 2), tuples([]int{2, 2, 2}, 2, 0, 1, 1, 3, 2, 0, -1), optest.Vals2(2, 2, 2))},
		optest.Sample{Name: "last one stays", Node: nd, In: optest.In(optest.Vals(3, 2), tuples([]int{3, 1}, 1, 0, 1), optest.Vals2(3, 2))},
		optest.Sample{Name: "add", Node: reductionNode("ScatterND", "add"), In: optest.In(optest.Vals(3, 2), tuples([]int{3, 1}, 1, 0, 1), optest.Vals2(3, 2))},
		optest.Sample{Name: "bools", Node: nd, In: optest.In(tensor.Vec(false, false), tuples([]int{1, 1}, 1), tensor.Vec(true)), Want: optest.In(tensor.Vec(false, true))},
	)
	for r, want := range map[string]int64{"add": -3, "mul": -100, "max": 5, "min": -10} {
		x, at, up := i64s(1, 2, 3), i64s(1, 1), i64s(5, -10)
		optest.Add(
			optest.Sample{Name: "int64 " + r, Node: reductionNode("ScatterElements", r), In: optest.In(x, at, up), Want: optest.In(i64s(1, want, 3))},
			optest.Sample{Name: "int64 " + r, Node: reductionNode("ScatterND", r), In: optest.In(x, at.View(tensor.Shape{2, 1}), up), Want: optest.In(i64s(1, want, 3))},
		)
		if r != "add" {
			optest.Add(optest.Sample{Name: "floats " + r, Node: reductionNode("ScatterElements", r), NoGrad: true, In: optest.In(optest.Vals(3), i64s(1, 1), optest.Vals2(2))})
		}
	}
}

func init() {
	topk := func(attrs graph.Attrs) graph.Node { return graph.Node{Op: "TopK", Attrs: attrs} }
	no := int64(0)
	m := vals([]int{2, 4}, 1, 4, 4, 3, -1, 7, 0, 9)
	nan := math.NaN()
	optest.Add(
		optest.Sample{Name: "largest", Node: topk(nil), NOut: 2, In: optest.In(m, i64s(3)), Grad: []bool{false},
			Want: optest.In(vals([]int{2, 3}, 4, 4, 3, 9, 7, 0), tensor.Of(tensor.Shape{2, 3}, []int64{1, 2, 3, 3, 1, 2}))},
		optest.Sample{Name: "smallest", Node: topk(graph.Attrs{"largest": no}), NOut: 2, In: optest.In(m, i64s(2)), Grad: []bool{false},
			Want: optest.In(vals([]int{2, 2}, 1, 3, -1, 0), tensor.Of(tensor.Shape{2, 2}, []int64{0, 3, 0, 2}))},
		optest.Sample{Name: "columns", Node: topk(graph.Attrs{"axis": no}), NOut: 2, In: optest.In(m, i64s(1)), Grad: []bool{false},
			Want: optest.In(vals([]int{1, 4}, 1, 7, 4, 9), tensor.Of(tensor.Shape{1, 4}, []int64{0, 1, 0, 1}))},
		optest.Sample{Name: "all", Node: topk(graph.Attrs{"axis": int64(1)}), NOut: 2, In: optest.In(optest.Vals(3, 11, 2), i64s(11))},
		optest.Sample{Name: "gradient", Node: topk(nil), NOut: 2, In: optest.In(optest.Vals(5, 13), i64s(4))},
		optest.Sample{Name: "indices omitted", Node: topk(nil), NOut: 2, Skip: []int{1}, In: optest.In(optest.Vals(9), i64s(4))},
		optest.Sample{Name: "indices only", Node: topk(nil), NOut: 2, Skip: []int{0}, In: optest.In(m, i64s(1)), Grad: []bool{false}, Want: optest.In(nil, tensor.Of(tensor.Shape{2, 1}, []int64{1, 3}))},
		optest.Sample{Name: "none", Node: topk(nil), NOut: 2, In: optest.In(optest.Vals(4), i64s(0))},
		optest.Sample{Name: "NaN", Node: topk(graph.Attrs{"largest": no}), NOut: 2, In: optest.In(tensor.Vec(nan, 2., 1), i64s(3)), Grad: []bool{false},
			Want: optest.In(tensor.Vec(1., 2, nan), i64s(2, 1, 0))},
		optest.Sample{Name: "uint8", Node: topk(nil), NOut: 2, In: optest.In(tensor.Vec[uint8](1, 200, 3), i64s(2)), Want: optest.In(tensor.Vec[uint8](200, 3), i64s(1, 2))},
		optest.Sample{Name: "float16", Node: topk(nil), NOut: 2, In: optest.In(tensor.Vec(tensor.ToFloat16(1), tensor.ToFloat16(2)), i64s(1)), Want: optest.In(tensor.Vec(2.), i64s(1))},
	)
}

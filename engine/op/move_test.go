package op

import (
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// vals is a float64 tensor of a shape.
func vals(dims []int, v ...float64) *tensor.Tensor { return tensor.Of(dims, v) }

func init() {
	perm := func(p ...int64) graph.Node { return graph.Node{Op: "Transpose", Attrs: graph.Attrs{"perm": p}} }
	reverse := graph.Node{Op: "Transpose"}
	optest.Add(
		optest.Sample{Name: "matrix", Node: reverse, In: optest.In(seq(2, 3)), Want: optest.In(vals([]int{3, 2}, 0, 3, 1, 4, 2, 5))},
		optest.Sample{Name: "blocks", Node: reverse, In: optest.In(optest.Vals(37, 41))},
		optest.Sample{Name: "wide", Node: reverse, In: optest.In(optest.Vals(270, 6))},
		optest.Sample{Name: "batches of blocks", Node: perm(0, 2, 1), In: optest.In(optest.Vals(3, 18, 19))},
		optest.Sample{Name: "channels last", Node: perm(0, 2, 3, 1), In: optest.In(optest.Vals(2, 5, 9, 8))},
		optest.Sample{Name: "heads", Node: perm(0, 2, 1, 3), In: optest.In(optest.Vals(2, 3, 4, 5))},
		optest.Sample{Name: "reversed blocks", Node: perm(3, 1, 0, 2), In: optest.In(optest.Vals(2, 3, 20, 17))},
		optest.Sample{Name: "view", Node: perm(1, 0, 2), In: optest.In(seq(3, 1, 2)), Want: optest.In(seq(1, 3, 2))},
		optest.Sample{Name: "scalar", Node: reverse, In: optest.In(seq()), Want: optest.In(seq())},
		optest.Sample{Name: "empty", Node: reverse, In: optest.In(seq(2, 0, 3)), Want: optest.In(seq(3, 0, 2))},
		optest.Sample{Name: "strings", Node: reverse, In: optest.In(tensor.Of(tensor.Shape{2, 2}, []string{"a", "b", "c", "d"})),
			Want: optest.In(tensor.Of(tensor.Shape{2, 2}, []string{"a", "c", "b", "d"}))},
		optest.Sample{Name: "uint8", Node: reverse, In: optest.In(tensor.Of(tensor.Shape{2, 2}, []uint8{1, 2, 3, 4})),
			Want: optest.In(tensor.Of(tensor.Shape{2, 2}, []uint8{1, 3, 2, 4}))},
	)
}

func init() {
	concat := func(axis int64) graph.Node { return graph.Node{Op: "Concat", Attrs: graph.Attrs{"axis": axis}} }
	optest.Add(
		optest.Sample{Name: "rows", Node: concat(0), In: optest.In(vals([]int{1, 2}, 1, 2), vals([]int{2, 2}, 3, 4, 5, 6)), Want: optest.In(vals([]int{3, 2}, 1, 2, 3, 4, 5, 6))},
		optest.Sample{Name: "columns", Node: concat(-1), In: optest.In(vals([]int{2, 1}, 1, 2), vals([]int{2, 2}, 3, 4, 5, 6)), Want: optest.In(vals([]int{2, 3}, 1, 3, 4, 2, 5, 6))},
		optest.Sample{Name: "channels", Node: concat(1), In: optest.In(optest.Vals(2, 3, 4), optest.Vals2(2, 1, 4), optest.Pos(2, 2, 4))},
		optest.Sample{Name: "one", Node: concat(0), In: optest.In(optest.Vals(3))},
		optest.Sample{Name: "empty", Node: concat(0), In: optest.In(seq(0), vals([]int{1}, 7), seq(0)), Want: optest.In(vals([]int{1}, 7))},
		optest.Sample{Name: "strings", Node: concat(0), In: optest.In(tensor.Vec("a"), tensor.Vec("b", "c")), Want: optest.In(tensor.Vec("a", "b", "c"))},
		optest.Sample{Name: "int64", Node: concat(0), In: optest.In(i64s(1), i64s(2)), Want: optest.In(i64s(1, 2))},
	)
	split := func(attrs graph.Attrs) graph.Node { return graph.Node{Op: "Split", Attrs: attrs} }
	optest.Add(
		optest.Sample{Name: "equal", Node: split(nil), NOut: 2, In: optest.In(seq(4)), Want: optest.In(seq(2), vals([]int{2}, 2, 3))},
		optest.Sample{Name: "uneven", Node: split(graph.Attrs{"num_outputs": int64(3)}), NOut: 3, In: optest.In(seq(7)),
			Want: optest.In(seq(3), vals([]int{3}, 3, 4, 5), vals([]int{1}, 6))},
		optest.Sample{Name: "given", Node: split(graph.Attrs{"axis": int64(-1)}), NOut: 2, In: optest.In(seq(2, 3), i64s(1, 2)),
			Want: optest.In(vals([]int{2, 1}, 0, 3), vals([]int{2, 2}, 1, 2, 4, 5))},
		optest.Sample{Name: "omitted", Node: split(graph.Attrs{"axis": int64(1)}), NOut: 3, Skip: []int{1}, In: optest.In(optest.Vals(2, 6, 3))},
		optest.Sample{Name: "empty part", Node: split(nil), NOut: 2, In: optest.In(seq(2), i64s(0, 2)), Want: optest.In(seq(0), seq(2))},
		optest.Sample{Name: "strings", Node: split(nil), NOut: 2, In: optest.In(tensor.Vec("a", "b")), Want: optest.In(tensor.Vec("a"), tensor.Vec("b"))},
	)
}

func init() {
	slice := graph.Node{Op: "Slice"}
	least, most := int64(math.MinInt64), int64(math.MaxInt64)
	optest.Add(
		optest.Sample{Name: "two axes", Node: slice, In: optest.In(seq(3, 4), i64s(1, 0), i64s(3, 3)), Want: optest.In(vals([]int{2, 3}, 4, 5, 6, 8, 9, 10))},
		optest.Sample{Name: "steps", Node: slice, In: optest.In(seq(3, 4), i64s(-1), i64s(least), i64s(1), i64s(-2)), Want: optest.In(vals([]int{3, 2}, 3, 1, 7, 5, 11, 9))},
		optest.Sample{Name: "reversed", Node: slice, In: optest.In(seq(4), i64s(-1), i64s(-5), i64s(-1), i64s(-1)), Want: optest.In(vals([]int{4}, 3, 2, 1, 0))},
		optest.Sample{Name: "beyond", Node: slice, In: optest.In(seq(4), i64s(1), i64s(most), i64s(0), i64s(2)), Want: optest.In(vals([]int{2}, 1, 3))},
		optest.Sample{Name: "huge steps", Node: slice, In: optest.In(seq(3, 3), i64s(1, 2), i64s(most, least), i64s(0, 1), i64s(most, least)), Want: optest.In(vals([]int{1, 1}, 5))},
		optest.Sample{Name: "nothing", Node: slice, In: optest.In(seq(4, 2), i64s(3), i64s(1)), Want: optest.In(seq(0, 2))},
		optest.Sample{Name: "empty axis", Node: slice, In: optest.In(seq(0, 2), i64s(0), i64s(1), i64s(0), i64s(-1)), Want: optest.In(seq(0, 2))},
		optest.Sample{Name: "everything", Node: slice, In: optest.In(seq(4, 2), i64s(0), i64s(most)), Want: optest.In(seq(4, 2))},
		optest.Sample{Name: "int32 lists", Node: slice, In: optest.In(optest.Vals(3, 5, 4), tensor.Vec[int32](1), tensor.Vec[int32](-1), tensor.Vec[int32](-2), tensor.Vec[int32](2))},
		optest.Sample{Name: "attributes", Node: graph.Node{Op: "Slice", Attrs: graph.Attrs{"starts": []int64{1}, "ends": []int64{2}}}, In: optest.In(seq(2, 2)), Want: optest.In(vals([]int{1, 2}, 2, 3))},
	)
	moveTypes(slice, optest.In(i64s(5), i64s(0), i64s(0), i64s(-2)), 5, 3, 1)
}

func init() {
	expand, tile := graph.Node{Op: "Expand"}, graph.Node{Op: "Tile"}
	optest.Add(
		optest.Sample{Name: "column", Node: expand, In: optest.In(seq(2, 1), i64s(3)), Want: optest.In(vals([]int{2, 3}, 0, 0, 0, 1, 1, 1))},
		optest.Sample{Name: "both", Node: expand, In: optest.In(optest.Vals(3, 1, 2), i64s(4, 1, 5, 1))},
		optest.Sample{Name: "kept", Node: expand, In: optest.In(seq(2, 2), i64s(1)), Want: optest.In(seq(2, 2))},
		optest.Sample{Name: "scalar", Node: expand, In: optest.In(optest.Vals(), i64s(3, 7))},
		optest.Sample{Name: "empty", Node: expand, In: optest.In(seq(1), i64s(0)), Want: optest.In(seq(0))},
		optest.Sample{Name: "bools", Node: expand, In: optest.In(tensor.Scalar(true), i64s(2)), Want: optest.In(tensor.Vec(true, true))},
		optest.Sample{Name: "strings", Node: expand, In: optest.In(tensor.Scalar("a"), i64s(2)), Want: optest.In(tensor.Vec("a", "a"))},
		optest.Sample{Name: "matrix", Node: tile, In: optest.In(seq(2, 2), i64s(2, 2)),
			Want: optest.In(vals([]int{4, 4}, 0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3))},
		optest.Sample{Name: "middle", Node: tile, In: optest.In(optest.Vals(2, 3, 4), i64s(1, 5, 1))},
		optest.Sample{Name: "once", Node: tile, In: optest.In(optest.Vals(2, 3), i64s(1, 1))},
		optest.Sample{Name: "never", Node: tile, In: optest.In(optest.Vals(2, 3), i64s(1, 0)), Want: optest.In(seq(2, 0))},
		optest.Sample{Name: "scalar", Node: tile, In: optest.In(seq(), i64s()), Want: optest.In(seq())},
		optest.Sample{Name: "strings", Node: tile, In: optest.In(tensor.Vec("a", "b"), i64s(2)), Want: optest.In(tensor.Vec("a", "b", "a", "b"))},
	)
}

func TestMoveErrors(t *testing.T) {
	bad := func(op string, attrs graph.Attrs, why string, in ...*tensor.Tensor) {
		t.Helper()
		wantError(t, optest.Sample{Node: graph.Node{Op: op, Attrs: attrs}, In: in}, why)
	}
	bad("Transpose", graph.Attrs{"perm": []int64{0, 0}}, "no permutation", seq(2, 2))
	bad("Transpose", graph.Attrs{"perm": []int64{0}}, "no permutation", seq(2, 2))
	bad("Concat", nil, "axis is missing", seq(2))
	bad("Concat", graph.Attrs{"axis": int64(0)}, "want 3 as input 0", seq(2, 3), seq(2, 2))
	bad("Concat", graph.Attrs{"axis": int64(0)}, "want 1 as input 0", seq(2), seq(2, 2))
	bad("Split", nil, "add up to", seq(2), i64s(1, 2))
	bad("Split", graph.Attrs{"num_outputs": int64(0)}, "num_outputs", seq(2))
	bad("Slice", nil, "step 0", seq(2), i64s(0), i64s(1), i64s(0), i64s(0))
	bad("Slice", nil, "want as many", seq(2), i64s(0, 1), i64s(1))
	bad("Slice", nil, "no starts", seq(2))
	bad("Expand", nil, "do not broadcast", seq(2), i64s(3))
	bad("Expand", nil, "negative", seq(2), i64s(-2))
	bad("Tile", nil, "repeats for", seq(2), i64s(1, 1))
	bad("Tile", nil, "too many", seq(2), i64s(math.MaxInt64))
}

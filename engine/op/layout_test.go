package op

import (
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	node := func(op string, attrs graph.Attrs) graph.Node { return graph.Node{Op: op, Attrs: attrs} }
	two := graph.Attrs{"blocksize": int64(2)}
	crd := graph.Attrs{"blocksize": int64(2), "mode": "CRD"}
	optest.Add(
		optest.Sample{Name: "DCR", Node: node("DepthToSpace", two), In: optest.In(seq(1, 8, 1, 1)), Want: optest.In(vals([]int{1, 2, 2, 2}, 0, 2, 4, 6, 1, 3, 5, 7))},
		optest.Sample{Name: "CRD", Node: node("DepthToSpace", crd), In: optest.In(seq(1, 8, 1, 1)), Want: optest.In(seq(1, 2, 2, 2))},
		optest.Sample{Name: "maps", Node: node("DepthToSpace", two), In: optest.In(optest.Vals(2, 8, 3, 2))},
		optest.Sample{Name: "no blocks", Node: node("DepthToSpace", graph.Attrs{"blocksize": int64(1)}), In: optest.In(seq(1, 2, 1, 2)), Want: optest.In(seq(1, 2, 1, 2))},
		optest.Sample{Name: "uint8", Node: node("DepthToSpace", two), In: optest.In(tensor.Of(tensor.Shape{1, 4, 1, 1}, []uint8{1, 2, 3, 4})),
			Want: optest.In(tensor.Of(tensor.Shape{1, 1, 2, 2}, []uint8{1, 2, 3, 4}))},
		optest.Sample{Name: "values", Node: node("SpaceToDepth", two), In: optest.In(vals([]int{1, 2, 2, 2}, 0, 2, 4, 6, 1, 3, 5, 7)), Want: optest.In(seq(1, 8, 1, 1))},
		optest.Sample{Name: "maps", Node: node("SpaceToDepth", graph.Attrs{"blocksize": int64(3)}), In: optest.In(optest.Vals(2, 2, 6, 3))},
		optest.Sample{Name: "empty", Node: node("SpaceToDepth", two), In: optest.In(seq(0, 2, 2, 2)), Want: optest.In(seq(0, 8, 1, 1))},
	)

	lower := graph.Attrs{"upper": int64(0)}
	square := seq(3, 3)
	optest.Add(
		optest.Sample{Name: "upper", Node: node("Trilu", nil), In: optest.In(square), Want: optest.In(vals([]int{3, 3}, 0, 1, 2, 0, 4, 5, 0, 0, 8))},
		optest.Sample{Name: "lower", Node: node("Trilu", lower), In: optest.In(square), Want: optest.In(vals([]int{3, 3}, 0, 0, 0, 3, 4, 0, 6, 7, 8))},
		optest.Sample{Name: "upper 1", Node: node("Trilu", nil), In: optest.In(square, tensor.Scalar[int64](1)), Want: optest.In(vals([]int{3, 3}, 0, 1, 2, 0, 0, 5, 0, 0, 0))},
		optest.Sample{Name: "lower -1", Node: node("Trilu", lower), In: optest.In(square, i64s(-1)), Want: optest.In(vals([]int{3, 3}, 0, 0, 0, 3, 0, 0, 6, 7, 0))},
		optest.Sample{Name: "all", Node: node("Trilu", lower), In: optest.In(square, i64s(math.MaxInt64)), Want: optest.In(square)},
		optest.Sample{Name: "nothing", Node: node("Trilu", nil), In: optest.In(square, i64s(math.MaxInt64)), Want: optest.In(tensor.New(tensor.F64, tensor.Shape{3, 3}))},
		optest.Sample{Name: "batch", Node: node("Trilu", nil), Live: true, In: optest.In(optest.Vals(2, 3, 5), i64s(-1))},
		optest.Sample{Name: "empty", Node: node("Trilu", nil), In: optest.In(seq(0, 3)), Want: optest.In(seq(0, 3))},
		optest.Sample{Name: "bools", Node: node("Trilu", nil), In: optest.In(tensor.Of(tensor.Shape{2, 2}, []bool{true, true, true, true})),
			Want: optest.In(tensor.Of(tensor.Shape{2, 2}, []bool{true, true, false, true}))},
	)

	eye := func(k, dtype int64) graph.Node { return node("EyeLike", graph.Attrs{"k": k, "dtype": dtype}) }
	optest.Add(
		optest.Sample{Name: "like", Node: node("EyeLike", nil), NoGrad: true, In: optest.In(seq(2, 3)), Want: optest.In(vals([]int{2, 3}, 1, 0, 0, 0, 1, 0))},
		optest.Sample{Name: "above", Node: eye(2, 6), In: optest.In(tensor.New(tensor.U8, tensor.Shape{2, 3})), Want: optest.In(tensor.Of(tensor.Shape{2, 3}, []int32{0, 0, 1, 0, 0, 0}))},
		optest.Sample{Name: "below", Node: eye(-1, 9), In: optest.In(tensor.New(tensor.U8, tensor.Shape{2, 2})), Want: optest.In(tensor.Of(tensor.Shape{2, 2}, []bool{false, false, true, false}))},
	)

	timeFirst, batchFirst := node("ReverseSequence", nil), node("ReverseSequence", graph.Attrs{"batch_axis": int64(0), "time_axis": int64(1)})
	optest.Add(
		optest.Sample{Name: "time first", Node: timeFirst, In: optest.In(seq(4, 2), i64s(3, 1)), Want: optest.In(vals([]int{4, 2}, 4, 1, 2, 3, 0, 5, 6, 7))},
		optest.Sample{Name: "batch first", Node: batchFirst, In: optest.In(seq(2, 3), i64s(3, 2)), Want: optest.In(vals([]int{2, 3}, 2, 1, 0, 4, 3, 5))},
		optest.Sample{Name: "features", Node: timeFirst, In: optest.In(optest.Vals(4, 3, 2, 2), i64s(2, 4, 0))},
		optest.Sample{Name: "strings", Node: batchFirst, In: optest.In(tensor.Of(tensor.Shape{1, 2}, []string{"a", "b"}), i64s(2)),
			Want: optest.In(tensor.Of(tensor.Shape{1, 2}, []string{"b", "a"}))},
		optest.Sample{Name: "empty", Node: timeFirst, In: optest.In(seq(0, 2), i64s(0, 0)), Want: optest.In(seq(0, 2))},
	)
}

func TestLayoutErrors(t *testing.T) {
	bad := func(op string, attrs graph.Attrs, why string, in ...*tensor.Tensor) {
		t.Helper()
		wantError(t, optest.Sample{Node: graph.Node{Op: op, Attrs: attrs}, In: in}, why)
	}
	bad("DepthToSpace", graph.Attrs{"blocksize": int64(2)}, "no multiple", seq(1, 6, 1, 1))
	bad("DepthToSpace", graph.Attrs{"blocksize": int64(1), "mode": "X"}, "want DCR", seq(1, 6, 1, 1))
	bad("SpaceToDepth", graph.Attrs{"blocksize": int64(2)}, "no multiple", seq(1, 1, 2, 3))
	bad("SpaceToDepth", nil, "blocksize", seq(1, 1, 2, 2))
	bad("Trilu", nil, "want at least 2", seq(2))
	bad("EyeLike", nil, "want a matrix", seq(2))
	bad("ReverseSequence", nil, "outside [0, 2]", seq(2, 1), i64s(3))
	bad("ReverseSequence", nil, "of shape [1]", seq(2, 1), i64s(1, 1))
	bad("TopK", nil, "from 0 to 2", seq(2), i64s(3))
	bad("GatherND", nil, "outside [-2, 2)", seq(2, 2), tensor.Of(tensor.Shape{1, 2}, []int64{0, 2}))
	bad("GatherND", nil, "do not fit", seq(2), tensor.Of(tensor.Shape{1, 2}, []int64{0, 0}))
	bad("ScatterND", nil, "want [1 2]", seq(2, 2), tensor.Of(tensor.Shape{1, 1}, []int64{0}), seq(1, 1))
	bad("ScatterElements", nil, "differ in shape", seq(2), i64s(0), seq(2))
	bad("ScatterElements", graph.Attrs{"reduction": "mean"}, "want none, add", seq(2), i64s(0), seq(1))
	bad("ScatterElements", graph.Attrs{"reduction": "max"}, "not supported", tensor.Vec("a"), i64s(0), tensor.Vec("b"))
	bad("ScatterElements", nil, "outside [-2, 2)", seq(2), i64s(2), seq(1))
}

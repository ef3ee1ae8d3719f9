package op

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	along := func(axis int64) graph.Node { return graph.Node{Op: "Compress", Attrs: graph.Attrs{"axis": axis}} }
	optest.Add(
		optest.Sample{Name: "rows", Node: along(0), In: optest.In(seq(3, 2), tensor.Vec(false, true, true)), Want: optest.In(vals([]int{2, 2}, 2, 3, 4, 5))},
		optest.Sample{Name: "columns", Node: along(-1), In: optest.In(seq(3, 2), tensor.Vec(false, true)), Want: optest.In(vals([]int{3, 1}, 1, 3, 5))},
		optest.Sample{Name: "middle", Node: along(1), In: optest.In(optest.Vals(3, 5, 4), tensor.Vec(true, false, false, true, true))},
		optest.Sample{Name: "elements", Node: graph.Node{Op: "Compress"}, In: optest.In(seq(3, 2), tensor.Vec(false, true, false, false, true)), Want: optest.In(vals([]int{2}, 1, 4))},
		optest.Sample{Name: "nothing", Node: along(0), In: optest.In(seq(3, 2), tensor.Vec(false)), Want: optest.In(seq(0, 2))},
		optest.Sample{Name: "scalar", Node: graph.Node{Op: "Compress"}, In: optest.In(seq(), tensor.Vec(true)), Want: optest.In(seq(1))},
	)
	moveTypes(graph.Node{Op: "Compress"}, optest.In(tensor.Vec(false, true, false, true)), 1, 3)

	crop := graph.Node{Op: "CenterCropPad"}
	axes := graph.Node{Op: "CenterCropPad", Attrs: graph.Attrs{"axes": []int64{-1}}}
	optest.Add(
		optest.Sample{Name: "crop", Node: crop, In: optest.In(seq(3, 4), i64s(1, 2)), Want: optest.In(vals([]int{1, 2}, 5, 6))},
		optest.Sample{Name: "odd crop", Node: axes, In: optest.In(seq(4), i64s(1)), Want: optest.In(vals([]int{1}, 1))},
		optest.Sample{Name: "odd pad", Node: axes, In: optest.In(seq(2), i64s(5)), Want: optest.In(vals([]int{5}, 0, 0, 1, 0, 0))},
		optest.Sample{Name: "both", Node: crop, In: optest.In(optest.Vals(5, 2, 3), i64s(2, 5, 3))},
		optest.Sample{Name: "strings", Node: crop, In: optest.In(tensor.Vec("a"), i64s(3)), Want: optest.In(tensor.Vec("", "a", ""))},
		optest.Sample{Name: "empty", Node: crop, In: optest.In(seq(0), i64s(2)), Want: optest.In(vals([]int{2}, 0, 0))},
	)
}

// boxes are three overlapping pairs.
func boxes() *tensor.Tensor {
	return tensor.Of(tensor.Shape{1, 6, 4}, []float32{0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101})
}

func scored(dims []int, v ...float32) *tensor.Tensor { return tensor.Of(dims, v) }

func init() {
	node := graph.Node{Op: "NonMaxSuppression"}
	center := graph.Node{Op: "NonMaxSuppression", Attrs: graph.Attrs{"center_point_box": int64(1)}}
	s := scored([]int{1, 1, 6}, 0.9, 0.75, 0.6, 0.95, 0.5, 0.3)
	most, half := i64s(3), tensor.Vec[float32](0.5)
	flipped := tensor.Of(tensor.Shape{1, 2, 4}, []float32{1, 1, 0, 0, 0, 0.1, 1, 1.1})
	middle := tensor.Of(tensor.Shape{1, 2, 4}, []float32{0.5, 0.5, 1, 1, 0.5, 0.6, 1, 1})
	two := scored([]int{1, 2, 2}, 0.5, 0.6, 0.8, 0.1)
	optest.Add(
		optest.Sample{Name: "overlap", Node: node, In: optest.In(boxes(), s, most, half, tensor.Vec[float32](0)), Want: optest.In(optest.I64([]int{3, 3}, 0, 0, 3, 0, 0, 0, 0, 0, 5))},
		optest.Sample{Name: "limit", Node: node, In: optest.In(boxes(), s, i64s(2), half), Want: optest.In(optest.I64([]int{2, 3}, 0, 0, 3, 0, 0, 0))},
		optest.Sample{Name: "score", Node: node, In: optest.In(boxes(), s, most, half, tensor.Vec[float32](0.4)), Want: optest.In(optest.I64([]int{2, 3}, 0, 0, 3, 0, 0, 0))},
		optest.Sample{Name: "no limit given", Node: node, In: optest.In(boxes(), s), Want: optest.In(optest.I64([]int{0, 3}))},
		optest.Sample{Name: "flipped corners", Node: node, In: optest.In(flipped, two, most, half), Want: optest.In(optest.I64([]int{2, 3}, 0, 0, 1, 0, 1, 0))},
		optest.Sample{Name: "centers", Node: center, In: optest.In(middle, two, most, half), Want: optest.In(optest.I64([]int{2, 3}, 0, 0, 1, 0, 1, 0))},
	)
}

func TestCompressErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "Compress"}, In: optest.In(seq(2), i64s(1))}, "vector of bools")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Compress"}, In: optest.In(seq(1), tensor.Vec(true, true))}, "2 elements for 1")
	wantError(t, optest.Sample{Node: graph.Node{Op: "CenterCropPad"}, In: optest.In(seq(1), i64s(1, 1))}, "each of 1 axes")
	wantError(t, optest.Sample{Node: graph.Node{Op: "NonMaxSuppression"}, In: optest.In(boxes(), boxes())}, "boxes are float32[1 6 4]")
}

package op

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	unique := func(attrs graph.Attrs) graph.Node { return graph.Node{Op: "Unique", Attrs: attrs} }
	unsorted := graph.Attrs{"sorted": int64(0)}
	rows := graph.Attrs{"axis": int64(0)}
	optest.Add(
		optest.Sample{Name: "sorted", Node: unique(nil), NOut: 4, In: optest.In(vals([]int{6}, 2, 1, 1, 3, 4, 3)),
			Want: optest.In(vals([]int{4}, 1, 2, 3, 4), i64s(1, 0, 3, 4), i64s(1, 0, 0, 2, 3, 2), i64s(2, 1, 2, 1))},
		optest.Sample{Name: "as they come", Node: unique(unsorted), NOut: 4, In: optest.In(tensor.Of([]int{2, 3}, []int64{2, 1, 1, 3, 4, 3})),
			Want: optest.In(i64s(2, 1, 3, 4), i64s(0, 1, 3, 4), i64s(0, 1, 1, 2, 3, 2), i64s(1, 2, 2, 1))},
		optest.Sample{Name: "rows", Node: unique(rows), NOut: 4, In: optest.In(vals([]int{3, 3}, 1, 0, 0, 1, 0, 0, 2, 3, 4)),
			Want: optest.In(vals([]int{2, 3}, 1, 0, 0, 2, 3, 4), i64s(0, 2), i64s(0, 0, 1), i64s(2, 1))},
		optest.Sample{Name: "columns", Node: unique(graph.Attrs{"axis": int64(-1)}), NOut: 4, In: optest.In(tensor.Of([]int{2, 3}, []int8{2, 1, 2, 4, 3, 4})),
			Want: optest.In(tensor.Of([]int{2, 2}, []int8{1, 2, 3, 4}), i64s(1, 0), i64s(1, 0, 1), i64s(1, 2))},
		optest.Sample{Name: "strings", Node: unique(nil), In: optest.In(tensor.Vec("b", "a", "b")), Want: optest.In(tensor.Vec("a", "b"))},
		optest.Sample{Name: "bools", Node: unique(nil), In: optest.In(tensor.Vec(true, false, true)), Want: optest.In(tensor.Vec(false, true))},
		optest.Sample{Name: "float16", Node: unique(nil), In: optest.In(tensor.Vec(tensor.ToFloat16(1), tensor.ToFloat16(-2), tensor.ToFloat16(1))), Want: optest.In(tensor.Vec(tensor.ToFloat16(-2), tensor.ToFloat16(1)))},
		optest.Sample{Name: "scalar", Node: unique(nil), In: optest.In(tensor.Scalar[uint16](7)), Want: optest.In(tensor.Vec[uint16](7))},
		optest.Sample{Name: "empty", Node: unique(nil), NOut: 4, In: optest.In(tensor.Vec[int32]()), Want: optest.In(tensor.Vec[int32](), i64s(), i64s(), i64s())},
	)
	nonZero := graph.Node{Op: "NonZero"}
	optest.Add(
		optest.Sample{Name: "bools", Node: nonZero, In: optest.In(tensor.Of([]int{2, 2}, []bool{true, false, true, true})), Want: optest.In(optest.I64([]int{2, 3}, 0, 1, 1, 0, 0, 1))},
		optest.Sample{Name: "floats", Node: nonZero, NoGrad: true, Const: []int{0}, In: optest.In(vals([]int{4}, 0, -2, 0, 0.25)), Want: optest.In(optest.I64([]int{1, 2}, 1, 3))},
		optest.Sample{Name: "strings", Node: nonZero, In: optest.In(tensor.Vec("", "a")), Want: optest.In(optest.I64([]int{1, 1}, 1))},
		optest.Sample{Name: "scalar", Node: nonZero, In: optest.In(tensor.Scalar[int64](3)), Want: optest.In(optest.I64([]int{0, 1}))},
		optest.Sample{Name: "none", Node: nonZero, In: optest.In(tensor.Vec[uint8](0, 0)), Want: optest.In(optest.I64([]int{1, 0}))},
	)
}

// TestNonZeroLate counts when the value is known only when running.
func TestNonZeroLate(t *testing.T) {
	out, err := optest.RunSession(optest.Sample{Node: graph.Node{Op: "NonZero"}, Live: true, In: optest.In(tensor.Vec[uint8](0, 4))})
	if err != nil || out[0].Len() != 1 || out[0].I64s()[0] != 1 {
		t.Errorf("NonZero: %v, %v, want element 1", out, err)
	}
}

func TestUniqueErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "Unique", Attrs: graph.Attrs{"axis": int64(1)}}, In: optest.In(seq(3))}, "outside [-1, 1)")
}

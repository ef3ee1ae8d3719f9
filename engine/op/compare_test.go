package op

import (
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	a, b := tensor.Vec(1, 2, 3, math.NaN()), tensor.Vec(2., 2, 2, 2)
	for op, want := range map[string][]bool{
		"Equal": {false, true, false, false}, "Greater": {false, false, true, false}, "GreaterOrEqual": {false, true, true, false},
		"Less": {true, false, false, false}, "LessOrEqual": {true, true, false, false},
	} {
		node := graph.Node{Op: op}
		for _, s := range pairShapes {
			optest.Add(optest.Sample{Name: s.name, Node: node, NoGrad: true, In: optest.In(optest.Vals(s.a...), optest.Vals2(s.b...))})
		}
		optest.Add(
			optest.Sample{Name: "values", Node: node, NoGrad: true, In: optest.In(a, b), Want: optest.In(tensor.Vec(want...))},
			optest.Sample{Name: "uint8", Node: node, In: optest.In(tensor.Vec[uint8](1, 2, 200), tensor.Scalar[uint8](2)),
				Want: optest.In(tensor.Vec(want[:3]...))},
			optest.Sample{Name: "bfloat16", Node: node, Want: optest.In(tensor.Vec(want[:2]...)),
				In: optest.In(tensor.Vec(tensor.ToBFloat16(1), tensor.ToBFloat16(2)), tensor.Scalar(tensor.ToBFloat16(2)))},
		)
	}
	p, q := tensor.Of(tensor.Shape{2, 1}, []bool{false, true}), tensor.Vec(false, true)
	for op, want := range map[string][]bool{
		"And": {false, false, false, true}, "Or": {false, true, true, true}, "Xor": {false, true, true, false}, "Equal": {true, false, false, true},
	} {
		optest.Add(optest.Sample{Name: "bool", Node: graph.Node{Op: op}, In: optest.In(p, q), Want: optest.In(tensor.Of(tensor.Shape{2, 2}, want))},
			optest.Sample{Name: "bool scalars", Node: graph.Node{Op: op}, In: optest.In(tensor.Scalar(true), tensor.Scalar(false))})
	}
	optest.Add(
		optest.Sample{Name: "strings", Node: graph.Node{Op: "Equal"}, In: optest.In(tensor.Vec("a", "b"), tensor.Scalar("b")),
			Want: optest.In(tensor.Vec(false, true))},
		optest.Sample{Name: "bool", Node: graph.Node{Op: "Not"}, In: optest.In(tensor.Vec(true, false, true)), Want: optest.In(tensor.Vec(false, true, false))},
		optest.Sample{Name: "empty", Node: graph.Node{Op: "Not"}, In: optest.In(tensor.Vec[bool]()), Want: optest.In(tensor.Vec[bool]())},
	)
	odd := tensor.Vec(math.Inf(-1), 1, math.Inf(1), math.NaN())
	no := int64(0)
	predicates := []struct {
		op    string
		attrs graph.Attrs
		want  []bool
	}{
		{"IsNaN", nil, []bool{false, false, false, true}},
		{"IsInf", nil, []bool{true, false, true, false}},
		{"IsInf", graph.Attrs{"detect_negative": no}, []bool{false, false, true, false}},
		{"IsInf", graph.Attrs{"detect_positive": no}, []bool{true, false, false, false}},
	}
	for _, r := range predicates {
		node := graph.Node{Op: r.op, Attrs: r.attrs}
		optest.Add(
			optest.Sample{Name: "values " + r.attrs.String(), Node: node, NoGrad: true, In: optest.In(odd), Want: optest.In(tensor.Vec(r.want...))},
			optest.Sample{Name: "scalar " + r.attrs.String(), Node: node, NoGrad: true, In: optest.In(tensor.Scalar(1.)), Want: optest.In(tensor.Scalar(false))},
		)
	}
}

func init() {
	node := graph.Node{Op: "Where"}
	c := tensor.Of(tensor.Shape{2, 3}, []bool{true, false, true, false, false, true})
	row, column := tensor.Vec(true, false, true), tensor.Of(tensor.Shape{2, 1}, []bool{true, false})
	optest.Add(
		optest.Sample{Name: "same", Node: node, In: optest.In(c, optest.Vals(2, 3), optest.Vals2(2, 3))},
		optest.Sample{Name: "row", Node: node, In: optest.In(row, optest.Vals(2, 3), optest.Vals2(2, 1))},
		optest.Sample{Name: "column", Node: node, In: optest.In(column, optest.Vals(3), optest.Vals2(1, 1))},
		optest.Sample{Name: "maps", Node: node, In: optest.In(c, optest.Vals(4, 1, 3), optest.Vals2(2, 1, 1, 1))},
		optest.Sample{Name: "scalars", Node: node, In: optest.In(tensor.Scalar(true), tensor.Scalar(1.), tensor.Scalar(2.)), Want: optest.In(tensor.Scalar(1.))},
		optest.Sample{Name: "empty", Node: node, In: optest.In(c, optest.Vals(0, 1, 1), tensor.Scalar(2.))},
		optest.Sample{Name: "int64", Node: node, In: optest.In(column, tensor.Vec[int64](1, 2), tensor.Scalar[int64](-9)),
			Want: optest.In(tensor.Of(tensor.Shape{2, 2}, []int64{1, 2, -9, -9}))},
		optest.Sample{Name: "strings", Node: node, In: optest.In(row, tensor.Vec("a", "b", "c"), tensor.Scalar("z")), Want: optest.In(tensor.Vec("a", "z", "c"))},
		optest.Sample{Name: "bools", Node: node, In: optest.In(row, tensor.Scalar(false), tensor.Scalar(true)), Want: optest.In(tensor.Vec(false, true, false))},
	)
}

func TestWhereErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "Where"}, In: optest.In(tensor.Vec(1.), tensor.Vec(1.), tensor.Vec(1.))}, "bool condition")
}

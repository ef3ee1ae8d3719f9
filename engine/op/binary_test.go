package op

import (
	"fmt"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	addPairs("Pow", nil, optest.Pos, optest.Vals)
	for _, e := range []float64{-1, 0, 0.5, 1, 2, 3, -2.5} {
		optest.Add(optest.Sample{Name: fmt.Sprintf("to the %g", e), Node: graph.Node{Op: "Pow"},
			In: optest.In(optest.Pos(3, 4), tensor.Scalar(e))})
	}
	addPair("zeros", "Pow", nil, tensor.Vec(0., 0, -2, -2), tensor.Vec(0., 2, 3, 0.5), tensor.Vec(1, 0, -8, math.NaN()))
	addPair("int64 exponent", "Pow", nil, tensor.Vec(1.5, -2, 3), tensor.Scalar[int64](2), tensor.Vec(2.25, 4, 9))
	addPair("int64", "Pow", nil, tensor.Vec[int64](3, -2, 7), tensor.Vec[int64](35, 3, 0), tensor.Vec[int64](50031545098999707, -8, 1))
	addPair("float exponent", "Pow", nil, tensor.Vec[int32](9, 2), tensor.Vec[float32](0.5, -1), tensor.Vec[int32](3, 0))
	optest.Add(optest.Sample{Name: "gradient with an int32 exponent", Node: graph.Node{Op: "Pow"}, In: optest.In(optest.Pos(2, 3), tensor.Vec[int32](1, 2, 3))})

	fmod := graph.Attrs{"fmod": int64(1)}
	addPairs("Mod", fmod, optest.Vals, optest.Pos)
	addPair("signs", "Mod", fmod, tensor.Vec(-5.5, 5.5), tensor.Vec(2., -2), tensor.Vec(-1.5, 1.5))
	addPair("int32", "Mod", nil, tensor.Vec[int32](-7, 7, 7, -7), tensor.Vec[int32](3, -3, 3, -3), tensor.Vec[int32](2, -2, 1, -1))
	addPair("int32 fmod", "Mod", fmod, tensor.Vec[int32](-7, 7, 7, -7), tensor.Vec[int32](3, -3, 3, -3), tensor.Vec[int32](-1, 1, 1, -1))
	addPair("uint8", "Mod", nil, tensor.Vec[uint8](200, 7), tensor.Scalar[uint8](9), tensor.Vec[uint8](2, 7))

	for _, s := range pairShapes {
		if s.name == "channel left" || s.name == "left scalar" || s.name == "outer" || s.name == "inner ones" || s.name == "one more axis" || s.name == "empty right" {
			continue // the slope broadcasts to x alone
		}
		optest.Add(optest.Sample{Name: s.name, Node: graph.Node{Op: "PRelu"}, In: optest.In(optest.Vals(s.a...), optest.Vals2(s.b...))})
	}
	addPair("int32", "PRelu", nil, tensor.Vec[int32](-2, 3), tensor.Vec[int32](4, 4), tensor.Vec[int32](-8, 3))

	addPair("int8", "BitwiseAnd", nil, tensor.Vec[int8](-1, 6), tensor.Vec[int8](5, 3), tensor.Vec[int8](5, 2))
	addPair("uint8", "BitwiseOr", nil, tensor.Vec[uint8](1, 6), tensor.Scalar[uint8](8), tensor.Vec[uint8](9, 14))
	addPair("int64", "BitwiseXor", nil, tensor.Scalar[int64](3), tensor.Vec[int64](1, 2), tensor.Vec[int64](2, 1))
	addPair("left", "BitShift", graph.Attrs{"direction": "LEFT"}, tensor.Vec[uint8](1, 129), tensor.Vec[uint8](3, 1), tensor.Vec[uint8](8, 2))
	addPair("right", "BitShift", graph.Attrs{"direction": "RIGHT"}, tensor.Vec[uint64](9, 8), tensor.Scalar[uint64](1), tensor.Vec[uint64](4, 4))
	addPair("far", "BitShift", graph.Attrs{"direction": "LEFT"}, tensor.Vec[uint16](1), tensor.Vec[uint16](16), tensor.Vec[uint16](0))
	optest.Add(optest.Sample{Name: "int16", Node: graph.Node{Op: "BitwiseNot"}, In: optest.In(tensor.Vec[int16](0, -1, 5)), Want: optest.In(tensor.Vec[int16](-1, 0, -6))})
}

func init() {
	for op, want := range map[string][2]float64{"Max": {2, 2.5}, "Min": {-1, 0.5}, "Sum": {1.5, 5}, "Mean": {0.5, 5. / 3}} {
		node := graph.Node{Op: op}
		addPairs(op, nil, optest.Vals, optest.Vals2)
		optest.Add(
			optest.Sample{Name: "one", Node: node, In: optest.In(optest.Vals(2, 3))},
			optest.Sample{Name: "three", Node: node, In: optest.In(optest.Vals(2, 3), optest.Vals2(3), optest.Unit(2, 1))},
			optest.Sample{Name: "four", Node: node, In: optest.In(optest.Vals(1), optest.Vals2(4, 3), optest.Unit(), optest.Pos(2, 1, 3))},
			optest.Sample{Name: "values", Node: node, In: optest.In(tensor.Vec(2., 2), tensor.Scalar(0.5), tensor.Vec(-1., 2.5)), Grad: []bool{false},
				Want: optest.In(tensor.Vec(want[:]...))},
		)
	}
	nan := math.NaN()
	addPair("NaN", "Max", nil, tensor.Vec(nan, 1, math.Inf(1)), tensor.Vec(1, nan, 3), tensor.Vec(nan, nan, math.Inf(1)))
	addPair("NaN", "Min", nil, tensor.Vec(nan, 1, math.Inf(1)), tensor.Scalar(3.), tensor.Vec(nan, 1, 3))
	addPair("int8", "Max", nil, tensor.Vec[int8](-3, 4), tensor.Vec[int8](-4, 5), tensor.Vec[int8](-3, 5))
	addPair("uint64", "Min", nil, tensor.Vec[uint64](3, 4), tensor.Scalar[uint64](3), tensor.Vec[uint64](3, 3))
}

func init() {
	node := graph.Node{Op: "Clip"}
	lo, hi := tensor.Scalar(-0.75), tensor.Scalar(1.1)
	optest.Add(
		optest.Sample{Name: "both", Node: node, In: optest.In(optest.Vals(3, 7), lo, hi)},
		optest.Sample{Name: "constants", Node: node, In: optest.In(optest.Vals(3, 7), lo, hi), Const: []int{1, 2}},
		optest.Sample{Name: "many", Node: node, In: optest.In(optest.Vals(1200), lo, tensor.Vec(1.1))},
		optest.Sample{Name: "low", Node: node, In: optest.In(optest.Vals(2, 3, 4, 5), lo)},
		optest.Sample{Name: "high", Node: node, In: optest.In(optest.Vals(20), nil, hi)},
		optest.Sample{Name: "none", Node: node, In: optest.In(optest.Vals(5))},
		optest.Sample{Name: "scalar", Node: node, In: optest.In(tensor.Scalar(3.), lo, hi), Want: optest.In(tensor.Scalar(1.1))},
		optest.Sample{Name: "empty", Node: node, In: optest.In(optest.Vals(0), lo, hi)},
		optest.Sample{Name: "crossed", Node: node, In: optest.In(tensor.Vec(-3., 0, 3), hi, lo), Want: optest.In(tensor.Vec(-0.75, -0.75, -0.75))},
		optest.Sample{Name: "edges", Node: node, In: optest.In(tensor.Vec(math.NaN(), math.Inf(1), math.Inf(-1)), lo, hi), Grad: []bool{false},
			Want: optest.In(tensor.Vec(math.NaN(), 1.1, -0.75))},
		optest.Sample{Name: "int8", Node: node, In: optest.In(tensor.Vec[int8](-9, 0, 9), tensor.Scalar[int8](-2), tensor.Scalar[int8](5)),
			Want: optest.In(tensor.Vec[int8](-2, 0, 5))},
		optest.Sample{Name: "uint32", Node: node, In: optest.In(tensor.Vec[uint32](1, 9), nil, tensor.Scalar[uint32](5)), Want: optest.In(tensor.Vec[uint32](1, 5))},
		optest.Sample{Name: "float16", Node: node, In: optest.In(tensor.Vec(tensor.ToFloat16(7)), nil, tensor.Scalar(tensor.ToFloat16(6))),
			Want: optest.In(tensor.Vec(6.))},
	)
}

func TestBinaryErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "Mod"}, In: optest.In(optest.Vals(2), optest.Vals2(2))}, "fmod must be 1")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Mod"}, Live: true, In: optest.In(tensor.Vec[int8](1), tensor.Vec[int8](0))}, "zero")
	wantError(t, optest.Sample{Node: graph.Node{Op: "PRelu"}, In: optest.In(optest.Vals(2), optest.Vals2(2, 2))}, "does not broadcast to")
	wantError(t, optest.Sample{Node: graph.Node{Op: "BitShift"}, In: optest.In(tensor.Vec[uint8](1), tensor.Vec[uint8](1))}, "want LEFT or RIGHT")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Clip"}, In: optest.In(optest.Vals(2), optest.Vals2(2))}, "want one number")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Max"}, In: optest.In(optest.Vals(2), nil)}, "input 1 is missing")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Pow"}, In: optest.In(optest.Vals(2), tensor.Vec("a", "b"))}, "want numbers")
}

package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// mathValues are values of the functions at 0.5; for Acosh at 1.5, for Round at 0.75.
var mathValues = map[string]float64{
	"Reciprocal": 2, "Floor": 0, "Ceil": 1, "Round": 1, "Sin": 0.479425538604203, "Cos": 0.8775825618903728,
	"Tan": 0.5463024898437905, "Asin": 0.5235987755982989, "Acos": 1.0471975511965979, "Atan": 0.4636476090008061,
	"Sinh": 0.5210953054937474, "Cosh": 1.1276259652063807, "Asinh": 0.48121182505960347, "Acosh": 0.9624236501192069,
	"Atanh": 0.5493061443340549, "Exp": 1.6487212707001282, "Log": -0.6931471805599453, "Sqrt": 0.7071067811865476,
	"Erf": 0.5204998778130465, "Neg": -0.5, "Abs": 0.5, "Sign": 1,
}

func init() {
	for name, want := range mathValues {
		x, at := optest.Unit(3, 7), 0.5
		switch name {
		case "Round":
			at = 0.75
		case "Log", "Sqrt", "Reciprocal":
			x = optest.Pos(3, 7)
		case "Acosh":
			x, at = optest.Pos(3, 7), 1.5
			for i := range x.Len() {
				tensor.Data[float64](x)[i]++
			}
		}
		node := graph.Node{Op: name}
		optest.Add(
			optest.Sample{Name: "matrix", Node: node, In: optest.In(x)},
			optest.Sample{Name: "scalar", Node: node, In: optest.In(tensor.Scalar(at)), Want: optest.In(tensor.Scalar(want))},
			optest.Sample{Name: "empty", Node: node, In: optest.In(tensor.New(tensor.F64, tensor.Shape{2, 0})),
				Want: optest.In(tensor.New(tensor.F64, tensor.Shape{2, 0}))},
			optest.Sample{Name: "float16", Node: node, In: optest.In(tensor.Vec(tensor.ToFloat16(float32(at)))),
				Want: optest.In(tensor.Vec(want)), Tol: 1e-3},
		)
	}
	inf, nan := math.Inf(1), math.NaN()
	optest.Add(
		optest.Sample{Name: "edges", Node: graph.Node{Op: "Exp"}, In: optest.In(tensor.Vec(-inf, 0, inf, nan)),
			Grad: []bool{false}, Want: optest.In(tensor.Vec(0, 1, inf, nan))},
		optest.Sample{Name: "edges", Node: graph.Node{Op: "Log"}, In: optest.In(tensor.Vec(0, -1, inf)),
			Grad: []bool{false}, Want: optest.In(tensor.Vec(-inf, nan, inf))},
		optest.Sample{Name: "ties", Node: graph.Node{Op: "Round"}, In: optest.In(tensor.Vec(-1.5, -0.5, 0.5, 1.5, 2.5)),
			Grad: []bool{false}, Want: optest.In(tensor.Vec(-2, math.Copysign(0, -1), 0, 2, 2))},
		optest.Sample{Name: "int8", Node: graph.Node{Op: "Neg"}, In: optest.In(tensor.Vec[int8](-3, 0, 5)),
			Want: optest.In(tensor.Vec[int8](3, 0, -5))},
		optest.Sample{Name: "int64", Node: graph.Node{Op: "Abs"}, In: optest.In(tensor.Vec[int64](-3, 0, 5)),
			Want: optest.In(tensor.Vec[int64](3, 0, 5))},
		optest.Sample{Name: "uint8", Node: graph.Node{Op: "Abs"}, In: optest.In(tensor.Vec[uint8](3, 0, 255)),
			Want: optest.In(tensor.Vec[uint8](3, 0, 255))},
		optest.Sample{Name: "int32", Node: graph.Node{Op: "Sign"}, In: optest.In(tensor.Vec[int32](-3, 0, 5)),
			Want: optest.In(tensor.Vec[int32](-1, 0, 1))},
		optest.Sample{Name: "uint16", Node: graph.Node{Op: "Sign"}, In: optest.In(tensor.Vec[uint16](3, 0)),
			Want: optest.In(tensor.Vec[uint16](1, 0))},
	)
}

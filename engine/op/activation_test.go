package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// activationValues are attributes and the values at -1.5, 0.25 and 3.5, computed
// with PyTorch 1.13 where it has the function.
var activationValues = []struct {
	op    string
	attrs graph.Attrs
	want  [3]float64
}{
	{"Relu", nil, [3]float64{0, 0.25, 3.5}},
	{"Sigmoid", nil, [3]float64{0.18242552380635635, 0.5621765008857981, 0.9706877692486436}},
	{"Tanh", nil, [3]float64{-0.9051482536448664, 0.24491866240370913, 0.9981778976111988}},
	{"Softplus", nil, [3]float64{0.2014132779827524, 0.8259394198788435, 3.529750418272620}},
	{"LeakyRelu", nil, [3]float64{-0.015, 0.25, 3.5}},
	{"LeakyRelu", graph.Attrs{"alpha": float32(-0.5)}, [3]float64{0.75, 0.25, 3.5}},
	{"HardSigmoid", nil, [3]float64{0.2, 0.55, 1}},
	{"HardSigmoid", graph.Attrs{"alpha": float32(0.5), "beta": float32(0.25)}, [3]float64{0, 0.375, 1}},
	{"HardSwish", nil, [3]float64{-0.375, 0.13541666666666666, 3.5}},
	{"Elu", nil, [3]float64{-0.7768698398515702, 0.25, 3.5}},
	{"Elu", graph.Attrs{"alpha": float32(2)}, [3]float64{-1.5537396797031404, 0.25, 3.5}},
	{"Elu", graph.Attrs{"alpha": float32(-1)}, [3]float64{0.7768698398515702, 0.25, 3.5}},
	{"Selu", nil, [3]float64{-1.3658143533672527, 0.2626752468388701, 3.677453455744182}},
	{"Celu", graph.Attrs{"alpha": float32(2)}, [3]float64{-1.0552668945179706, 0.25, 3.5}},
	{"Softsign", nil, [3]float64{-0.6, 0.2, 0.7777777777777778}},
	{"ThresholdedRelu", nil, [3]float64{0, 0, 3.5}},
	{"ThresholdedRelu", graph.Attrs{"alpha": float32(-2)}, [3]float64{-1.5, 0.25, 3.5}},
	{"Mish", nil, [3]float64{-0.29809974216680674, 0.1695724096638176, 3.4939907151195175}},
	{"Shrink", nil, [3]float64{-1.5, 0, 3.5}},
	{"Shrink", graph.Attrs{"lambd": float32(1), "bias": float32(1.25)}, [3]float64{-0.25, 0, 2.25}},
	{"Gelu", nil, [3]float64{-0.10021080190328704, 0.14967658142073093, 3.4991857982233756}},
	{"Gelu", graph.Attrs{"approximate": "tanh"}, [3]float64{-0.10042842301976707, 0.149675350701685, 3.4993838023446262}},
}

func init() {
	for _, r := range activationValues {
		node := graph.Node{Op: r.op, Attrs: r.attrs}
		kind := "default"
		if r.attrs != nil {
			kind = r.attrs.String()
		}
		optest.Add(
			optest.Sample{Name: kind + " values", Node: node, In: optest.In(tensor.Vec(-1.5, 0.25, 3.5)),
				Want: optest.In(tensor.Vec(r.want[:]...)), Tol: 1e-4},
			optest.Sample{Name: kind + " maps", Node: node, In: optest.In(optest.Vals(2, 3, 4, 5))},
			optest.Sample{Name: kind + " scalar", Node: node, In: optest.In(tensor.Scalar(0.75))},
			optest.Sample{Name: kind + " empty", Node: node, In: optest.In(tensor.New(tensor.F64, tensor.Shape{0, 3}))},
			optest.Sample{Name: kind + " bfloat16", Node: node, In: optest.In(tensor.Vec(tensor.ToBFloat16(-1.5), tensor.ToBFloat16(3.5))),
				Want: optest.In(tensor.Vec(r.want[0], r.want[2])), Tol: 1e-2},
		)
	}
	nan := math.NaN()
	optest.Add(
		optest.Sample{Name: "edges", Node: graph.Node{Op: "Relu"}, In: optest.In(tensor.Vec(math.Inf(-1), 0, math.Inf(1), nan)),
			Grad: []bool{false}, Want: optest.In(tensor.Vec(0, 0, math.Inf(1), nan))},
		optest.Sample{Name: "int32", Node: graph.Node{Op: "Relu"}, In: optest.In(tensor.Vec[int32](-1, 2)),
			Want: optest.In(tensor.Vec[int32](0, 2))},
	)
}

package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	four := optest.I64(nil, 4)
	for name, want := range map[string][]float64{"HannWindow": {0, 0.5, 1, 0.5}, "HammingWindow": {4. / 46, 25. / 46, 1, 25. / 46}, "BlackmanWindow": {0, 0.34, 1, 0.34}} {
		optest.Add(optest.Sample{Name: "four", Node: graph.Node{Op: name, Attrs: graph.Attrs{"output_datatype": int64(11)}}, In: optest.In(four),
			Want: optest.In(tensor.Of([]int{4}, want))})
		symmetric := graph.Attrs{"periodic": int64(0)}
		optest.Add(optest.Sample{Name: "symmetric", Node: graph.Node{Op: name, Attrs: symmetric}, In: optest.In(optest.I64(nil, 5)),
			Want: optest.In(tensor.Of([]int{5}, append(want[:3:3], want[1], want[0])))})
	}
	hz := func(v float32) *tensor.Tensor { return tensor.Scalar(v) }
	optest.Add(optest.Sample{Name: "two filters", Node: graph.Node{Op: "MelWeightMatrix"}, Const: []int{3, 4},
		In:   optest.In(optest.I64(nil, 2), optest.I64(nil, 16), optest.I64(nil, 8192), hz(0), hz(8192/2)),
		Want: optest.In(optest.F64([]int{9, 2}, 1, 0, 0.5, 0.5, 0, 1, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))})
	addTransforms()
	optest.Add(
		optest.Sample{Name: "batch", Node: graph.Node{Op: "Det"}, In: optest.In(optest.F64([]int{2, 3, 3}, 0, 2, 0, 1, 0, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9)), NoGrad: true,
			Want: optest.In(optest.F64([]int{2}, -6, 0)), Tol: 1e-5},
		optest.Sample{Name: "halves", Node: graph.Node{Op: "MaxUnpool", Attrs: graph.Attrs{"kernel_shape": ints(2, 2), "strides": ints(2, 2)}},
			In:   optest.In(optest.F64([]int{1, 1, 1, 2}, 3, 5), optest.I64([]int{1, 1, 1, 2}, 5, 2)),
			Want: optest.In(optest.F64([]int{1, 1, 2, 4}, 0, 0, 5, 0, 0, 3, 0, 0))},
		optest.Sample{Name: "larger output", Node: graph.Node{Op: "MaxUnpool", Attrs: graph.Attrs{"kernel_shape": ints(2, 2), "strides": ints(2, 2)}},
			In:   optest.In(optest.F64([]int{1, 1, 1, 1}, 3), optest.I64([]int{1, 1, 1, 1}, 2), optest.I64([]int{4}, 1, 1, 3, 3)),
			Want: optest.In(optest.F64([]int{1, 1, 3, 3}, 0, 0, 0, 3, 0, 0, 0, 0, 0))},
	)
}

func addTransforms() {
	x := optest.Vals(2, 6, 1)
	want := tensor.New(tensor.F64, []int{2, 6, 2})
	for i := range 12 {
		for n, v := range tensor.Data[float64](x)[i/6*6:][:6] {
			s, c := math.Sincos(-2 * math.Pi * float64(i%6*n) / 6)
			tensor.Data[float64](want)[2*i] += v * c
			tensor.Data[float64](want)[2*i+1] += v * s
		}
	}
	both := tensor.New(tensor.F64, []int{2, 6, 2})
	for i, v := range tensor.Data[float64](x) {
		tensor.Data[float64](both)[2*i] = v
	}
	half := tensor.New(tensor.F64, []int{2, 1, 4, 2})
	for i := range 2 {
		copy(tensor.Data[float64](half)[8*i:8*i+8], tensor.Data[float64](want)[12*i:])
	}
	ones := tensor.New(tensor.F64, []int{6})
	fill(tensor.Data[float64](ones), 1)
	inverse := graph.Node{Op: "DFT", Attrs: graph.Attrs{"inverse": int64(1)}}
	optest.Add(
		optest.Sample{Name: "real", Node: graph.Node{Op: "DFT"}, In: optest.In(x), NoGrad: true, Want: optest.In(want)},
		optest.Sample{Name: "axis", Node: graph.Node{Op: "DFT"}, In: optest.In(x, nil, optest.I64(nil, 1)), NoGrad: true, Want: optest.In(want)},
		optest.Sample{Name: "inverse", Node: inverse, In: optest.In(want), NoGrad: true, Want: optest.In(both)},
		optest.Sample{Name: "longer, first axis", Node: graph.Node{Op: "DFT", Attrs: graph.Attrs{"onesided": int64(1)}}, In: optest.In(optest.F64([]int{2, 1, 1}, 1, 2), optest.I64(nil, 4), optest.I64(nil, 0)), NoGrad: true,
			Want: optest.In(optest.F64([]int{3, 1, 2}, 3, 0, 1, -2, -1, 0))},
		optest.Sample{Name: "one frame", Node: graph.Node{Op: "STFT"}, In: optest.In(x, optest.I64(nil, 2), ones), NoGrad: true, Want: optest.In(half)},
		optest.Sample{Name: "frames", Node: graph.Node{Op: "STFT"}, In: optest.In(optest.F64([]int{1, 4}, 1, 2, 3, 4), optest.I64(nil, 2), nil, optest.I64(nil, 2)), NoGrad: true,
			Want: optest.In(optest.F64([]int{1, 2, 2, 2}, 3, 0, -1, 0, 7, 0, -1, 0))},
	)
}

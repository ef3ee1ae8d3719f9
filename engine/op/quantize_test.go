package op

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// The values are those of the examples in the operators' ONNX documentation.
func init() {
	q, d := graph.Node{Op: "QuantizeLinear"}, graph.Node{Op: "DequantizeLinear"}
	x, y := tensor.Vec(0., 2, 3, 1000, -254, -1000), tensor.Vec[uint8](128, 129, 130, 255, 1, 0)
	perAxis := tensor.Of(tensor.Shape{1, 3, 3, 2}, []float64{-162, 10, -100, 232, -20, -50, -76, 0, 0, 252, 32, -44, 245, -485, -960, -270, -375, -470})
	perAxisY := tensor.Of(tensor.Shape{1, 3, 3, 2}, []uint8{3, 89, 34, 200, 74, 59, 5, 24, 24, 87, 32, 13, 245, 99, 4, 142, 121, 102})
	scales, zeros := tensor.Vec(2., 4, 5), tensor.Vec[uint8](84, 24, 196)
	blocks := graph.Attrs{"axis": int64(1), "block_size": int64(2)}
	matrix, scale := tensor.Of(tensor.Shape{2, 4}, []float64{6, 12, 50, 5, 1, 8, 4, 5}), tensor.Of(tensor.Shape{2, 2}, []float64{2, 5, 1, 2})
	optest.Add(
		optest.Sample{Name: "one scale", Node: q, NoGrad: true, In: optest.In(x, tensor.Scalar(2.), tensor.Scalar[uint8](128)), Want: optest.In(y)},
		optest.Sample{Name: "axis", Node: q, NoGrad: true, In: optest.In(perAxis, scales, zeros), Want: optest.In(perAxisY)},
		optest.Sample{Name: "blocks", Node: graph.Node{Op: q.Op, Attrs: blocks}, NoGrad: true, In: optest.In(matrix, scale),
			Want: optest.In(tensor.Of(tensor.Shape{2, 4}, []uint8{3, 6, 10, 1, 1, 8, 2, 2}))},
		optest.Sample{Name: "int8 without zero", Node: graph.Node{Op: q.Op, Attrs: graph.Attrs{"output_dtype": int64(3)}}, NoGrad: true,
			In: optest.In(tensor.Vec(1.5, 2.5, -300), tensor.Scalar(1.)), Want: optest.In(tensor.Vec[int8](2, 2, -128))},
		optest.Sample{Name: "int16", Node: q, NoGrad: true, In: optest.In(tensor.Scalar(99999.), tensor.Scalar(1.), tensor.Scalar[int16](1)),
			Want: optest.In(tensor.Scalar[int16](32767))},
		optest.Sample{Name: "uint16 empty", Node: q, NoGrad: true, In: optest.In(optest.Vals(0, 3), tensor.Scalar(1.), tensor.Scalar[uint16](0))},
		optest.Sample{Name: "float16", Node: q, In: optest.In(tensor.Vec(tensor.ToFloat16(4)), tensor.Scalar(tensor.ToFloat16(2))), Want: optest.In(tensor.Vec[uint8](2))},

		optest.Sample{Name: "axis", Node: d, NoGrad: true, In: optest.In(perAxisY, scales, zeros), Want: optest.In(perAxis)},
		optest.Sample{Name: "blocks", Node: graph.Node{Op: d.Op, Attrs: blocks}, NoGrad: true,
			In:   optest.In(tensor.Of(tensor.Shape{2, 4}, []int8{1, -2, 3, 4, 5, 6, 7, 8}), scale),
			Want: optest.In(tensor.Of(tensor.Shape{2, 4}, []float64{2, -4, 15, 20, 5, 6, 14, 16}))},
		optest.Sample{Name: "int32", Node: d, NoGrad: true, In: optest.In(tensor.Vec[int32](-7, 70000), tensor.Scalar(0.5)), Want: optest.In(tensor.Vec(-3.5, 35000))},
		optest.Sample{Name: "int16", Node: d, NoGrad: true, In: optest.In(tensor.Scalar[int16](-7), tensor.Scalar(0.5)), Want: optest.In(tensor.Scalar(-3.5))},
		optest.Sample{Name: "uint16", Node: d, NoGrad: true, In: optest.In(tensor.Vec[uint16](7), tensor.Vec(0.5), tensor.Vec[uint16](9)), Want: optest.In(tensor.Vec(-1.))},
	)
	dyn := graph.Node{Op: "DynamicQuantizeLinear"}
	optest.Add(
		optest.Sample{Name: "values", Node: dyn, NOut: 3, In: optest.In(tensor.Vec[float32](0, 2, -3, -2.5, 1.34, 0.5)),
			Want: optest.In(tensor.Vec[uint8](153, 255, 0, 26, 221, 179), tensor.Scalar[float32](0.0196078438), tensor.Scalar[uint8](153))},
		optest.Sample{Name: "negative", Node: dyn, NOut: 3, In: optest.In(tensor.Vec[float32](-1, -2.1, -1.3, -2.5, -3.34, -4)),
			Want: optest.In(tensor.Vec[uint8](191, 121, 172, 96, 42, 0), tensor.Scalar[float32](0.0156862754), tensor.Scalar[uint8](255))},
		optest.Sample{Name: "zeros", Node: dyn, NOut: 3, In: optest.In(tensor.New(tensor.F32, tensor.Shape{2, 3})),
			Want: optest.In(tensor.New(tensor.U8, tensor.Shape{2, 3}), tensor.Scalar[float32](1), tensor.Scalar[uint8](0))},
		optest.Sample{Name: "scale alone", Node: dyn, NOut: 3, Skip: []int{0, 2}, In: optest.In(tensor.Vec[float32](0, 255)),
			Want: optest.In(nil, tensor.Scalar[float32](1), nil)},
	)
}

func init() {
	node := graph.Node{Op: "MatMulInteger"}
	a := tensor.Of(tensor.Shape{4, 3}, []uint8{11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0})
	b := tensor.Of(tensor.Shape{3, 2}, []uint8{1, 4, 2, 5, 3, 6})
	want := []int32{-38, -83, -44, -98, -50, -113, -56, -128}
	s := func(d ...int) tensor.Shape { return d }
	optest.Add(
		optest.Sample{Name: "values", Node: node, In: optest.In(a, b, tensor.Scalar[uint8](12), tensor.Scalar[uint8](0)), Want: optest.In(tensor.Of(s(4, 2), want))},
		optest.Sample{Name: "batch", Node: node, In: optest.In(a.View(s(2, 2, 3)), b.View(s(1, 3, 2)), tensor.Vec[uint8](12)),
			Want: optest.In(tensor.Of(s(2, 2, 2), want))},
		optest.Sample{Name: "zero points of rows and columns", Node: node, Want: optest.In(tensor.Of(s(2, 2), []int32{-2, 8, -5, 20})),
			In: optest.In(tensor.Of(s(2, 1), []int8{3, 6}), tensor.Of(s(1, 2), []int8{-1, 5}), tensor.Vec[int8](1, 1), tensor.Vec[int8](0, 1))},
		optest.Sample{Name: "mixed", Node: node, In: optest.In(tensor.Of(s(1, 2), []uint8{200, 1}), tensor.Of(s(2, 1), []int8{-2, 3})), Want: optest.In(tensor.Of(s(1, 1), []int32{-397}))},
		optest.Sample{Name: "mixed the other way", Node: node, In: optest.In(tensor.Of(s(1, 2), []int8{-2, 3}), tensor.Of(s(2, 1), []uint8{200, 1})), Want: optest.In(tensor.Of(s(1, 1), []int32{-397}))},
		optest.Sample{Name: "empty", Node: node, In: optest.In(tensor.New(tensor.U8, s(0, 2)), tensor.New(tensor.U8, s(2, 3)))},
	)
	conv := func(a graph.Attrs) graph.Node { return graph.Node{Op: "ConvInteger", Attrs: a} }
	x, ones := tensor.Of(s(1, 1, 3, 3), []uint8{2, 3, 4, 5, 6, 7, 8, 9, 10}), tensor.Of(s(1, 1, 2, 2), []uint8{1, 1, 1, 1})
	optest.Add(
		optest.Sample{Name: "values", Node: conv(nil), In: optest.In(x, ones, tensor.Scalar[uint8](1)), Want: optest.In(tensor.Of(s(1, 1, 2, 2), []int32{12, 16, 24, 28}))},
		optest.Sample{Name: "padding", Node: conv(graph.Attrs{"pads": []int64{1, 1, 1, 1}}), In: optest.In(x, ones, tensor.Scalar[uint8](1)),
			Want: optest.In(tensor.Of(s(1, 1, 4, 4), []int32{1, 3, 5, 3, 5, 12, 16, 9, 11, 24, 28, 15, 7, 15, 17, 9}))},
		optest.Sample{Name: "groups of one axis", Node: conv(graph.Attrs{"group": int64(2), "strides": []int64{2}}),
			In:   optest.In(tensor.Of(s(1, 2, 4), []int8{1, 2, 3, 4, -1, -2, -3, -4}), tensor.Of(s(4, 1, 2), []int8{1, 1, 1, 0, 2, 3, 0, 1}), nil, tensor.Vec[int8](0, 0, 1, 0)),
			Want: optest.In(tensor.Of(s(1, 4, 2), []int32{3, 7, 1, 3, -5, -11, -2, -4}))},
	)
}

func TestQuantizeErrors(t *testing.T) {
	x := optest.Vals(2, 3)
	wantError(t, optest.Sample{Node: graph.Node{Op: "QuantizeLinear"}, In: optest.In(x, tensor.Vec(1., 1))}, "want one number or [3]")
	wantError(t, optest.Sample{Node: graph.Node{Op: "QuantizeLinear"}, In: optest.In(x, tensor.Scalar(1.), tensor.Vec[int8](1, 1))}, "zero point")
	wantError(t, optest.Sample{Node: graph.Node{Op: "QuantizeLinear", Attrs: graph.Attrs{"block_size": int64(2)}}, In: optest.In(x, x)}, "do not divide")
	wantError(t, optest.Sample{Node: graph.Node{Op: "DequantizeLinear"}, In: optest.In(tensor.Vec[int64](1), tensor.Scalar(1.))}, "x is int64")
	wantError(t, optest.Sample{Node: graph.Node{Op: "MatMulInteger"}, In: optest.In(tensor.New(tensor.U8, tensor.Shape{2, 3}), tensor.New(tensor.U8, tensor.Shape{2, 3}))}, "inner extents")
	wantError(t, optest.Sample{Node: graph.Node{Op: "ConvInteger"}, In: optest.In(tensor.New(tensor.U8, tensor.Shape{1, 3, 2}), tensor.New(tensor.U8, tensor.Shape{1, 2, 1}))}, "do not fit")
}

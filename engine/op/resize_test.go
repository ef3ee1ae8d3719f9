package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	square := optest.F64([]int{1, 1, 2, 2}, 1, 2, 3, 4)
	ramp := optest.F64([]int{1, 1, 4, 4}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
	half := optest.F64([]int{1, 1, 2, 4}, 1, 2, 3, 4, 5, 6, 7, 8)
	addResize("nearest", nil, square, []float32{1, 1, 1, 2}, nil, optest.F64([]int{1, 1, 2, 4}, 1, 1, 2, 2, 3, 3, 4, 4))
	addResize("linear", graph.Attrs{"mode": "linear"}, square, []float32{1, 1, 2, 2}, nil,
		optest.F64([]int{1, 1, 4, 4}, 1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4))
	addResize("linear down", graph.Attrs{"mode": "linear"}, half, []float32{1, 1, 0.6, 0.6}, nil, optest.F64([]int{1, 1, 1, 2}, 2.6666665, 4.3333331))
	addResize("linear, aligned", graph.Attrs{"mode": "linear", "coordinate_transformation_mode": "align_corners"}, square, nil, ints(1, 1, 2, 3),
		optest.F64([]int{1, 1, 2, 3}, 1, 1.5, 2, 3, 3.5, 4))
	row := optest.F64([]int{1, 8}, 0.47265625, 0.76953125, 1.24609375, 1.875, 2.28125, 2.91015625, 3.38671875, 3.68359375)
	for i := range row.Len() { // the first row of ramp without the part of its columns
		tensor.Data[float64](row)[i] += 0.421875
	}
	addResize("cubic", graph.Attrs{"mode": "cubic"}, optest.F64([]int{1, 4}, 1, 2, 3, 4), []float32{1, 2}, nil, row)
	addResize("cubic without the outside", graph.Attrs{"mode": "cubic", "exclude_outside": int64(1), "cubic_coeff_a": float32(-0.5)}, ramp, []float32{1, 1, 0.8, 2}, nil, nil)
	for _, mode := range []string{"nearest", "linear", "cubic"} {
		for _, coord := range []string{"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"} {
			a := graph.Attrs{"mode": mode, "coordinate_transformation_mode": coord}
			addResize(mode+" "+coord, a, optest.Vals(2, 2, 3, 4), nil, ints(2, 2, 5, 3), nil)
		}
	}
	for _, round := range []string{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"} {
		want := map[string][]float64{"round_prefer_floor": {1, 1, 2, 2}, "round_prefer_ceil": {1, 2, 2, 2}, "floor": {1, 1, 2, 2}, "ceil": {1, 2, 2, 2}}[round]
		a := graph.Attrs{"nearest_mode": round, "coordinate_transformation_mode": "asymmetric"}
		addResize("rounding "+round, a, optest.F64([]int{2}, 1, 2), []float32{2}, nil, tensor.Of([]int{4}, want))
	}
	addResize("one axis", graph.Attrs{"axes": ints(1), "mode": "linear"}, optest.Vals(2, 3, 2), []float32{2}, nil, nil)
	addResize("not larger", graph.Attrs{"axes": ints(0, 1), "keep_aspect_ratio_policy": "not_larger"}, optest.Vals(2, 4), nil, ints(6, 8), nil)
	addResize("nothing to do", nil, optest.Vals(2, 3), []float32{1, 1}, nil, optest.Vals(2, 3))
	crop := graph.Attrs{"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": float32(10)}
	optest.Add(optest.Sample{Name: "crop", Node: graph.Node{Op: "Resize", Attrs: crop}, Const: []int{1},
		In:   optest.In(optest.F64([]int{3}, 1, 2, 4), tensor.Of([]int{2}, []float32{0.25, 1.25}), nil, optest.I64([]int{1}, 3)),
		Want: optest.In(optest.F64([]int{3}, 1.5, 3, 10))})
}

func addResize(name string, a graph.Attrs, x *tensor.Tensor, scales []float32, sizes []int64, want *tensor.Tensor) {
	in := optest.In(x, nil)
	if scales != nil {
		in = append(in, tensor.Of([]int{len(scales)}, scales))
	} else {
		in = append(in, nil, tensor.Of([]int{len(sizes)}, sizes))
	}
	s := optest.Sample{Name: name, Node: graph.Node{Op: "Resize", Attrs: a}, In: in}
	if scales != nil {
		s.Const = []int{2}
	}
	if want != nil {
		s.Want = optest.In(want)
	}
	optest.Add(s)
}

package op

import (
	"fmt"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// gridPoints are places inside and outside of a map; the first four are inside.
var gridPoints = []float64{-1, -1, -0.45, 0.3, 0.1, 0.85, 0.97, -0.6, 1.3, 0.2, -1.6, -1.25}

// gridReference was computed by PyTorch 1.13's grid_sample on i*i/10 for i < 12 as a map of 3x4,
// without and with align_corners.
var gridReference = map[string][2][]float64{
	"nearest zeros":      {{0, 2.5, 10, 0.9, 0, 0}, {0, 2.5, 10, 0.9, 4.9, 0}},
	"nearest border":     {{0, 2.5, 10, 0.9, 4.9, 0}, {0, 2.5, 10, 0.9, 4.9, 0}},
	"nearest reflection": {{0, 2.5, 10, 0.9, 4.9, 0.1}, {0, 2.5, 10, 0.9, 4.9, 0.1}},
	"linear zeros":       {{0, 4.516, 6.83675, 0.728, 0, 0}, {0, 3.9805, 8.417, 2.4631, 3.487, 0}},
	"linear border":      {{0, 4.516, 9.43, 1.3, 7.06, 0}, {0, 3.9805, 8.417, 2.4631, 6.34, 0}},
	"linear reflection":  {{0, 4.516, 9.43, 1.3, 6.906, 0.07}, {0, 3.9805, 8.417, 2.4631, 5.683, 0.67}},
	"cubic zeros": {{-0.0726563, 5.46896, 7.62924, 0.761322, -0.481233, 0.000775195},
		{0, 4.44464, 9.25028, 2.06574, 3.9653, -0.01379}},
	"cubic reflection": {{-0.290625, 4.54576, 10.2348, 1.28292, 7.22719, -0.132305},
		{0, 4.24917, 8.99479, 1.49932, 6.31051, 0.156372}},
}

func gridNode(mode, pad string, align int) graph.Node {
	return graph.Node{Op: "GridSample", Attrs: graph.Attrs{"mode": mode, "padding_mode": pad, "align_corners": int64(align)}}
}

func init() {
	x := seq(1, 1, 3, 4)
	for i, v := range tensor.Data[float64](x) {
		tensor.Data[float64](x)[i] = v * v / 10
	}
	for name, want := range gridReference {
		var mode, pad string
		fmt.Sscan(name, &mode, &pad)
		for align, y := range want {
			// In float32 a place at the end may fall outside.
			optest.Add(optest.Sample{Name: fmt.Sprintf("%s %d", name, align), Node: gridNode(mode, pad, align), Grad: []bool{true, false}, Tol: 2e-5,
				In: optest.In(x, vals([]int{1, 2, 3, 2}, gridPoints...)), Want: optest.In(vals([]int{1, 1, 2, 3}, y...))})
		}
	}
	for _, mode := range []string{"nearest", "linear", "cubic"} {
		for align, pad := range []string{"zeros", "border", "reflection"} {
			optest.Add(optest.Sample{Name: "maps " + mode + pad, Node: gridNode(mode, pad, align%2), Tol: 1e-4, In: optest.In(optest.Vals(2, 3, 4, 5), optest.Vals2(2, 2, 7, 2))})
		}
	}
	optest.Add(
		optest.Sample{Name: "volume", Node: gridNode("linear", "zeros", 0), Grad: []bool{true, false}, In: optest.In(seq(1, 1, 2, 2, 2), vals([]int{1, 1, 1, 2, 3}, -0.3, 0.2, 0.5, 1.2, -0.8, 0.1)),
			Want: optest.In(vals([]int{1, 1, 1, 1, 2}, 5.6, 0.714))},
		optest.Sample{Name: "volumes", Node: gridNode("cubic", "zeros", 0), Tol: 1e-4, In: optest.In(optest.Vals(2, 2, 3, 2, 4), optest.Unit(2, 1, 3, 2, 3))},
		optest.Sample{Name: "line", Node: gridNode("cubic", "reflection", 1), Tol: 1e-4, In: optest.In(optest.Vals(2, 1, 5), optest.Vals2(2, 4, 1))},
		optest.Sample{Name: "no point", Node: graph.Node{Op: "GridSample"}, In: optest.In(optest.Vals(1, 2, 3, 3), seq(1, 0, 2, 2))},
	)
	affine := func(align int64) graph.Node {
		return graph.Node{Op: "AffineGrid", Attrs: graph.Attrs{"align_corners": align}}
	}
	theta, size := vals([]int{1, 2, 3}, 1, 0.5, 0.25, -0.5, 2, 1), i64s(1, 1, 2, 3)
	optest.Add(
		optest.Sample{Name: "map", Node: affine(0), In: optest.In(theta, size), Want: optest.In(vals([]int{1, 2, 3, 2},
			-2.0/3, 1.0/3, 0, 0, 2.0/3, -1.0/3, -1.0/6, 7.0/3, 0.5, 2, 7.0/6, 5.0/3))},
		optest.Sample{Name: "corners", Node: affine(1), In: optest.In(theta, size), Want: optest.In(vals([]int{1, 2, 3, 2},
			-1.25, -0.5, -0.25, -1, 0.75, -1.5, -0.25, 3.5, 0.75, 3, 1.75, 2.5))},
		optest.Sample{Name: "volumes", Node: affine(1), In: optest.In(optest.Vals(2, 3, 4), i64s(2, 5, 1, 2, 3))},
	)
	fold := func(attrs graph.Attrs) graph.Node { return graph.Node{Op: "Col2Im", Attrs: attrs} }
	optest.Add(
		optest.Sample{Name: "apart", Node: fold(graph.Attrs{"strides": []int64{1, 2}}), In: optest.In(vals([]int{1, 2, 2}, 1, 2, 3, 4), i64s(1, 4), i64s(1, 2)),
			Want: optest.In(vals([]int{1, 1, 1, 4}, 1, 3, 2, 4))},
		optest.Sample{Name: "overlapping", Node: fold(nil), In: optest.In(vals([]int{1, 4, 2}, 1, 2, 3, 4, 5, 6, 7, 8), i64s(2, 3), i64s(2, 2)),
			Want: optest.In(vals([]int{1, 1, 2, 3}, 1, 5, 4, 5, 13, 8))},
		optest.Sample{Name: "padded", Node: fold(graph.Attrs{"pads": []int64{1, 0, 0, 2}, "dilations": []int64{1, 2}, "strides": []int64{2, 1}}),
			In: optest.In(optest.Vals(2, 12, 10), i64s(4, 5), i64s(2, 2))},
		optest.Sample{Name: "line", Node: fold(nil), In: optest.In(vals([]int{1, 2, 3}, 1, 2, 3, 4, 5, 6), i64s(4), i64s(2)), Want: optest.In(vals([]int{1, 1, 4}, 1, 6, 8, 6))},
	)
}

func TestGridErrors(t *testing.T) {
	x := seq(1, 1, 2, 2)
	wantError(t, optest.Sample{Node: graph.Node{Op: "GridSample"}, In: optest.In(x, seq(1, 2, 2, 3))}, "number of coordinates")
	wantError(t, optest.Sample{Node: gridNode("cosine", "zeros", 0), In: optest.In(x, seq(1, 2, 2, 2))}, "want nearest")
	wantError(t, optest.Sample{Node: gridNode("linear", "ones", 0), In: optest.In(x, seq(1, 2, 2, 2))}, "want zeros")
	wantError(t, optest.Sample{Node: graph.Node{Op: "AffineGrid"}, In: optest.In(seq(1, 2, 2), i64s(1, 1, 2, 2))}, "want [1 2 3]")
	wantError(t, optest.Sample{Node: graph.Node{Op: "AffineGrid"}, In: optest.In(seq(1, 2, 3), i64s(1, 1, 2))}, "N C H W")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Col2Im"}, In: optest.In(seq(1, 2, 3), i64s(4), i64s(3))}, "C*3 2")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Col2Im"}, In: optest.In(seq(1, 2, 3), i64s(4), i64s(0))}, "positive")
}

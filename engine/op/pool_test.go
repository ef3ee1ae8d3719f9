package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// poolCases are windows over inputs.
var poolCases = []struct {
	name string
	dims []int
	attr graph.Attrs
}{
	{"halves", []int{2, 3, 6, 4}, graph.Attrs{"kernel_shape": ints(2, 2), "strides": ints(2, 2)}},
	{"overlapping", []int{1, 2, 7, 5}, graph.Attrs{"kernel_shape": ints(3, 3), "strides": ints(2, 2), "pads": ints(1, 1, 1, 1)}},
	{"uneven", []int{1, 2, 5, 6}, graph.Attrs{"kernel_shape": ints(3, 2), "strides": ints(1, 3), "pads": ints(1, 0, 2, 1)}},
	{"dilated", []int{1, 1, 7, 6}, graph.Attrs{"kernel_shape": ints(2, 3), "dilations": ints(3, 2)}},
	{"ceiling", []int{1, 1, 6, 5}, graph.Attrs{"kernel_shape": ints(3, 2), "strides": ints(2, 2), "ceil_mode": int64(1)}},
	{"ceiling, no window in the padding", []int{1, 1, 5}, graph.Attrs{"kernel_shape": ints(2), "strides": ints(3), "pads": ints(0, 1), "ceil_mode": int64(1)}},
	{"same upper", []int{1, 2, 5, 4}, graph.Attrs{"kernel_shape": ints(2, 3), "strides": ints(2, 1), "auto_pad": "SAME_UPPER"}},
	{"same lower", []int{1, 2, 5, 4}, graph.Attrs{"kernel_shape": ints(2, 3), "strides": ints(2, 2), "auto_pad": "SAME_LOWER"}},
	{"one axis", []int{2, 3, 9}, graph.Attrs{"kernel_shape": ints(3), "strides": ints(2), "pads": ints(1, 0)}},
	{"three axes", []int{1, 2, 4, 3, 5}, graph.Attrs{"kernel_shape": ints(2, 3, 2), "strides": ints(2, 1, 2), "pads": ints(0, 1, 0, 1, 0, 1)}},
}

func ints(v ...int) []int64 { return graph.Ints64(v...) }

func init() {
	for _, c := range poolCases {
		for _, op := range []string{"MaxPool", "AveragePool", "LpPool"} {
			addPool(c.name, op, c.attr, nil, c.dims)
		}
		addPool(c.name+", padding counts", "AveragePool", c.attr, graph.Attrs{"count_include_pad": int64(1)}, c.dims)
		optest.Add(optest.Sample{Name: c.name + ", training", Train: true, Node: graph.Node{Op: "MaxPool", Attrs: c.attr}, In: optest.In(optest.Vals(c.dims...))})
	}
	addPool("cubes", "LpPool", poolCases[0].attr, graph.Attrs{"p": int64(3)}, poolCases[0].dims)
	addPool("sums", "LpPool", poolCases[0].attr, graph.Attrs{"p": int64(1)}, poolCases[0].dims)
	addIndices()
	for _, dims := range [][]int{{2, 3, 4, 5}, {2, 3, 7}, {1, 2, 2, 3, 4}, {3, 2}} {
		name := tensor.Shape(dims).String()
		x, one := optest.Vals(dims...), append(tensor.Shape{}, dims...)
		fill(one[2:], 1)
		for op, f := range map[string]func([]float64, int) float64{"GlobalAveragePool": meanTaps, "GlobalMaxPool": maxTaps, "GlobalLpPool": normTaps(2)} {
			y, s := tensor.New(tensor.F64, one), product(dims[2:])
			for i := range y.Len() {
				tensor.Data[float64](y)[i] = f(tensor.Data[float64](x)[i*s:(i+1)*s], s)
			}
			optest.Add(optest.Sample{Name: name, Node: graph.Node{Op: op}, In: optest.In(x), Want: optest.In(y)})
		}
	}
}

// addIndices adds poolings with their second output, and of integers.
func addIndices() {
	x := optest.F64([]int{1, 2, 2, 3}, 1, 5, 3, 4, 2, 6, 7, 8, 9, 12, 11, 10)
	a := graph.Attrs{"kernel_shape": ints(2, 2)}
	cols := graph.Attrs{"kernel_shape": ints(2, 2), "storage_order": int64(1)}
	shape, y := []int{1, 2, 1, 2}, optest.F64([]int{1, 2, 1, 2}, 5, 6, 12, 11)
	optest.Add(
		optest.Sample{Name: "indices", Node: graph.Node{Op: "MaxPool", Attrs: a}, In: optest.In(x), NOut: 2, Want: optest.In(y, optest.I64(shape, 1, 5, 9, 10))},
		optest.Sample{Name: "indices by column", Node: graph.Node{Op: "MaxPool", Attrs: cols}, In: optest.In(x), NOut: 2, Want: optest.In(y, optest.I64(shape, 2, 5, 7, 9))},
		optest.Sample{Name: "bytes", Node: graph.Node{Op: "MaxPool", Attrs: a}, In: optest.In(tensor.Of([]int{1, 1, 2, 3}, []int8{-1, -5, -3, -4, -2, -6})), NOut: 2,
			Want: optest.In(tensor.Of([]int{1, 1, 1, 2}, []int8{-1, -2}), optest.I64([]int{1, 1, 1, 2}, 0, 4))},
	)
}

func addPool(name, op string, base, more graph.Attrs, dims []int) {
	a := base.Clone()
	for k, v := range more {
		a[k] = v
	}
	f := map[string]func([]float64, int) float64{"MaxPool": maxTaps, "AveragePool": meanTaps, "LpPool": normTaps(float64(a.Int("p", 2)))}[op]
	if op == "AveragePool" && a.Bool("count_include_pad", false) {
		f = func(x []float64, padded int) float64 { return meanTaps(x, 0) * float64(len(x)) / float64(padded) }
	}
	x := optest.Vals(dims...)
	optest.Add(optest.Sample{Name: name, Node: graph.Node{Op: op, Attrs: a}, In: optest.In(x), Want: optest.In(naivePool(a, x, f))})
}

func maxTaps(x []float64, _ int) float64 {
	best := math.Inf(-1)
	for _, v := range x {
		best = max(best, v)
	}
	return best
}

func meanTaps(x []float64, _ int) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func normTaps(p float64) func([]float64, int) float64 {
	return func(x []float64, _ int) float64 {
		var sum float64
		for _, v := range x {
			sum += math.Pow(math.Abs(v), p)
		}
		return math.Pow(sum, 1/p)
	}
}

// naivePool gathers every window by taps, the padding by its bounds.
func naivePool(a graph.Attrs, x *tensor.Tensor, f func([]float64, int) float64) *tensor.Tensor {
	b := &graph.Bind{Node: &graph.Node{Attrs: a}, In: []graph.Spec{{DType: tensor.F64, Shape: x.Shape()}}}
	w, err := poolWindow(b)
	if err != nil {
		panic(err)
	}
	y := tensor.New(tensor.F64, append(x.Shape()[:2].Clone(), w.outDims()...))
	in, out := product(w.in), product(w.out)
	for o := range y.Len() {
		at, padded := w.taps(o%out, make([]int, 0, product(w.kernel)))
		var vals []float64
		for _, i := range at {
			vals = append(vals, tensor.Data[float64](x)[o/out*in+i])
		}
		tensor.Data[float64](y)[o] = f(vals, padded)
	}
	return y
}

package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

var normDims = [][]int{{4, 3, 2, 5}, {6, 4}, {3, 2, 7}, {2, 5, 1, 1}}

func init() {
	for _, dims := range normDims {
		c := dims[1]
		name := tensor.Shape(dims).String()
		x, scale, bias, mean, variance := optest.Vals(dims...), optest.Unit(c), optest.Vals2(c), optest.Unit(c), optest.Pos(c)
		in := optest.In(x, scale, bias, mean, variance)
		y, batchMean, batchVar := batchNormed(x, scale, bias)
		trained := graph.Node{Op: "BatchNormalization", Attrs: graph.Attrs{"training_mode": int64(1), "momentum": float32(0.75)}}
		running := func(old, batch *tensor.Tensor) *tensor.Tensor {
			r := old.Clone()
			for i, v := range tensor.Data[float64](batch) {
				tensor.Data[float64](r)[i] = 0.75*tensor.Data[float64](r)[i] + 0.25*v
			}
			return r
		}
		optest.Add(
			optest.Sample{Name: name, Node: graph.Node{Op: "BatchNormalization"}, In: in, Want: optest.In(normed(x, scale, bias, mean, variance))},
			optest.Sample{Name: name + ", batch statistics", Node: trained, In: in, NOut: 3, Tol: 1e-4,
				Want: optest.In(y, running(mean, batchMean), running(variance, batchVar))},
			optest.Sample{Name: name + ", batch statistics alone", Node: trained, In: in, Want: optest.In(y), Tol: 1e-4},
			optest.Sample{Name: name, Node: graph.Node{Op: "InstanceNormalization"}, In: in[:3], Tol: 1e-4,
				Want: optest.In(rowNormed(x, scale, bias, dims[0]*c, product(dims[2:]), c, 1))},
			optest.Sample{Name: name, Node: graph.Node{Op: "LRN", Attrs: graph.Attrs{"size": int64(3), "alpha": float32(0.5), "bias": float32(2)}}, In: in[:1],
				Want: optest.In(lrnOf(x))},
			optest.Sample{Name: name + ", by default", Node: graph.Node{Op: "LRN", Attrs: graph.Attrs{"size": int64(2)}}, In: in[:1]},
			optest.Sample{Name: name, Node: graph.Node{Op: "LpNormalization"}, In: in[:1]},
			optest.Sample{Name: name + ", absolute", Node: graph.Node{Op: "LpNormalization", Attrs: graph.Attrs{"p": int64(1), "axis": int64(1)}}, In: in[:1]},
		)
		for axis := range dims {
			rows, cols := product(dims[:axis]), product(dims[axis:])
			addLayerNorm(name, x, axis, rows, cols)
		}
	}
	x := optest.Vals(2, 6, 3)
	scale, bias := optest.Unit(6), optest.Vals2(6)
	for _, g := range []int{1, 2, 3, 6} {
		n := graph.Node{Op: "GroupNormalization", Attrs: graph.Attrs{"num_groups": int64(g)}}
		optest.Add(optest.Sample{Name: string(rune('0' + g)), Node: n, In: optest.In(x, scale, bias), Tol: 1e-4,
			Want: optest.In(rowNormed(x, scale, bias, 2*g, 18/g, 6, 3))})
	}
	optest.Add(
		optest.Sample{Name: "channels", Node: graph.Node{Op: "MeanVarianceNormalization"}, In: optest.In(optest.Vals(2, 3, 4, 5)),
			Want: optest.In(mvnOf(optest.Vals(2, 3, 4, 5)))},
		optest.Sample{Name: "one axis", Node: graph.Node{Op: "MeanVarianceNormalization", Attrs: graph.Attrs{"axes": ints(-1)}}, In: optest.In(optest.Vals(3, 4))},
		optest.Sample{Name: "3 4", Node: graph.Node{Op: "LpNormalization"}, In: optest.In(optest.F64([]int{2, 2}, 3, -4, 0.5, 1.2)),
			Want: optest.In(optest.F64([]int{2, 2}, 0.6, -0.8, 5./13, 12./13))},
		optest.Sample{Name: "zeros stay", Node: graph.Node{Op: "LpNormalization"}, In: optest.In(optest.F64([]int{2}, 0, 0)), Grad: []bool{false},
			Want: optest.In(optest.F64([]int{2}, 0, 0))},
	)
	addDropout()
}

func addLayerNorm(name string, x *tensor.Tensor, axis, rows, cols int) {
	if cols < 2 {
		return // the variance of one number is 0 and its gradient is rounding
	}
	name += string(rune('0' + axis))
	scale, bias := optest.Unit(x.Shape()[axis:]...), optest.Vals2(x.Shape()[axis:]...)
	n := graph.Node{Op: "LayerNormalization", Attrs: graph.Attrs{"axis": int64(axis)}}
	optest.Add(
		optest.Sample{Name: name, Node: n, In: optest.In(x, scale, bias), Want: optest.In(rowNormed(x, scale, bias, rows, cols, cols, 1)), Tol: 1e-4},
		optest.Sample{Name: name + ", no bias, statistics", Node: n, In: optest.In(x, scale), NOut: 3, Tol: 1e-4},
	)
}

// normed is batch normalisation with given statistics.
func normed(x, scale, bias, mean, variance *tensor.Tensor) *tensor.Tensor {
	y, s := x.Clone(), product(x.Shape()[2:])
	for i, v := range tensor.Data[float64](x) {
		c := i / s % scale.Len()
		at := func(t *tensor.Tensor) float64 { return tensor.Data[float64](t)[c] }
		tensor.Data[float64](y)[i] = at(scale)*(v-at(mean))/math.Sqrt(at(variance)+1e-5) + at(bias)
	}
	return y
}

func batchNormed(x, scale, bias *tensor.Tensor) (y, mean, variance *tensor.Tensor) {
	mean, variance = tensor.New(tensor.F64, scale.Shape()), tensor.New(tensor.F64, scale.Shape())
	s, n := product(x.Shape()[2:]), float64(x.Len()/scale.Len())
	for i, v := range tensor.Data[float64](x) {
		tensor.Data[float64](mean)[i/s%scale.Len()] += v / n
	}
	for i, v := range tensor.Data[float64](x) {
		d := v - tensor.Data[float64](mean)[i/s%scale.Len()]
		tensor.Data[float64](variance)[i/s%scale.Len()] += d * d / n
	}
	return normed(x, scale, bias, mean, variance), mean, variance
}

// rowNormed normalises rows; scale and bias have n numbers, each for seg elements.
func rowNormed(x, scale, bias *tensor.Tensor, rows, cols, n, seg int) *tensor.Tensor {
	y := x.Clone()
	if n == scale.Len() && seg == 1 && cols != n { // instances
		seg = cols
	}
	for r := range rows {
		row := tensor.Data[float64](y)[r*cols : (r+1)*cols]
		var mean, variance float64
		for _, v := range row {
			mean += v / float64(cols)
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(cols)
		}
		for i, v := range row {
			c := (r*cols + i) / seg % n
			row[i] = tensor.Data[float64](scale)[c]*(v-mean)/math.Sqrt(variance+1e-5) + tensor.Data[float64](bias)[c]
		}
	}
	return y
}

// lrnOf is LRN with size 3, alpha 0.5, beta 0.75 and bias 2.
func lrnOf(x *tensor.Tensor) *tensor.Tensor {
	y, c, s := x.Clone(), x.Shape()[1], product(x.Shape()[2:])
	d := tensor.Data[float64](x)
	for i, v := range d {
		sum := 0.0
		for q := max(0, i/s%c-1); q <= min(c-1, i/s%c+1); q++ {
			w := d[i+(q-i/s%c)*s]
			sum += w * w
		}
		tensor.Data[float64](y)[i] = v * math.Pow(2+0.5/3*sum, -0.75)
	}
	return y
}

func mvnOf(x *tensor.Tensor) *tensor.Tensor {
	one, zero := tensor.New(tensor.F64, x.Shape()[1:2]), tensor.New(tensor.F64, x.Shape()[1:2])
	fill(tensor.Data[float64](one), 1)
	_, mean, variance := batchNormed(x, one, zero)
	for i, v := range tensor.Data[float64](variance) {
		tensor.Data[float64](variance)[i] = v - 1e-5 // normed adds it
	}
	return normed(x, one, zero, mean, variance)
}

func addDropout() {
	x, half, yes := optest.Vals(5, 9), tensor.Scalar(float32(0.4)), tensor.Scalar(true)
	all := tensor.New(tensor.Bool, []int{5, 9})
	fill(tensor.Data[bool](all), true)
	n := graph.Node{Op: "Dropout"}
	optest.Add(
		optest.Sample{Name: "inference", Node: n, In: optest.In(x, half), Const: []int{1}, Want: optest.In(x)},
		optest.Sample{Name: "inference with mask", Node: n, In: optest.In(x), NOut: 2, Want: optest.In(x, all)},
		optest.Sample{Name: "training", Node: n, In: optest.In(x, half), Const: []int{1}, Train: true, Random: true},
		optest.Sample{Name: "training mode", Node: n, In: optest.In(x, half, yes), Const: []int{1}, NOut: 2, Random: true},
		optest.Sample{Name: "nothing dropped", Node: n, In: optest.In(x, tensor.Scalar(float32(0)), yes), Const: []int{1}, NOut: 2, Want: optest.In(x, all)},
	)
}

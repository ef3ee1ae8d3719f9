package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	for _, c := range []struct {
		name string
		dims []int
		axis int
	}{
		{"last axis", []int{3, 7}, -1},
		{"channels", []int{2, 4, 3, 2}, 1},
		{"first axis", []int{5, 3}, 0},
		{"many columns", []int{2, 3, 700}, 1},
		{"long rows", []int{2, 600}, 1},
		{"one element", []int{3, 1}, 1},
	} {
		attr := graph.Attrs{"axis": int64(c.axis)}
		x := optest.Vals(c.dims...)
		y := naiveSoftmax(x, c.axis)
		l := y.Clone()
		for i, v := range tensor.Data[float64](y) {
			tensor.Data[float64](l)[i] = math.Log(v)
		}
		optest.Add(
			optest.Sample{Name: c.name, Node: graph.Node{Op: "Softmax", Attrs: attr}, In: optest.In(x), Want: optest.In(y)},
			optest.Sample{Name: c.name, Node: graph.Node{Op: "LogSoftmax", Attrs: attr}, In: optest.In(x), Want: optest.In(l)},
		)
	}
	optest.Add(optest.Sample{Name: "large", Node: graph.Node{Op: "Softmax"}, In: optest.In(optest.F64([]int{2}, 1000, 1000)), Want: optest.In(optest.F64([]int{2}, 0.5, 0.5))})
}

func naiveSoftmax(x *tensor.Tensor, axis int) *tensor.Tensor {
	s := x.Shape()
	if axis < 0 {
		axis += len(s)
	}
	y, n, inner := x.Clone(), s[axis], product(s[axis+1:])
	d := tensor.Data[float64](y)
	for i := range len(d) / n {
		at, sum := i/inner*n*inner+i%inner, 0.0
		for j := range n {
			sum += math.Exp(d[at+j*inner])
		}
		for j := range n {
			d[at+j*inner] = math.Exp(d[at+j*inner]) / sum
		}
	}
	return y
}

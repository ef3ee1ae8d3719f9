package op

import (
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	for _, r := range []string{"mean", "sum", "none"} {
		attr := func(more graph.Attrs) graph.Attrs {
			a := graph.Attrs{"reduction": r}
			for k, v := range more {
				a[k] = v
			}
			return a
		}
		rows := optest.I64([]int{5}, 2, 0, 1, 2, 2)
		ignored := optest.I64([]int{5}, 2, -1, 1, 2, -1)
		maps := optest.I64([]int{2, 2, 3}, 0, 1, 2, 3, 3, 2, 1, 0, 0, 2, 1, 3)
		for _, op := range []string{"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"} {
			addLoss(op, r, attr(nil), optest.Vals(5, 3), rows, nil)
			addLoss(op, r+" weights", attr(nil), optest.Vals(5, 3), rows, optest.Pos(3))
			addLoss(op, r+" ignored", attr(graph.Attrs{"ignore_index": int64(-1)}), optest.Vals(5, 3), ignored, optest.Pos(3))
			addLoss(op, r+" maps", attr(graph.Attrs{"ignore_index": int64(1)}), optest.Vals(2, 4, 2, 3), maps, optest.Pos(4))
		}
	}
	x, y := optest.Vals(4, 3), tensor.Of([]int{4}, []int32{0, 2, 1, 1})
	optest.Add(optest.Sample{Name: "logarithms", Node: graph.Node{Op: "SoftmaxCrossEntropyLoss"}, In: optest.In(x, y), NOut: 2,
		Want: optest.In(naiveLoss(graph.Attrs{}, logSoftmaxOf(x), y, nil), logSoftmaxOf(x))})
}

func addLoss(op, name string, a graph.Attrs, x, y, w *tensor.Tensor) {
	l := x
	if op == "SoftmaxCrossEntropyLoss" {
		l = logSoftmaxOf(x)
	}
	optest.Add(optest.Sample{Name: name, Node: graph.Node{Op: op, Attrs: a}, In: optest.In(x, y, w), Want: optest.In(naiveLoss(a, l, y, w))})
}

// logSoftmaxOf is log softmax along axis 1.
func logSoftmaxOf(x *tensor.Tensor) *tensor.Tensor {
	y, s := x.Clone(), product(x.Shape()[2:])
	d, c := tensor.Data[float64](y), x.Shape()[1]
	for i := range x.Shape()[0] * s {
		at, sum := i/s*c*s+i%s, 0.0
		for j := range c {
			sum += math.Exp(d[at+j*s])
		}
		for j := range c {
			d[at+j*s] -= math.Log(sum)
		}
	}
	return y
}

func naiveLoss(a graph.Attrs, l, y, w *tensor.Tensor) *tensor.Tensor {
	none := tensor.New(tensor.F64, y.Shape())
	var sum, total float64
	s, c := product(l.Shape()[2:]), l.Shape()[1]
	for i := range y.Len() {
		var v int
		if y.DType() == tensor.I64 {
			v = int(y.I64s()[i])
		} else {
			v = int(tensor.Data[int32](y)[i])
		}
		if a.Has("ignore_index") && v == a.Int("ignore_index", 0) {
			continue
		}
		f := 1.0
		if w != nil {
			f = tensor.Data[float64](w)[v]
		}
		e := -f * tensor.Data[float64](l)[(i/s*c+v)*s+i%s]
		tensor.Data[float64](none)[i] = e
		sum, total = sum+e, total+f
	}
	switch a.Str("reduction", "mean") {
	case "none":
		return none
	case "sum":
		return tensor.Scalar(sum)
	}
	return tensor.Scalar(sum / total)
}

func TestLossRefusesLabels(t *testing.T) {
	s := optest.Sample{Node: graph.Node{Op: "SoftmaxCrossEntropyLoss"}, In: optest.In(optest.Vals(2, 3), optest.I64([]int{2}, 0, 3))}
	if _, err := optest.RunSession(s); err == nil {
		t.Error("label 3 of 3 classes is accepted")
	}
}

package op

import (
	"math"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// pairShapes are the shapes of two operands that every operator of two is tried on.
var pairShapes = []struct {
	name string
	a, b []int
}{
	{"same", []int{3, 7}, []int{3, 7}},
	{"scalars", nil, nil},
	{"right scalar", []int{4, 5}, nil},
	{"left scalar", nil, []int{4, 5}},
	{"row", []int{4, 6}, []int{6}},
	{"column", []int{4, 6}, []int{4, 1}},
	{"channel", []int{2, 3, 4, 5}, []int{3, 1, 1}},
	{"channel left", []int{3, 1, 1}, []int{2, 3, 4, 5}},
	{"outer", []int{5, 1}, []int{1, 6}},
	{"inner ones", []int{2, 1, 3, 1, 2}, []int{2, 3, 1, 2, 1}},
	{"one more axis", []int{3}, []int{1, 3}},
	{"empty", []int{0, 3}, []int{3}},
	{"empty right", []int{1, 3}, []int{0, 3}},
}

// addPairs adds samples of all shapes.
func addPairs(op string, attrs graph.Attrs, a, b func(...int) *tensor.Tensor) {
	for _, s := range pairShapes {
		optest.Add(optest.Sample{Name: s.name + " " + attrs.String(), Node: graph.Node{Op: op, Attrs: attrs}, In: optest.In(a(s.a...), b(s.b...))})
	}
}

// addPair adds one sample with its result.
func addPair(name, op string, attrs graph.Attrs, a, b, want *tensor.Tensor) {
	optest.Add(optest.Sample{Name: name, Node: graph.Node{Op: op, Attrs: attrs}, In: optest.In(a, b), Want: optest.In(want), Grad: []bool{false}})
}

func init() {
	for _, op := range []string{"Add", "Sub", "Mul"} {
		addPairs(op, nil, optest.Vals, optest.Vals2)
	}
	addPairs("Div", nil, optest.Vals, optest.Pos)
	a, b := tensor.Of(tensor.Shape{2, 2}, []float64{1, 2, 3, 4}), tensor.Vec(10., 100)
	addPair("values", "Add", nil, a, b, tensor.Of(tensor.Shape{2, 2}, []float64{11, 102, 13, 104}))
	addPair("values", "Sub", nil, a, b, tensor.Of(tensor.Shape{2, 2}, []float64{-9, -98, -7, -96}))
	addPair("values", "Mul", nil, a, b, tensor.Of(tensor.Shape{2, 2}, []float64{10, 200, 30, 400}))
	addPair("values", "Div", nil, a, b, tensor.Of(tensor.Shape{2, 2}, []float64{.1, .02, .3, .04}))
	addPair("by zero", "Div", nil, tensor.Vec(1., -1, 0), tensor.Scalar(0.), tensor.Vec(math.Inf(1), math.Inf(-1), math.NaN()))
	addPair("int32", "Add", nil, tensor.Vec[int32](1, math.MaxInt32), tensor.Vec[int32](1, 1), tensor.Vec[int32](2, math.MinInt32))
	addPair("uint8", "Sub", nil, tensor.Vec[uint8](1, 5), tensor.Scalar[uint8](2), tensor.Vec[uint8](255, 3))
	addPair("int64", "Mul", nil, tensor.Scalar[int64](3), tensor.Vec[int64](1, -5), tensor.Vec[int64](3, -15))
	addPair("int16", "Div", nil, tensor.Vec[int16](-7, 7), tensor.Vec[int16](2, -2), tensor.Vec[int16](-3, -3))
	addPair("float16", "Add", nil, tensor.Vec(tensor.ToFloat16(1), tensor.ToFloat16(2)), tensor.Vec(tensor.ToFloat16(0.5)),
		tensor.Vec(tensor.ToFloat16(1.5), tensor.ToFloat16(2.5)))
}

// wantError checks that a sample fails with an error that says why.
func wantError(t *testing.T, s optest.Sample, why string) {
	t.Helper()
	if _, err := optest.RunSession(s); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: error %v, want one about %q", s.Node.Op, err, why)
	}
}

func TestArithErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "Add"}, In: optest.In(optest.Vals(2, 3), optest.Vals(2))}, "broadcast")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Add"}, In: optest.In(optest.Vals(2), tensor.Vec[int32](1, 2))}, "want float64")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Add"}, In: optest.In(optest.Vals(2))}, "missing")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Div"}, Live: true, In: optest.In(tensor.Vec[int32](1), tensor.Vec[int32](0))}, "zero")
}

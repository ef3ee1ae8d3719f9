package op

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// reductions are their values of [[1 2 4] [3 1 2]] along axis 1, and of no elements.
var reductions = []struct {
	name  string
	want  [2]float64
	empty float64
}{
	{"ReduceSum", [2]float64{7, 6}, 0},
	{"ReduceMean", [2]float64{7. / 3, 2}, math.NaN()},
	{"ReduceMax", [2]float64{4, 3}, math.Inf(-1)},
	{"ReduceMin", [2]float64{1, 1}, math.Inf(1)},
	{"ReduceProd", [2]float64{8, 6}, 1},
	{"ReduceL1", [2]float64{7, 6}, 0},
	{"ReduceL2", [2]float64{math.Sqrt(21), math.Sqrt(14)}, 0},
	{"ReduceSumSquare", [2]float64{21, 14}, 0},
	{"ReduceLogSum", [2]float64{math.Log(7), math.Log(6)}, math.Inf(-1)},
	{"ReduceLogSumExp", [2]float64{4.169846, 3.407606}, math.Inf(-1)},
}

// reduceCases are shapes with the axes to reduce.
var reduceCases = []struct {
	name string
	dims []int
	axes []int64
	attr graph.Attrs
}{
	{"last axis", []int{5, 7}, []int64{-1}, nil},
	{"first axis", []int{7, 5}, []int64{0}, nil},
	{"first axis of many columns", []int{2, 90}, []int64{0}, nil},
	{"middle axis", []int{2, 6, 3}, []int64{1}, graph.Attrs{"keepdims": int64(0)}},
	{"channels", []int{2, 3, 4, 5}, []int64{0, 2, 3}, graph.Attrs{"keepdims": int64(0)}},
	{"planes", []int{2, 3, 4, 5}, []int64{2, 3}, nil},
	{"alternating", []int{2, 3, 2, 3}, []int64{1, 3}, nil},
	{"alternating, last kept", []int{2, 3, 2, 3}, []int64{2, 0}, nil},
	{"extents of one", []int{1, 4, 1, 3, 1}, []int64{0, 1, 4}, nil},
	{"everything", []int{4, 5}, nil, graph.Attrs{"keepdims": int64(0)}},
	{"everything kept", []int{4, 5}, nil, nil},
	{"scalar", nil, nil, nil},
	{"nothing to do", []int{2, 3}, nil, graph.Attrs{"noop_with_empty_axes": int64(1)}},
	{"many elements", []int{1300}, []int64{0}, nil},
}

func init() {
	for _, r := range reductions {
		for _, c := range reduceCases {
			if r.name == "ReduceProd" && c.name == "many elements" {
				continue // overflows float32
			}
			in := optest.In(optest.Pos(c.dims...))
			if c.axes != nil {
				in = append(in, tensor.Vec(c.axes...))
			}
			optest.Add(optest.Sample{Name: c.name, Node: graph.Node{Op: r.name, Attrs: c.attr}, In: in, Tol: 3e-5})
		}
		m := tensor.Of(tensor.Shape{2, 3}, []float64{1, 2, 4, 3, 1, 2})
		node, axis := graph.Node{Op: r.name, Attrs: graph.Attrs{"keepdims": int64(0)}}, tensor.Vec[int64](1)
		none := tensor.New(tensor.F64, tensor.Shape{2, 0})
		optest.Add(
			optest.Sample{Name: "values", Node: node, In: optest.In(m, axis), Grad: []bool{false}, Want: optest.In(tensor.Vec(r.want[:]...))},
			optest.Sample{Name: "empty axis", Node: node, In: optest.In(none, axis), Want: optest.In(tensor.Vec(r.empty, r.empty)), Grad: []bool{false}},
			optest.Sample{Name: "no results", Node: node, In: optest.In(none, tensor.Vec[int64](0)), Want: optest.In(tensor.Vec[float64]())},
			optest.Sample{Name: "axes attribute", Node: graph.Node{Op: r.name, Attrs: graph.Attrs{"axes": []int64{1}, "keepdims": int64(0)}},
				In: optest.In(m), Grad: []bool{false}, Want: optest.In(tensor.Vec(r.want[:]...))},
			optest.Sample{Name: "bfloat16", Node: node, In: optest.In(tensor.Vec(tensor.ToBFloat16(3)), tensor.Vec[int64](0)), Tol: 0.02},
		)
		if !strings.HasPrefix(r.name, "ReduceLog") {
			addIntReduction(r.name, r.want)
		}
	}
	addReduceEdges()
	addArgs()
	addCumSum()
}

// addIntReduction truncates what the reduction of floats gives.
func addIntReduction(op string, want [2]float64) {
	node := graph.Node{Op: op, Attrs: graph.Attrs{"keepdims": int64(0)}}
	axis := tensor.Vec[int64](1)
	optest.Add(
		optest.Sample{Name: "int32", Node: node, In: optest.In(tensor.Of(tensor.Shape{2, 3}, []int32{1, 2, 4, 3, 1, 2}), axis),
			Want: optest.In(tensor.Vec(int32(want[0]), int32(want[1])))},
		optest.Sample{Name: "uint8 columns", Node: node, In: optest.In(tensor.Of(tensor.Shape{3, 2}, []uint8{1, 3, 2, 1, 4, 2}), tensor.Vec[int64](0)),
			Want: optest.In(tensor.Vec(uint8(want[0]), uint8(want[1])))},
	)
}

func addReduceEdges() {
	nan, inf := math.NaN(), math.Inf(1)
	rows := func(v ...float64) []*tensor.Tensor {
		return optest.In(tensor.Of(tensor.Shape{len(v) / 2, 2}, v), tensor.Vec[int64](1))
	}
	zeros := optest.In(tensor.Of(tensor.Shape{3, 3}, []float64{2, 0, 3, 0, 0, 1.5, 2, -1, 4}), tensor.Vec[int64](1))
	flat := graph.Attrs{"keepdims": int64(0)}
	optest.Add(
		optest.Sample{Name: "NaN", Node: graph.Node{Op: "ReduceMax", Attrs: flat}, In: rows(nan, 1, 2, nan, -inf, -inf), Grad: []bool{false},
			Want: optest.In(tensor.Vec(nan, nan, -inf))},
		optest.Sample{Name: "NaN", Node: graph.Node{Op: "ReduceMin", Attrs: flat}, In: rows(nan, 1, 2, nan, inf, inf), Grad: []bool{false},
			Want: optest.In(tensor.Vec(nan, nan, inf))},
		optest.Sample{Name: "infinities", Node: graph.Node{Op: "ReduceLogSumExp", Attrs: flat}, In: rows(inf, 1, -inf, 2, -inf, -inf, 1000, 1000),
			Grad: []bool{false}, Want: optest.In(tensor.Vec(inf, 2, -inf, 1000+math.Ln2))},
		optest.Sample{Name: "zeros", Node: graph.Node{Op: "ReduceProd"}, In: zeros},
		optest.Sample{Name: "signs", Node: graph.Node{Op: "ReduceL1"}, In: optest.In(optest.Vals(3, 4), tensor.Vec[int64](0))},
	)
}

// TestReduceTies checks that equal elements share the gradient of a maximum: 3 for each result.
func TestReduceTies(t *testing.T) {
	for _, c := range []struct {
		shape tensor.Shape
		axes  []int64
		x, dx []float64
	}{
		{tensor.Shape{4}, nil, []float64{1, 5, 5, 2}, []float64{0, 1.5, 1.5, 0}},
		{tensor.Shape{2, 3, 2}, []int64{1}, []float64{1, 7, 1, 2, 1, 7, 4, 0, 3, 9, 4, 8}, []float64{1, 1.5, 1, 0, 1, 1.5, 1.5, 0, 0, 3, 1.5, 0}},
		{tensor.Shape{2, 2, 2}, []int64{0, 2}, []float64{6, 6, 2, 1, 6, 5, 2, 2}, []float64{1, 1, 1, 0, 1, 0, 1, 1}},
	} {
		n := graph.Node{Attrs: graph.Attrs{}}
		if c.axes != nil {
			n.Attrs["axes"] = c.axes
		}
		k, err := bindReduce(reduceMax, floatReduction[float64])(&graph.Bind{Node: &n, In: []graph.Spec{{DType: tensor.F64, Shape: c.shape}}})
		if err != nil {
			t.Fatal(err)
		}
		results := k.(*diffReduce[float64]).f.n
		vec := func(v float64) []*tensor.Tensor {
			return optest.In(tensor.Vec(slices.Repeat([]float64{v}, results)...))
		}
		in, out, din := optest.In(tensor.Of(c.shape, c.x)), vec(0), optest.In(tensor.New(tensor.F64, c.shape))
		x := &graph.Exec{Scratch: vec(0)}
		k.Forward(x, in, out)
		k.(graph.Backwarder).Backward(x, in, out, vec(3), din)
		if d := tensor.Data[float64](din[0]); !slices.Equal(d, c.dx) {
			t.Errorf("%v over %v: gradient %v, want %v", c.shape, c.axes, d, c.dx)
		}
	}
}

func TestReduceErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "ReduceSum"}, In: optest.In(optest.Vals(2), tensor.Vec[int64](1))}, "axis 1 is outside")
	wantError(t, optest.Sample{Node: graph.Node{Op: "ReduceSum"}, In: optest.In(optest.Vals(2), tensor.Vec[int64](0, -1))}, "given twice")
	wantError(t, optest.Sample{Node: graph.Node{Op: "ArgMax"}, In: optest.In(tensor.New(tensor.F64, tensor.Shape{0}))}, "no elements")
}

func addArgs() {
	m := tensor.Of(tensor.Shape{2, 3}, []float64{1, 4, 4, 3, 1, 1})
	nan := math.NaN()
	last := graph.Attrs{"axis": int64(1), "select_last_index": int64(1), "keepdims": int64(0)}
	for op, want := range map[string][4][]int64{
		"ArgMax": {{1, 0}, {2, 0}, {1, 0, 0}, {1, 1}},
		"ArgMin": {{0, 1}, {0, 2}, {0, 1, 1}, {1, 1}},
	} {
		node := func(a graph.Attrs) graph.Node { return graph.Node{Op: op, Attrs: a} }
		row := graph.Attrs{"axis": int64(-1), "keepdims": int64(0)}
		optest.Add(
			optest.Sample{Name: "rows", Node: node(row), NoGrad: true, In: optest.In(m), Want: optest.In(tensor.Vec(want[0]...))},
			optest.Sample{Name: "last", Node: node(last), NoGrad: true, In: optest.In(m), Want: optest.In(tensor.Vec(want[1]...))},
			optest.Sample{Name: "columns", Node: node(nil), NoGrad: true, In: optest.In(m), Want: optest.In(tensor.Of(tensor.Shape{1, 3}, want[2]))},
			optest.Sample{Name: "NaN", Node: node(row), NoGrad: true, In: optest.In(tensor.Of(tensor.Shape{2, 3}, []float64{1, nan, nan, 9, nan, 7})),
				Want: optest.In(tensor.Vec(want[3]...))},
			optest.Sample{Name: "maps", Node: node(graph.Attrs{"axis": int64(1)}), NoGrad: true, In: optest.In(optest.Vals(3, 4, 5, 2))},
			optest.Sample{Name: "uint8", Node: node(row), In: optest.In(tensor.Of(tensor.Shape{2, 3}, []uint8{1, 4, 4, 3, 1, 1})), Want: optest.In(tensor.Vec(want[0]...))},
			optest.Sample{Name: "empty", Node: node(graph.Attrs{"axis": int64(1)}), NoGrad: true, In: optest.In(tensor.New(tensor.F64, tensor.Shape{0, 2})),
				Want: optest.In(tensor.New(tensor.I64, tensor.Shape{0, 1}))},
		)
	}
}

func addCumSum() {
	in := func(axis int64) []*tensor.Tensor {
		return optest.In(tensor.Of(tensor.Shape{2, 3}, []float64{1, 2, 3, 4, 5, 6}), tensor.Scalar(axis))
	}
	yes := int64(1)
	cases := []struct {
		name  string
		axis  int64
		attrs graph.Attrs
		want  []float64
	}{
		{"rows", 1, nil, []float64{1, 3, 6, 4, 9, 15}},
		{"columns", -2, nil, []float64{1, 2, 3, 5, 7, 9}},
		{"exclusive", 1, graph.Attrs{"exclusive": yes}, []float64{0, 1, 3, 0, 4, 9}},
		{"reverse", 1, graph.Attrs{"reverse": yes}, []float64{6, 5, 3, 15, 11, 6}},
		{"both", 0, graph.Attrs{"reverse": yes, "exclusive": yes}, []float64{4, 5, 6, 0, 0, 0}},
	}
	for _, c := range cases {
		optest.Add(optest.Sample{Name: c.name, Node: graph.Node{Op: "CumSum", Attrs: c.attrs}, In: in(c.axis),
			Want: optest.In(tensor.Of(tensor.Shape{2, 3}, c.want))})
	}
	optest.Add(
		optest.Sample{Name: "middle", Node: graph.Node{Op: "CumSum"}, In: optest.In(optest.Vals(2, 4, 3), tensor.Vec[int32](1))},
		optest.Sample{Name: "empty", Node: graph.Node{Op: "CumSum"}, In: optest.In(optest.Vals(2, 0), tensor.Vec[int32](1))},
		optest.Sample{Name: "int64", Node: graph.Node{Op: "CumSum"}, In: optest.In(tensor.Vec[int64](1, 2, 3), tensor.Scalar[int64](0)),
			Want: optest.In(tensor.Vec[int64](1, 3, 6))},
	)
}

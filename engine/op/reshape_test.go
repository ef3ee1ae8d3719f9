package op

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// i64s is a vector of int64.
func i64s(v ...int64) *tensor.Tensor { return tensor.Vec(v...) }

// seq returns 0, 1, 2, ... as float64.
func seq(dims ...int) *tensor.Tensor {
	t := tensor.New(tensor.F64, dims)
	for i := range t.Len() {
		tensor.Data[float64](t)[i] = float64(i)
	}
	return t
}

// moveTypes adds samples of an operator that moves the elements of a vector of
// six, in several element types: the output has those at pick.
func moveTypes(node graph.Node, rest []*tensor.Tensor, pick ...int) {
	words := []string{"a", "", "ccc", "d", "e", "f"}
	add := func(name string, in, want *tensor.Tensor) {
		optest.Add(optest.Sample{Name: name, Node: node, In: append(optest.In(in), rest...), Want: optest.In(want)})
	}
	s, bools := make([]string, len(pick)), make([]bool, len(pick))
	i32, u8, h := make([]int32, len(pick)), make([]uint8, len(pick)), make([]tensor.Float16, len(pick))
	for i, p := range pick {
		s[i], bools[i], i32[i], u8[i], h[i] = words[p], p%2 == 1, int32(-p), uint8(250+p), tensor.ToFloat16(float32(p))
	}
	out := tensor.Shape{len(pick)}
	add("strings", tensor.Vec(words...), tensor.Of(out, s))
	add("bools", tensor.Vec(false, true, false, true, false, true), tensor.Of(out, bools))
	add("int32", tensor.Vec[int32](0, -1, -2, -3, -4, -5), tensor.Of(out, i32))
	add("uint8", tensor.Vec[uint8](250, 251, 252, 253, 254, 255), tensor.Of(out, u8))
	half := make([]tensor.Float16, 6)
	for i := range half {
		half[i] = tensor.ToFloat16(float32(i))
	}
	add("float16", tensor.Vec(half...), tensor.Of(out, h))
}

func init() {
	reshape := graph.Node{Op: "Reshape"}
	zero := graph.Node{Op: "Reshape", Attrs: graph.Attrs{"allowzero": int64(1)}}
	like := func(s *tensor.Tensor, dims ...int) []*tensor.Tensor { return optest.In(s.View(dims)) }
	x := seq(2, 3, 4)
	optest.Add(
		optest.Sample{Name: "free and kept", Node: reshape, In: optest.In(x, i64s(0, -1)), Want: like(x, 2, 12)},
		optest.Sample{Name: "free first", Node: reshape, In: optest.In(x, i64s(-1, 3, 2)), Want: like(x, 4, 3, 2)},
		optest.Sample{Name: "to scalar", Node: reshape, In: optest.In(seq(1, 1), i64s()), Want: like(seq(1))},
		optest.Sample{Name: "of scalar", Node: reshape, In: optest.In(seq(), i64s(-1)), Want: like(seq(), 1)},
		optest.Sample{Name: "empty", Node: reshape, In: optest.In(seq(0, 3), i64s(0, 1, 3)), Want: like(seq(0, 3), 0, 1, 3)},
		optest.Sample{Name: "allowzero", Node: zero, In: optest.In(seq(0, 3), i64s(3, 0)), Want: like(seq(0, 3), 3, 0)},
	)
	moveTypes(reshape, optest.In(i64s(-1)), 0, 1, 2, 3, 4, 5)

	flatten := func(axis int64) graph.Node { return graph.Node{Op: "Flatten", Attrs: graph.Attrs{"axis": axis}} }
	optest.Add(
		optest.Sample{Name: "default", Node: graph.Node{Op: "Flatten"}, In: optest.In(x), Want: like(x, 2, 12)},
		optest.Sample{Name: "first", Node: flatten(0), In: optest.In(x), Want: like(x, 1, 24)},
		optest.Sample{Name: "rank", Node: flatten(3), In: optest.In(x), Want: like(x, 24, 1)},
		optest.Sample{Name: "negative", Node: flatten(-1), In: optest.In(x), Want: like(x, 6, 4)},
		optest.Sample{Name: "scalar", Node: flatten(0), In: optest.In(seq()), Want: like(seq(), 1, 1)},
		optest.Sample{Name: "strings", Node: flatten(0), In: optest.In(tensor.Vec("a", "b")), Want: optest.In(tensor.Of(tensor.Shape{1, 2}, []string{"a", "b"}))},
	)

	squeeze, unsqueeze := graph.Node{Op: "Squeeze"}, graph.Node{Op: "Unsqueeze"}
	y := seq(1, 3, 1, 2)
	optest.Add(
		optest.Sample{Name: "all", Node: squeeze, In: optest.In(y), Want: like(y, 3, 2)},
		optest.Sample{Name: "listed", Node: squeeze, In: optest.In(y, i64s(-2)), Want: like(y, 1, 3, 2)},
		optest.Sample{Name: "none", Node: squeeze, In: optest.In(y, i64s()), Want: like(y, 1, 3, 1, 2)},
		optest.Sample{Name: "attribute", Node: graph.Node{Op: "Squeeze", Attrs: graph.Attrs{"axes": []int64{0}}}, In: optest.In(y), Want: like(y, 3, 1, 2)},
		optest.Sample{Name: "scalar", Node: squeeze, In: optest.In(seq(1), i64s(0)), Want: like(seq(1))},
		optest.Sample{Name: "two", Node: unsqueeze, In: optest.In(seq(3, 2), i64s(-1, 0)), Want: like(seq(3, 2), 1, 3, 2, 1)},
		optest.Sample{Name: "scalar", Node: unsqueeze, In: optest.In(seq(), i64s(0)), Want: like(seq(), 1)},
		optest.Sample{Name: "none", Node: unsqueeze, In: optest.In(seq(2), i64s()), Want: like(seq(2), 2)},
		optest.Sample{Name: "empty", Node: unsqueeze, In: optest.In(seq(0), i64s(1)), Want: like(seq(0), 0, 1)},
		optest.Sample{Name: "bools", Node: unsqueeze, In: optest.In(tensor.Vec(true), i64s(1)), Want: optest.In(tensor.Of(tensor.Shape{1, 1}, []bool{true}))},
	)
}

func TestReshapeErrors(t *testing.T) {
	bad := func(op string, in *tensor.Tensor, list *tensor.Tensor, why string) {
		t.Helper()
		wantError(t, optest.Sample{Node: graph.Node{Op: op}, In: optest.In(in, list)}, why)
	}
	bad("Reshape", seq(6), i64s(4, -1), "do not fit")
	bad("Reshape", seq(6), i64s(-1, -1), "at most once")
	bad("Reshape", seq(6), i64s(6, 0), "does not have")
	bad("Reshape", seq(0), i64s(0, -1), "not defined")
	bad("Squeeze", seq(2), i64s(0), "want 1")
	bad("Unsqueeze", seq(2), i64s(3), "outside")
	bad("Unsqueeze", seq(2), i64s(1, -2), "twice")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Flatten", Attrs: graph.Attrs{"axis": int64(2)}}, In: optest.In(seq(2))}, "outside")
}

func init() {
	values := func(op string, attrs graph.Attrs, in, want *tensor.Tensor) {
		optest.Add(optest.Sample{Name: in.String() + " " + attrs.String(), Node: graph.Node{Op: op, Attrs: attrs}, NoGrad: true,
			In: optest.In(in), Want: optest.In(want)})
	}
	x := seq(2, 3, 4)
	values("Shape", nil, x, i64s(2, 3, 4))
	values("Shape", graph.Attrs{"start": int64(-2)}, x, i64s(3, 4))
	values("Shape", graph.Attrs{"start": int64(1), "end": int64(-1)}, x, i64s(3))
	values("Shape", graph.Attrs{"start": int64(2), "end": int64(1)}, x, i64s())
	values("Shape", graph.Attrs{"start": int64(-9), "end": int64(9)}, x, i64s(2, 3, 4))
	values("Shape", nil, seq(), i64s())
	values("Shape", nil, tensor.Vec("a"), i64s(1))
	values("Size", nil, x, tensor.Scalar[int64](24))
	values("Size", nil, seq(), tensor.Scalar[int64](1))
	values("Size", nil, seq(2, 0), tensor.Scalar[int64](0))

	for name, v := range map[string]any{"value_float": float32(1.5), "value_floats": []float32{1, 2}, "value_int": int64(3),
		"value_ints": []int64{4, 5}, "value_string": "s", "value_strings": []string{"t", "u"}, "value": tensor.Scalar(true)} {
		optest.Add(optest.Sample{Name: name, Node: graph.Node{Op: "Constant", Attrs: graph.Attrs{name: v}}, Want: optest.In(constantValue(name, v))})
	}
	of := func(v *tensor.Tensor) graph.Node {
		return graph.Node{Op: "ConstantOfShape", Attrs: graph.Attrs{"value": v}}
	}
	optest.Add(
		optest.Sample{Name: "default", Node: graph.Node{Op: "ConstantOfShape"}, In: optest.In(i64s(2, 3)), Want: optest.In(tensor.New(tensor.F32, tensor.Shape{2, 3}))},
		optest.Sample{Name: "scalar", Node: of(tensor.Vec[int32](7)), In: optest.In(i64s()), Want: optest.In(tensor.Scalar[int32](7))},
		optest.Sample{Name: "empty", Node: of(tensor.Vec[uint8](7)), In: optest.In(i64s(2, 0)), Want: optest.In(tensor.New(tensor.U8, tensor.Shape{2, 0}))},
		optest.Sample{Name: "bools", Node: of(tensor.Vec(true)), In: optest.In(i64s(2)), Want: optest.In(tensor.Vec(true, true))},
		optest.Sample{Name: "strings", Node: of(tensor.Vec("x")), In: optest.In(i64s(2)), Want: optest.In(tensor.Vec("x", "x"))},
	)
}

func TestConstantErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "Constant"}}, "no value")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Constant", Attrs: graph.Attrs{"value_int": int64(1), "value_float": float32(1)}}}, "more than one")
	wantError(t, optest.Sample{Node: graph.Node{Op: "ConstantOfShape"}, In: optest.In(i64s(-1))}, "no shape")
}

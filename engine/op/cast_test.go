package op

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// casts are the values 0, 1 and 3 in every type; a bool has but two values.
var casts = []struct {
	to    int64
	three *tensor.Tensor
}{
	{1, tensor.Vec[float32](0, 1, 3)}, {11, tensor.Vec[float64](0, 1, 3)},
	{10, tensor.Vec(tensor.ToFloat16(0), tensor.ToFloat16(1), tensor.ToFloat16(3))},
	{16, tensor.Vec(tensor.ToBFloat16(0), tensor.ToBFloat16(1), tensor.ToBFloat16(3))},
	{2, tensor.Vec[uint8](0, 1, 3)}, {3, tensor.Vec[int8](0, 1, 3)}, {4, tensor.Vec[uint16](0, 1, 3)}, {5, tensor.Vec[int16](0, 1, 3)},
	{6, tensor.Vec[int32](0, 1, 3)}, {7, tensor.Vec[int64](0, 1, 3)}, {12, tensor.Vec[uint32](0, 1, 3)}, {13, tensor.Vec[uint64](0, 1, 3)},
	{9, tensor.Vec(false, true, true)},
}

func init() {
	for _, from := range casts {
		for _, to := range casts {
			in, want := from.three, to.three
			switch {
			case in.DType() == tensor.F64: // converted to float32 by the contract; tried below
				continue
			case in.DType() == tensor.Bool && want.DType() != tensor.Bool:
				in, want = tensor.Vec(false, true), nil
			}
			name := fmt.Sprintf("%v to %v", in.DType(), to.three.DType())
			optest.Add(
				optest.Sample{Name: name, Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": to.to}}, In: optest.In(in), Want: optest.In(want)},
				optest.Sample{Name: name, Node: graph.Node{Op: "CastLike"}, In: optest.In(in, to.three), Grad: []bool{false}, Want: optest.In(want)})
		}
	}
	optest.Add(
		optest.Sample{Name: "truncation", Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": int64(6)}}, NoGrad: true,
			In: optest.In(tensor.Vec(-1.7, 0.9, 2.5)), Want: optest.In(tensor.Vec[int32](-1, 0, 2))},
		optest.Sample{Name: "float", Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": int64(1)}}, Tol: 1e-6,
			In: optest.In(optest.Vals(3, 5)), Grad: []bool{false}},
		optest.Sample{Name: "double", Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": int64(11)}}, In: optest.In(optest.Vals(3, 5))},
		optest.Sample{Name: "scalar", Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": int64(9)}}, In: optest.In(tensor.Scalar(-0.5)), NoGrad: true,
			Want: optest.In(tensor.Scalar(true))},
		optest.Sample{Name: "empty", Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": int64(7)}}, In: optest.In(optest.Vals(0, 2)), NoGrad: true},
		optest.Sample{Name: "floats", Node: graph.Node{Op: "Identity"}, In: optest.In(optest.Vals(2, 3))},
		optest.Sample{Name: "strings", Node: graph.Node{Op: "Identity"}, In: optest.In(tensor.Vec("a", "b")), Want: optest.In(tensor.Vec("a", "b"))},
		optest.Sample{Name: "scalar", Node: graph.Node{Op: "Identity"}, In: optest.In(tensor.Scalar(true)), Want: optest.In(tensor.Scalar(true))},
	)
}

func TestCastErrors(t *testing.T) {
	wantError(t, optest.Sample{Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": int64(15)}}, In: optest.In(optest.Vals(2))}, "attribute to is 15")
	wantError(t, optest.Sample{Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": int64(1)}}, Live: true, In: optest.In(tensor.Vec("1", "one"))}, "element 1")
}

// TestCastGradient checks that a gradient comes back in the type of the input.
func TestCastGradient(t *testing.T) {
	k, err := newCast(&graph.Bind{Node: &graph.Node{}, In: []graph.Spec{{DType: tensor.F64, Shape: tensor.Shape{3}}}}, tensor.F32)
	if err != nil {
		t.Fatal(err)
	}
	din := tensor.New(tensor.F64, tensor.Shape{3})
	k.(graph.Backwarder).Backward(&graph.Exec{}, nil, nil, optest.In(tensor.Vec[float32](1, 2, 3)), optest.In(din))
	if d := tensor.Data[float64](din); d[0] != 1 || d[1] != 2 || d[2] != 3 {
		t.Errorf("gradient %v, want [1 2 3]", d)
	}
}

// TestCastStrings casts there and back. These casts allocate, so they are no samples of the contract.
func TestCastStrings(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		to   int64
		in   *tensor.Tensor
		want []string
	}{
		{1, tensor.Vec[float32](0.9767611, 1e-5, -2, inf, -inf, float32(math.NaN())), []string{"0.9767611", "1e-05", "-2", "INF", "-INF", "NaN"}},
		{11, tensor.Vec(0.1, 1e300), []string{"0.1", "1e+300"}},
		{16, tensor.Vec(tensor.ToBFloat16(0.5)), []string{"0.5"}},
		{7, tensor.Vec[int64](math.MaxInt64, -5), []string{"9223372036854775807", "-5"}},
		{2, tensor.Vec[uint8](200), []string{"200"}},
		{9, tensor.Vec(true, false), []string{"1", "0"}},
	} {
		text := castTo(t, c.in, 8)
		if got := tensor.Data[string](text); !slices.Equal(got, c.want) {
			t.Errorf("%v became %q, want %q", c.in, got, c.want)
		}
		if back := castTo(t, text, c.to); back.DType() != c.in.DType() || !bytes.Equal(back.Raw(), c.in.Raw()) {
			t.Errorf("%v did not come back from %q", c.in, c.want)
		}
	}
	if got := castTo(t, tensor.Vec("2.75", "-INF"), 6); tensor.Data[int32](got)[0] != 2 {
		t.Errorf("2.75 became the int32 %d", tensor.Data[int32](got)[0])
	}
}

func castTo(t *testing.T, in *tensor.Tensor, to int64) *tensor.Tensor {
	t.Helper()
	out, err := optest.RunSession(optest.Sample{Node: graph.Node{Op: "Cast", Attrs: graph.Attrs{"to": to}}, In: optest.In(in), Live: true})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

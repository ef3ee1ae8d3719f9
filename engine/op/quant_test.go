package op

import (
	"math"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	x, w, bias, res := optest.Vals(3, 2, 5), optest.Unit(5, 4), optest.Unit(4), optest.Vals2(3, 2, 4)
	for bits, tol := range map[string]float64{"int8": 0.02, "bfloat16": 0.01} {
		relu := graph.Attrs{attrPrecision: bits, attrAct: "Relu"}
		optest.Add(
			dotSample(bits+" with everything", relu, tol, x, w, bias, res),
			dotSample(bits+" transposed", graph.Attrs{attrPrecision: bits, "transB": int64(1)}, tol, optest.Vals(3, 5), optest.Unit(4, 5)),
		)
	}
}

func dotSample(name string, a graph.Attrs, tol float64, in ...*tensor.Tensor) optest.Sample {
	n := graph.Node{Domain: graph.PrivateDomain, Op: "DotLinear", Attrs: a}
	return optest.Sample{Name: name, Node: n, In: optest.In(in...), Const: []int{1}, NoGrad: true, Tol: tol}
}

// dense is two layers, Gemm with its weights as they are exported and MatMul with Add.
func dense(t *testing.T) *graph.Model {
	t.Helper()
	b, r := graph.NewBuilder("net"), tensor.NewRand(3, "dense")
	par := func(name string, dims ...int) graph.Value {
		p := tensor.New(tensor.F32, dims)
		for i := range p.F32s() {
			p.F32s()[i] = r.Sub(uint64(len(name)*100+dims[0])).Float32(uint64(i)) - 0.5
		}
		return b.Param(name, p)
	}
	h := b.Node("fc1", "Gemm", graph.Attrs{"transB": int64(1)}, b.Input("x", tensor.F32, 9, 70), par("w", 50, 70), par("b", 50))
	h = b.Node("relu", "Relu", nil, h)
	b.Output(b.Node("add", "Add", nil, b.Node("fc2", "MatMul", nil, h, par("w2", 50, 11)), par("b2", 11)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func runDense(t *testing.T, m *graph.Model) ([]float32, *graph.Session) {
	t.Helper()
	s, err := graph.Compile(m, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := tensor.NewRand(4, "x")
	for i := range s.Tensor("x").F32s() {
		s.Tensor("x").F32s()[i] = r.Float32(uint64(i)) - 0.3
	}
	if err := s.Forward(); err != nil {
		t.Fatal(err)
	}
	return s.Tensor(m.Graph.Outputs[0].Name).F32s(), s
}

// TestInPrecision bounds the error, shows that something was rounded, and that the
// model itself keeps its precision.
func TestInPrecision(t *testing.T) {
	m := dense(t)
	want, _ := runDense(t, m)
	for dtype, bound := range map[tensor.DType]float64{tensor.I8: 0.02, tensor.BF16: 0.008} {
		low, n, err := InPrecision(m, dtype)
		if err != nil || n != 2 {
			t.Fatalf("%v: %d products, %v", dtype, n, err)
		}
		got, s := runDense(t, low)
		err2, norm := 0.0, 0.0
		for i, v := range want {
			err2 += math.Pow(float64(got[i]-v), 2)
			norm += float64(v) * float64(v)
		}
		if e := math.Sqrt(err2 / norm); !(e > 1e-5 && e < bound) {
			t.Errorf("%v: relative error %g, want one below %g but not none", dtype, e, bound)
		}
		if a := testing.AllocsPerRun(5, func() { _ = s.Forward() }); a != 0 {
			t.Errorf("%v: %v allocations for a run", dtype, a)
		}
	}
	again, _ := runDense(t, m)
	for i, v := range want {
		if again[i] != v {
			t.Fatalf("element %d of the model itself is %v now, was %v", i, again[i], v)
		}
	}
}

// TestInt8OfInt8 runs weights that are multiples of a channel's scale: rounding them
// again changes nothing.
func TestInt8OfInt8(t *testing.T) {
	w, want := make([]float32, 3*40), make([]int8, 3*40)
	for i := range w {
		want[i] = int8(i*37%255 - 127)
		if i%40 == 0 {
			want[i] = -127
		}
		w[i] = float32(want[i]) * 0x1.8p-7
	}
	got, scales := roundedInt8(w, 3, 40)
	for i, q := range got {
		if q != want[i] || scales[i/40] != 0x1.8p-7 {
			t.Fatalf("code %d is %d with scale %v, want %d with %v", i, q, scales[i/40], want[i], 0x1.8p-7)
		}
	}
	w[50] = float32(math.Inf(1))
	if _, scales = roundedInt8(w, 3, 40); scales[1] == scales[1] || scales[0] != scales[2] {
		t.Errorf("scales %v, want NaN for the row with an infinity only", scales)
	}
}

func TestInPrecisionErrors(t *testing.T) {
	m := dense(t)
	if _, _, err := InPrecision(m, tensor.F16); err == nil || !strings.Contains(err.Error(), "int8 or bfloat16") {
		t.Errorf("float16: %v", err)
	}
	b := graph.NewBuilder("none")
	b.Output(b.Node("relu", "Relu", nil, b.Input("x", tensor.F32, 2, 2)))
	none, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := InPrecision(none, tensor.I8); err == nil || !strings.Contains(err.Error(), "no Gemm") {
		t.Errorf("a model without products: %v", err)
	}
}

// BenchmarkPrecision is a dense layer of 1200 x 1200 as sessions run it.
func BenchmarkPrecision(b *testing.B) {
	for _, m := range []int{1, 128} {
		for _, bits := range []string{"float32", "bfloat16", "int8"} {
			b.Run(bits+map[int]string{1: "/batch=1", 128: "/batch=128"}[m], func(b *testing.B) { benchPrecision(b, m, bits) })
		}
	}
}

func benchPrecision(b *testing.B, m int, bits string) {
	const k = 1200
	x, w, y := tensor.New(tensor.F32, tensor.Shape{m, k}), tensor.New(tensor.F32, tensor.Shape{k, k}), tensor.New(tensor.F32, tensor.Shape{m, k})
	for i := range w.F32s() {
		w.F32s()[i] = float32(i%13) - 6
	}
	copy(x.F32s(), w.F32s())
	n := &graph.Node{Domain: graph.PrivateDomain, Op: "DotLinear", Attrs: graph.Attrs{attrPrecision: bits}}
	bind, err := bindLinear[float32], error(nil)
	if bits != "float32" {
		bind = bindDotLinear
	}
	kern, err := bind(&graph.Bind{Node: n, In: []graph.Spec{{DType: tensor.F32, Shape: x.Shape()}, {DType: tensor.F32, Shape: w.Shape()}}})
	if err != nil {
		b.Fatal(err)
	}
	kern.(graph.Preparer).Prepare([]*tensor.Tensor{nil, w})
	e := &graph.Exec{Pool: kernel.Default()}
	for b.Loop() {
		kern.Forward(e, []*tensor.Tensor{x, w}, []*tensor.Tensor{y})
	}
	b.ReportMetric(2*float64(m*k*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
}

package format

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// weights returns normal values, as weights are.
func weights(label string, dims ...int) *tensor.Tensor {
	r := tensor.NewRand(1, label)
	t := tensor.New(tensor.F32, dims)
	for i := range t.F32s() {
		t.F32s()[i] = float32(0.1 * r.Normal(uint64(i)))
	}
	return t
}

// sample is a model with something of everything that a file can hold.
func sample() *graph.Model {
	body := &graph.Graph{
		Name:    "then",
		Outputs: []graph.Port{{Name: "t", DType: tensor.F32}},
		Params:  []*graph.Param{graph.NewParam("inner", weights("inner", 2, 3), true)},
		Nodes:   []*graph.Node{{Name: "add", Op: "Add", In: []graph.Value{"h", "inner"}, Out: []graph.Value{"t"}}},
	}
	g := &graph.Graph{
		Name: "main", Doc: "a sample",
		Inputs:  []graph.Port{{Name: "x", DType: tensor.F32, Shape: []graph.Dim{{Sym: "N"}, {N: 3}}}, {Name: "c", DType: tensor.Bool, Shape: []graph.Dim{}}},
		Outputs: []graph.Port{{Name: "y", DType: tensor.F32, Doc: "the result"}},
		Params: []*graph.Param{
			graph.NewParam("w", weights("w", 3, 300), true),
			graph.NewParam("bias", weights("bias", 300), true),
			graph.NewParam("empty", tensor.New(tensor.F32, tensor.Shape{0, 4}), false),
			graph.NewParam("i64", tensor.Vec[int64](math.MinInt64, -1, 0, 1, math.MaxInt64), false),
			graph.NewParam("i16", tensor.Vec[int16](-32768, -1, 0, 32767), false),
			graph.NewParam("u8", tensor.Vec[uint8](0, 255), false),
			graph.NewParam("b", tensor.Vec(true, false, true), false),
			graph.NewParam("s", tensor.Vec("", "häl\x00lo"), false),
			graph.NewParam("f64", tensor.Vec(math.Inf(1), math.Copysign(0, -1), math.SmallestNonzeroFloat64), false),
			graph.NewParam("f16", tensor.Vec[tensor.Float16](1, 0x8000, 0x7c00), false),
			graph.NewParam("nan", tensor.Vec(math.Float32frombits(0x7fc00123), float32(math.Inf(-1))), false),
		},
		Nodes: []*graph.Node{
			{Name: "gemm", Op: "Gemm", In: []graph.Value{"x", "w", ""}, Out: []graph.Value{"h"}, Attrs: graph.Attrs{"transB": int64(0), "alpha": float32(0.5)}},
			{Name: "if", Op: "If", In: []graph.Value{"c"}, Out: []graph.Value{"u"}, Attrs: graph.Attrs{"then_branch": body, "else_branch": body.Clone()}},
			{Name: "odd", Op: "Odd", Domain: "com.example", In: []graph.Value{"u"}, Out: []graph.Value{"y"}, Doc: "unknown", Attrs: graph.Attrs{
				"f": []float32{1, 2}, "s": "text\xff", "ss": []string{"a", ""}, "is": []int64{-1, 1 << 40},
				"t": tensor.Vec[int32](7, -7), "ts": []*tensor.Tensor{tensor.Scalar[float32](3), tensor.New(tensor.U64, tensor.Shape{0})},
				"raw": RawForeign{Kind: "test.thing", Data: []byte{1, 2, 3}},
			}},
		},
	}
	return &graph.Model{Graph: g, Opsets: map[string]int{"com.example": 3}, Meta: map[string]string{"k": "v"}}
}

func encode(t testing.TB, m *graph.Model, o SaveOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, m, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(t testing.TB, b []byte) *graph.Model {
	t.Helper()
	m, err := Decode(bytes.NewReader(b), int64(len(b)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRoundTrip restores every bit of a model, and writing it again gives the same file.
func TestRoundTrip(t *testing.T) {
	m := sample()
	for _, e := range []Effort{DefaultEffort, Fast, Best} {
		b := encode(t, m, SaveOptions{Effort: e})
		got := decode(t, b)
		sameGraph(t, got.Graph, m.Graph)
		if !reflect.DeepEqual(got.Meta, m.Meta) || !reflect.DeepEqual(got.Opsets, m.Opsets) {
			t.Errorf("meta %v, opsets %v", got.Meta, got.Opsets)
		}
		if !bytes.Equal(encode(t, got, SaveOptions{Effort: e}), b) {
			t.Errorf("effort %v: a second writing differs", e)
		}
	}
}

// sameGraph compares two graphs down to the bits of their tensors.
func sameGraph(t *testing.T, got, want *graph.Graph) {
	t.Helper()
	if got.Name != want.Name || got.Doc != want.Doc || !samePorts(got.Inputs, want.Inputs) || !samePorts(got.Outputs, want.Outputs) {
		t.Errorf("graph %q has another head: %+v %+v", want.Name, got.Inputs, got.Outputs)
	}
	if len(got.Params) != len(want.Params) || len(got.Nodes) != len(want.Nodes) {
		t.Fatalf("graph %q has %d parameters and %d nodes", want.Name, len(got.Params), len(got.Nodes))
	}
	for i, p := range want.Params {
		q := got.Params[i]
		if q.Name != p.Name || q.Trainable != p.Trainable || q.DType != p.DType {
			t.Errorf("parameter %q became %+v", p.Name, q)
		}
		sameTensor(t, string(p.Name), q.Data, p.Data)
	}
	for i, n := range want.Nodes {
		q := got.Nodes[i]
		if q.Name != n.Name || q.Op != n.Op || q.Domain != n.Domain || q.Doc != n.Doc || !reflect.DeepEqual(q.In, n.In) || !reflect.DeepEqual(q.Out, n.Out) {
			t.Errorf("node %q became %+v", n.Name, q)
		}
		sameAttrs(t, n.Name, q.Attrs, n.Attrs)
	}
}

func samePorts(got, want []graph.Port) bool {
	return slices.EqualFunc(got, want, func(a, b graph.Port) bool { return reflect.DeepEqual(a, b) })
}

func sameAttrs(t *testing.T, node string, got, want graph.Attrs) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("node %q has %d attributes, want %d", node, len(got), len(want))
	}
	for name, w := range want {
		switch w := w.(type) {
		case *graph.Graph:
			sameGraph(t, got.Graph(name), w)
		case *tensor.Tensor:
			sameTensor(t, node+"."+name, got.Tensor(name), w)
		case []*tensor.Tensor:
			for i := range w {
				sameTensor(t, node+"."+name, got[name].([]*tensor.Tensor)[i], w[i])
			}
		default:
			if !reflect.DeepEqual(got[name], w) {
				t.Errorf("attribute %s.%s is %v, want %v", node, name, got[name], w)
			}
		}
	}
}

func sameTensor(t *testing.T, name string, got, want *tensor.Tensor) {
	t.Helper()
	if got == nil || got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s is %v, want %v", name, got, want)
	}
	if want.DType() == tensor.String {
		if !reflect.DeepEqual(tensor.Data[string](got), tensor.Data[string](want)) {
			t.Errorf("%s: strings differ", name)
		}
	} else if !bytes.Equal(got.Raw(), want.Raw()) {
		t.Errorf("%s: bits differ", name)
	}
}

// TestStorage checks the error of every lossy storage and that storing the result
// again loses nothing more.
func TestStorage(t *testing.T) {
	m := sample()
	for storage, bound := range map[tensor.DType]float64{tensor.F16: 0x1p-11, tensor.BF16: 0x1p-8, tensor.I8: 0.5 / 127 * 1.001} {
		b := encode(t, m, SaveOptions{Storage: storage})
		got := decode(t, b)
		w, p := m.Graph.Param("w").Data.F32s(), got.Graph.Param("w")
		peak := columnPeaks(w, 300)
		for i, v := range p.Data.F32s() {
			limit := bound * math.Abs(float64(w[i]))
			if storage == tensor.I8 { // a scale for each of Gemm's 300 outputs
				limit = bound * peak[i%300]
			}
			if d := math.Abs(float64(v - w[i])); d > limit+1e-7 {
				t.Fatalf("%v: element %d is off by %g, at most %g", storage, i, d, limit)
			}
		}
		if p.Storage != storage {
			t.Errorf("storage %v is read back as %v", storage, p.Storage)
		}
		sameTensor(t, "bias", got.Graph.Param("bias").Data, m.Graph.Param("bias").Data)
		if again := encode(t, got, SaveOptions{}); !bytes.Equal(again, b) {
			t.Errorf("%v: storing the result again gives another file", storage)
		}
	}
}

func columnPeaks(w []float32, cols int) []float64 {
	peak := make([]float64, cols)
	for i, v := range w {
		peak[i%cols] = max(peak[i%cols], math.Abs(float64(v)))
	}
	return peak
}

func TestStorageRefuses(t *testing.T) {
	for _, bad := range []struct {
		v       float32
		storage tensor.DType
	}{{70000, tensor.F16}, {float32(math.NaN()), tensor.I8}, {float32(math.Inf(1)), tensor.I8}} {
		m := sample()
		m.Graph.Param("w").Data.F32s()[5] = bad.v
		path := filepath.Join(t.TempDir(), "m.cmz")
		if err := os.WriteFile(path, []byte("before"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := Save(path, m, SaveOptions{Storage: bad.storage}); err == nil || !strings.Contains(err.Error(), `tensor "w`) {
			t.Errorf("%v as %v: %v", bad.v, bad.storage, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "before" {
			t.Errorf("a failed write left %q, %v", b, err)
		}
	}
}

// TestDeterministic writes on one and on several processors.
func TestDeterministic(t *testing.T) {
	m := sample()
	m.Graph.Param("w").Data, m.Graph.Param("w").Shape = weights("big", 300, 9000), tensor.Shape{300, 9000}
	b := encode(t, m, SaveOptions{})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if !bytes.Equal(encode(t, m, SaveOptions{}), b) {
		t.Error("the file depends on the number of processors")
	}
	sameTensor(t, "w", decode(t, b).Graph.Param("w").Data, m.Graph.Param("w").Data)
}

// TestPartial reads the header first and single tensors later.
func TestPartial(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.cmz")
	m := sample()
	o := SaveOptions{Provenance: &Provenance{Tool: "test", Seed: 7, Command: []string{"a", "b"}, Extra: map[string]string{"x": "y"}},
		Results: []Result{{Dataset: "d", Metrics: map[string]float64{"accuracy": 0.5}}}}
	if err := Save(path, m, o); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.Provenance(), o.Provenance) || !reflect.DeepEqual(f.Results(), o.Results) {
		t.Errorf("provenance %+v, results %+v", f.Provenance(), f.Results())
	}
	lazy, err := f.Model()
	if err != nil {
		t.Fatal(err)
	}
	p := lazy.Graph.Param("w")
	if p.Data != nil {
		t.Error("the parameter was read before it was asked for")
	}
	got, err := p.Load()
	if err != nil {
		t.Fatal(err)
	}
	sameTensor(t, "w", got, m.Graph.Param("w").Data)
	sum := f.Stats().Header
	for _, s := range f.Stats().Tensors {
		sum += s.Stored
	}
	if st, err := os.Stat(path); err != nil || sum != st.Size() || f.Stats().Total != sum {
		t.Errorf("the parts make %d bytes, the file has %d", sum, st.Size())
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Load(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("loading after Close gives %v", err)
	}
}

// TestSmaller compares the file with its raw weights: byte planes take a sixth
// off float32 and a third off bfloat16 (docs/performance.md has the rates).
func TestSmaller(t *testing.T) {
	m := sample()
	m.Graph.Param("w").Data, m.Graph.Param("w").Shape = weights("big", 1000, 1000), tensor.Shape{1000, 1000}
	for storage, most := range map[tensor.DType]float64{tensor.F32: 4 * 0.86, tensor.BF16: 2 * 0.70, tensor.I8: 1.0} {
		if n := len(encode(t, m, SaveOptions{Storage: storage})); float64(n) > most*1e6+20000 {
			t.Errorf("%v: %d bytes for a million weights, want at most %.0f", storage, n, most*1e6)
		}
	}
}

func TestByPath(t *testing.T) {
	if f, err := ByPath("a/B.CMZ"); err != nil || f.Ext() != ".cmz" {
		t.Errorf("%v, %v", f, err)
	}
	for _, bad := range []string{"model", "model.xyz", ""} {
		if _, err := ByPath(bad); err == nil || !strings.Contains(err.Error(), ".cmz") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func BenchmarkEncode(b *testing.B) { benchmark(b, true) }
func BenchmarkDecode(b *testing.B) { benchmark(b, false) }

func benchmark(b *testing.B, write bool) {
	m := sample()
	m.Graph.Param("w").Data, m.Graph.Param("w").Shape = weights("big", 1000, 8000), tensor.Shape{1000, 8000}
	for name, storage := range map[string]tensor.DType{"float32": tensor.F32, "bfloat16": tensor.BF16, "int8": tensor.I8} {
		b.Run(name, func(b *testing.B) {
			file := encode(b, m, SaveOptions{Storage: storage})
			b.SetBytes(32e6)
			b.ReportMetric(float64(len(file))/8e6, "bytes/weight")
			for b.Loop() {
				if write {
					encode(b, m, SaveOptions{Storage: storage})
				} else {
					decode(b, file)
				}
			}
		})
	}
}

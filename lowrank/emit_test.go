package lowrank

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	_ "github.com/compress-toolkit/compress/engine/op"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// f32 returns a random float32 tensor.
func f32(seed uint64, shape ...int) *tensor.Tensor {
	return toTensor(normal(seed, shape...), tensor.F32)
}

// layer is a model with one site, and its name.
type layer struct {
	name  string
	build func(b *graph.Builder, x graph.Value) graph.Value
	in    []int // of the input x; 0 is the symbol N, fed as 3
}

func node(op string, attrs graph.Attrs, weights ...[]int) func(*graph.Builder, graph.Value) graph.Value {
	return func(b *graph.Builder, x graph.Value) graph.Value {
		in := []graph.Value{x}
		for i, w := range weights {
			if w == nil {
				in = append(in, "")
				continue
			}
			in = append(in, b.Param(fmt.Sprintf("w%d", i), f32(uint64(i+1), w...)))
		}
		return b.Node("layer", op, attrs, in...)
	}
}

func denseLayers() []layer {
	return []layer{
		{"gemm", node("Gemm", graph.Attrs{"transB": int64(1), "alpha": float32(0.5), "beta": float32(2)}, []int{12, 18}, []int{12}), []int{0, 18}},
		{"gemm without bias", node("Gemm", nil, []int{18, 12}), []int{0, 18}},
		{"gemm transA", node("Gemm", graph.Attrs{"transA": int64(1)}, []int{18, 12}, []int{1, 12}), []int{18, 4}},
		{"matmul", node("MatMul", nil, []int{18, 12}), []int{0, 5, 18}},
		{"matmul 4-d", node("MatMul", nil, []int{8, 24}), []int{0, 2, 3, 8}},
		{"left matmul", func(b *graph.Builder, x graph.Value) graph.Value {
			return b.Node("layer", "MatMul", nil, b.Param("w", f32(1, 12, 18)), x)
		}, []int{0, 18, 5}},
		{"behind two aliases", func(b *graph.Builder, x graph.Value) graph.Value {
			same := b.Node("same", "Identity", nil, b.Param("w", f32(1, 12, 18)))
			return b.Node("layer", "MatMul", nil, x, b.Node("turned", "Transpose", nil, same))
		}, []int{0, 18}},
		{"tied embedding", func(b *graph.Builder, x graph.Value) graph.Value {
			table := b.Param("table", f32(1, 30, 8))
			ids := b.Const("ids", tensor.Vec(int64(3), 0, 29))
			e := b.Node("embed", "Gather", graph.Attrs{"axis": int64(0)}, table, ids)
			h := b.Node("mix", "Add", nil, e, x)
			t := b.Node("tied", "Transpose", graph.Attrs{"perm": graph.Ints64(1, 0)}, table)
			return b.Node("logits", "MatMul", nil, h, t)
		}, []int{3, 8}},
	}
}

func convLayers() []layer {
	conv := func(attrs graph.Attrs, weights ...[]int) func(*graph.Builder, graph.Value) graph.Value {
		return node("Conv", attrs, weights...)
	}
	pads := graph.Ints64(1, 0, 2, 1)
	return []layer{
		{"conv", conv(graph.Attrs{"pads": graph.Ints64(1, 1, 1, 1)}, []int{8, 6, 3, 3}, []int{8}), []int{0, 6, 9, 8}},
		{"conv strides pads", conv(graph.Attrs{"pads": pads, "strides": graph.Ints64(2, 1), "dilations": graph.Ints64(1, 2)}, []int{8, 6, 3, 3}), []int{0, 6, 9, 8}},
		{"conv auto", conv(graph.Attrs{"auto_pad": "SAME_UPPER", "strides": graph.Ints64(2, 2)}, []int{8, 6, 3, 2}, []int{8}), []int{0, 6, 9, 8}},
		{"grouped", conv(graph.Attrs{"group": int64(2), "pads": graph.Ints64(1, 1, 1, 1)}, []int{8, 3, 3, 3}, []int{8}), []int{0, 6, 7, 7}},
		{"1-d", conv(graph.Attrs{"pads": graph.Ints64(2, 1), "strides": graph.Ints64(2)}, []int{9, 6, 5}, []int{9}), []int{0, 6, 12}},
		{"1 x 1 strided", conv(graph.Attrs{"strides": graph.Ints64(2, 2)}, []int{8, 6, 1, 1}, []int{8}), []int{0, 6, 8, 8}},
		{"1 x 3 strided", conv(graph.Attrs{"strides": graph.Ints64(2, 2), "pads": graph.Ints64(0, 1, 0, 1)}, []int{8, 6, 1, 3}), []int{0, 6, 8, 8}},
	}
}

func recurrentLayers() []layer {
	var ls []layer
	for op, g := range gates {
		for _, dir := range []string{"forward", "reverse", "bidirectional"} {
			d := 1
			if dir == "bidirectional" {
				d = 2
			}
			attrs := graph.Attrs{"hidden_size": int64(6), "direction": dir}
			if op == "GRU" && dir != "reverse" {
				attrs["linear_before_reset"] = int64(1)
			}
			w := [][]int{{d, g * 6, 8}, {d, g * 6, 6}, {d, 2 * g * 6}}
			in := []int{5, 0, 8}
			if dir == "reverse" { // no bias, given first state, which fixes the batch
				w, in = [][]int{w[0], w[1], nil, nil, {1, 3, 6}}, []int{5, 3, 8}
			}
			ls = append(ls, layer{op + " " + dir, node(op, attrs, w...), in})
		}
	}
	return ls
}

// model builds the layer with ReLU-free surroundings, so that outputs show every weight.
func (l layer) model(t *testing.T) *graph.Model {
	t.Helper()
	b := graph.NewBuilder("test")
	dims := make([]any, len(l.in))
	for i, n := range l.in {
		dims[i] = n
		if n == 0 {
			dims[i] = "N"
		}
	}
	b.Output(l.build(b, b.Input("x", tensor.F32, dims...)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (l layer) feed() *tensor.Tensor {
	shape := append([]int{}, l.in...)
	for i, n := range shape {
		if n == 0 {
			shape[i] = 3
		}
	}
	return f32(99, shape...)
}

func runModel(t *testing.T, m *graph.Model, x *tensor.Tensor) []float64 {
	t.Helper()
	s, err := graph.Compile(m, graph.Options{Shapes: map[graph.Value]tensor.Shape{"x": x.Shape()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Feed("x", x); err != nil {
		t.Fatal(err)
	}
	if err := s.Forward(); err != nil {
		t.Fatal(err)
	}
	y, err := float64s(s.Tensor(s.Outputs()[0]))
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// setWeight stores w (G, M, K, kernel...) as the site's weight.
func setWeight(s *Site, w *nd.Array) {
	if s.trans {
		w = w.Reshape(s.M, s.K).Permute(1, 0)
	}
	s.Param.Data = toTensor(w.Reshape(s.Param.Shape...), s.Param.DType)
}

// The emitted nodes compute what the reconstructed weight does, and cost what Cost says.
func TestEmittedEqualsReconstructed(t *testing.T) {
	layers := append(append(denseLayers(), convLayers()...), recurrentLayers()...)
	for _, name := range Names() {
		d, _ := Lookup(name)
		for _, l := range layers {
			sites, err := Find(l.model(t), Selection{})
			if err != nil {
				t.Fatalf("%s: %v", l.name, err)
			}
			for i := range sites {
				t.Run(fmt.Sprintf("%s/%s/%d", name, l.name, i), func(t *testing.T) { checkEmit(t, d, l, i) })
			}
		}
	}
}

func checkEmit(t *testing.T, d Decomposition, l layer, i int) {
	if op := l.model(t).Graph.Nodes[0].Op; gates[op] > 0 {
		if _, ok := graph.LookupOp("", op); !ok {
			t.Skipf("the engine does not run %s to compare with", op)
		}
	}
	dense, small := l.model(t), l.model(t)
	ds, _ := Find(dense, Selection{})
	ss, _ := Find(small, Selection{})
	s := ss[i]
	most, err := d.MaxRanks(s)
	if errors.Is(err, ErrUnsuited) || s.Blocked != "" {
		t.Skip(s.Blocked, err)
	}
	w, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	f, approx := factor(t, d, &Problem{Site: s, W: w, Seed: 1}, half(most))
	setWeight(ds[i], approx)
	before, _, err := small.Cost(small.Graph.Uniform(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(small, []Replacement{{Site: s, Factors: f}}); err != nil {
		t.Fatal(err)
	}
	if err := small.Check(); err != nil {
		t.Fatal(err)
	}
	x := l.feed()
	want, got := runModel(t, dense, x), runModel(t, small, x)
	if len(want) != len(got) {
		t.Fatalf("%d outputs, want %d", len(got), len(want))
	}
	diff, size := 0.0, 0.0
	for j, v := range want {
		diff, size = math.Hypot(diff, got[j]-v), math.Hypot(size, v)
	}
	if !(diff <= 1e-5*size) {
		t.Errorf("outputs differ by %g", diff/size)
	}
	checkCost(t, d, s, f, small, before)
}

// checkCost compares parameters, and MACs of layers that are not recurrent.
func checkCost(t *testing.T, d Decomposition, s *Site, f *Factors, small *graph.Model, before graph.Cost) {
	after, _, err := small.Cost(small.Graph.Uniform(1))
	if err != nil {
		t.Fatal(err)
	}
	c := d.Cost(s, f.Ranks)
	weights := int64(0)
	for _, p := range small.AllParams() {
		weights += p.Count()
	}
	dense := s.Cost()
	constants := before.Params - dense.Params
	if s.Name != "embed" && weights != constants+c.Params {
		t.Errorf("%d weights, want %d of the factors and %d others", weights, c.Params, constants)
	}
	if got, want := after.MACs, before.MACs-dense.MACs+c.MACs; !s.recurrent() && got != want {
		t.Errorf("%d MACs, want %d", got, want)
	}
}

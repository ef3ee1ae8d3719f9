package bench

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"

	_ "github.com/compress-toolkit/compress/engine/op"
)

// linear is y = x W for W, K x M.
func linear(path string, k, m int, w []float32) Model {
	g := &graph.Graph{
		Inputs:  []graph.Port{{Name: "x", DType: tensor.F32, Shape: []graph.Dim{{Sym: "N"}, {N: k}}}},
		Outputs: []graph.Port{{Name: "y"}},
		Nodes:   []*graph.Node{{Name: "mul", Op: "MatMul", In: []graph.Value{"x", "w"}, Out: []graph.Value{"y"}}},
		Params:  []*graph.Param{graph.NewParam("w", tensor.Of(tensor.Shape{k, m}, w), true)},
	}
	return Model{Path: path, Model: &graph.Model{Graph: g}, FileBytes: 1000}
}

// points are two classes: the larger of two coordinates, but for the last sample, which
// is labelled wrong.
func points(t *testing.T) dataset.Set {
	t.Helper()
	set, err := dataset.FromTensors("points", tensor.Of(tensor.Shape{4, 2}, []float32{2, 1, 0, 3, 1, 2, 5, 0}), tensor.Vec[int64](0, 1, 1, 1), 2)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestMeasure compares the identity with its negative, whose every number is known.
func TestMeasure(t *testing.T) {
	same, negative := linear("same", 2, 2, []float32{1, 0, 0, 1}), linear("negative", 2, 2, []float32{-1, 0, 0, -1})
	r, err := Measure(context.Background(), []Model{same, negative}, Options{Data: points(t), Batch: 3, Baseline: true, Runs: 5})
	if err != nil {
		t.Fatal(err)
	}
	a, b := r.Models[0], r.Models[1]
	if a.Params != 4 || a.ParamBytes != 16 || a.FileBytes != 1000 || a.MACs != 12 {
		t.Errorf("sizes and costs: %+v", a)
	}
	if *a.Accuracy != 0.75 || *a.Correct != 3 || *a.Total != 4 || *b.Correct != 1 {
		t.Errorf("%d and %d of %d are right, want 3 and 1 of 4", *a.Correct, *b.Correct, *a.Total)
	}
	if *a.RelError != 0 || *b.MaxAbsDiff != 10 || math.Abs(*b.RelError-2) > 1e-6 {
		t.Errorf("differences %g, %g, %g, want 0, 10, 2", *a.RelError, *b.MaxAbsDiff, *b.RelError)
	}
	for _, m := range r.Models {
		if l := m.Latency; !(0 < l.P50 && l.P50 <= l.P99) {
			t.Errorf("%s: latency %+v", m.Path, l)
		}
	}
}

func TestMeasureOtherOutputs(t *testing.T) {
	models := []Model{linear("two", 2, 2, make([]float32, 4)), linear("three", 2, 3, make([]float32, 6))}
	_, err := Measure(context.Background(), models, Options{Data: points(t), Baseline: true})
	if err == nil || !strings.Contains(err.Error(), "three gives 12 output values, two gives 8") {
		t.Errorf("outputs that cannot be compared: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Measure(ctx, models[:1], Options{Runs: 3}); err == nil {
		t.Error("a cancelled measurement goes on")
	}
}

func TestCorrect(t *testing.T) {
	got, err := Correct(context.Background(), linear("m", 2, 2, []float32{1, 0, 0, 1}), points(t))
	if err != nil || len(got) != 4 || !got[0] || !got[1] || !got[2] || got[3] {
		t.Errorf("%v, %v; only the last is wrong", got, err)
	}
	if _, err := Correct(context.Background(), linear("m", 2, 2, make([]float32, 4)), dataset.Unlabelled(points(t))); err == nil || !strings.Contains(err.Error(), "no label") {
		t.Errorf("samples without labels: %v", err)
	}
}

// TestPeakRAM wants at least parameters, input and output.
func TestPeakRAM(t *testing.T) {
	m := linear("m", 2, 3, make([]float32, 6))
	n, err := PeakRAM(m, graph.Dims{"N": 100})
	if err != nil || n < 24+4*100*(2+3) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestTables(t *testing.T) {
	acc := 0.5
	r := &Report{Models: []Result{{Path: "a|b_c.cmz", Params: 1500, ParamBytes: 6000, FileBytes: 1 << 20, MACs: 40_800_000, Accuracy: &acc, Latency: &Latency{1, 2.5}}}}
	var text, markdown bytes.Buffer
	if err := r.WriteTable(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteMarkdown(&markdown); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a|b_c.cmz", "1500", "5.86 KiB", "1 MiB", "40.8 M", "0.5000", "1.000", "2.500"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	lines := strings.Split(strings.TrimSpace(markdown.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[2], `| a\|b\_c.cmz | 1500 |`) || strings.Count(lines[1], "|") != strings.Count(lines[0], "|") {
		t.Errorf("Markdown:\n%s", &markdown)
	}
}

func TestQuantile(t *testing.T) {
	sorted := []float64{1, 2, 3, 4}
	for q, want := range map[float64]float64{0: 1, 0.25: 1, 0.5: 2, 0.51: 3, 0.99: 4, 1: 4} {
		if got := quantile(sorted, q); got != want {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
		if got := rank([]float64{4, 2, 3, 1}).quantile([]int{1, 1, 1, 1}, q); got != want {
			t.Errorf("weighted quantile %g is %g, want %g", q, got, want)
		}
	}
	if got := rank([]float64{4, 2, 3, 1}).quantile([]int{0, 3, 1, 0}, 0.5); got != 2 {
		t.Errorf("the median of 2 2 2 3 is %g", got)
	}
}

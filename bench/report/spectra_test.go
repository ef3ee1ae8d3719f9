package report

import (
	"context"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank"
	"github.com/compress-toolkit/compress/student"
)

// TestSpectra factorises dense and convolution layers and finds their ranks again.
func TestSpectra(t *testing.T) {
	for arch, shape := range map[string]tensor.Shape{"mlp:20,16": {12}, "lenet": {1, 28, 28}} {
		m, err := student.Build(arch, student.Task{Shape: shape, Classes: 4, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		small, r, err := lowrank.Run(context.Background(), m, lowrank.Config{Method: "svd", Policy: lowrank.Keep{Fraction: 0.4}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{}
		for _, line := range r.Sites {
			if line.Skipped == "" && (line.Method == "svd" || line.Method == "channel") {
				want[line.Name] = line.Ranks[0]
			}
		}
		got, err := Spectra([]bench.Model{{Path: "m", Model: m}, {Path: "small", Model: small}}, SpectrumOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(want) == 0 || len(got) != len(want) {
			t.Errorf("%s: spectra %v, factorised %v", arch, got, want)
		}
		for _, s := range got {
			if len(s.Ranks) != 1 || s.Ranks[0] != (Rank{"small", want[s.Site]}) {
				t.Errorf("%s: %s has %v, want rank %d", arch, s.Site, s.Ranks, want[s.Site])
			}
			w, err := m.Graph.Param(m.Graph.Node(s.Site).In[1]).Load()
			if err != nil {
				t.Fatal(err)
			}
			var norm, sum float64
			for _, v := range w.F32s() {
				norm += float64(v) * float64(v)
			}
			for _, v := range s.Values {
				sum += v * v
			}
			if math.Abs(sum/norm-1) > 1e-10 {
				t.Errorf("%s: %s: the values' squares sum to %g, the weights' to %g", arch, s.Site, sum, norm)
			}
		}
		alone, err := Spectra([]bench.Model{{Path: "m", Model: m}}, SpectrumOptions{Sites: 1})
		if err != nil || len(alone) != 1 || len(alone[0].Ranks) != 0 {
			t.Errorf("%s alone: %v, %v", arch, alone, err)
		}
	}
}

// TestDescribe counts the layers and the predictions of a network.
func TestDescribe(t *testing.T) {
	m, err := student.Build("mlp:20,16", student.Task{Shape: tensor.Shape{12}, Classes: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	model := bench.Model{Path: "m", Model: m}
	d, err := Describe(model, bench.Options{}.Extents(m), bench.Result{Path: "m"})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Layers) != 3 || d.Layers[0].Params != 260 || d.Layers[0].Bytes != 1040 || d.Layers[0].MACs != 240 || d.Provenance["architecture"] != "mlp:20,16" {
		t.Errorf("%+v", d)
	}
	set := dataset.Random(50, tensor.Shape{12}, 4, 1)
	c, err := Confuse(context.Background(), model, set)
	if err != nil {
		t.Fatal(err)
	}
	right, total := 0, 0
	for i, row := range c.Counts {
		right += row[i]
		for _, n := range row {
			total += n
		}
	}
	correct, err := bench.Correct(context.Background(), model, set)
	if err != nil {
		t.Fatal(err)
	}
	for _, ok := range correct {
		if ok {
			right--
		}
	}
	if right != 0 || total != 50 {
		t.Errorf("%d samples, the diagonal is off by %d", total, right)
	}
}

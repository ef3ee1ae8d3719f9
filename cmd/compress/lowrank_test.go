package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/format"
)

// TestFactorisedAccuracy wants a factorised model to tell its own accuracy, or none where none was measured.
func TestFactorisedAccuracy(t *testing.T) {
	at := distillTeacher(t)
	dense := load(t, at("t.cmz")).Meta["accuracy"]
	must(t, "lowrank", at("t.cmz"), "--rank", "1", "--method", "svd", "-o", at("blind.cmz"))
	if got, ok := load(t, at("blind.cmz")).Meta["accuracy"]; ok || dense == "" {
		t.Errorf("nothing was measured, the model tells %q (the original %q)", got, dense)
	}
	stdout, _ := must(t, "lowrank", at("t.cmz"), "--rank", "1", "--method", "svd", "--data", distillData, "--json", "-o", at("seen.cmz"))
	var r struct{ Accuracy float64 }
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if got, want := load(t, at("seen.cmz")).Meta["accuracy"], fmt.Sprintf("%.4f (", r.Accuracy); !strings.HasPrefix(got, want) || got == dense {
		t.Errorf("the model tells %q, measured was %q (the original %q)", got, want, dense)
	}
}

// TestBudgetOfStorage wants a budget to count bytes as --dtype stores them, so that narrower types keep more.
func TestBudgetOfStorage(t *testing.T) {
	at := distillTeacher(t)
	before := format.SaveOptions{}.ParamBytes(load(t, at("t.cmz")))
	total := int64(0)
	for _, n := range before {
		total += n
	}
	kept := int64(0)
	for _, dtype := range []string{"f32", "f16", "int8"} {
		must(t, "lowrank", at("t.cmz"), "--budget", fmt.Sprintf("%dB", total/4), "--method", "svd", "--dtype", dtype, "-o", at("s.cmz"))
		m := load(t, at("s.cmz"))
		bytes, params := int64(0), int64(0)
		for p, n := range (format.SaveOptions{Storage: dtypes[dtype]}).ParamBytes(m) {
			bytes, params = bytes+n, params+p.Count()
		}
		if bytes > total/4 || params <= kept {
			t.Errorf("%s: %d bytes in a budget of %d, %d parameters; wider types kept %d", dtype, bytes, total/4, params, kept)
		}
		kept = params
	}
}

// TestLargerFileIsTold wants a word where the factors' nodes outweigh what they save.
func TestLargerFileIsTold(t *testing.T) {
	at := distillTeacher(t)
	_, stderr := must(t, "lowrank", at("t.cmz"), "--rank", "4", "--method", "svd", "-o", at("s.onnx"))
	if !strings.Contains(stderr, "is not smaller than") {
		t.Errorf("a larger file is passed over: %s", stderr)
	}
}

// TestTuneHints tunes a factorised network so that its layers follow those of the original,
// and wants their squared errors to fall below those of tuning without.
func TestTuneHints(t *testing.T) {
	at := distillTeacher(t)
	match := func(weight string) float64 {
		out := at("f" + weight + ".cmz")
		_, stderr := must(t, "lowrank", at("t.cmz"), "--data", distillData, "--keep", "0.3", "--method", "svd",
			"--tune", "40", "--batch", "16", "--tune-hints", weight, "--metrics", at("m"+weight), "-o", out)
		if want := weight + " * mean of mean((v_s - v_t)^2) / mean(v_t^2) of "; !strings.Contains(stderr, want) {
			t.Fatalf("the objective lacks %q: %s", want, stderr)
		}
		return lastMetric(t, at("m"+weight), "match_loss")
	}
	weak, strong := match("1e-06"), match("10")
	if !(strong < 0.7*weak) {
		t.Errorf("relative squared error of the layers: %.4f guided, %.4f with hints that weigh nothing", strong, weak)
	}
	t.Logf("relative squared error of the layers: %.4f guided, %.4f with hints that weigh nothing", strong, weak)
}

// lastMetric is the last value of a metric in a file of JSON lines.
func lastMetric(t *testing.T, path, name string) float64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := math.NaN()
	for _, text := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err, text)
		}
		if v, ok := line[name].(float64); ok {
			last = v
		}
	}
	if math.IsNaN(last) {
		t.Fatalf("%s has no %s: %s", path, name, b)
	}
	return last
}

// TestFactorisedBadModels wants a model that is at fault named as such: exit code 4.
func TestFactorisedBadModels(t *testing.T) {
	for want, weight := range map[string]*tensor.Tensor{
		"values of \"w\" are NaN or infinite": tensor.Of(tensor.Shape{4, 2, 3, 3}, slices.Repeat([]float32{float32(math.NaN())}, 72)),
		"do not fit weights":                  tensor.New(tensor.F32, tensor.Shape{4, 3, 3, 3}),
		"no weight that could be factorised":  nil,
	} {
		b := graph.NewBuilder("bad")
		x := b.Input("x", tensor.F32, "N", 2, 8, 8)
		if weight != nil {
			x = b.Node("conv", "Conv", nil, x, b.Param("w", tensor.New(tensor.F32, tensor.Shape{4, 2, 3, 3})))
		}
		b.Output(b.Node("relu", "Relu", nil, x))
		m, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		if weight != nil { // the builder would not take it
			p := m.Graph.Param("w")
			p.Shape, p.Data = weight.Shape(), weight
		}
		in := filepath.Join(t.TempDir(), "m.cmz")
		if err := format.Save(in, m, format.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := compress(t, "lowrank", in, "--method", "svd", "--dry-run")
		if code != exitBadFile || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, want %d with %q: %s", code, exitBadFile, want, stderr)
		}
	}
}

// TestFixedBatch calibrates, tunes, distils and measures a network that takes three samples at a time, as exported ones do.
func TestFixedBatch(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data := "random:100;shape=12;classes=3"
	must(t, "train", "--data", data, "--arch", "mlp:24,24", "--epochs", "1", "-o", at("any.cmz"))
	m := load(t, at("any.cmz"))
	m.Graph.Inputs[0].Shape[0], m.Graph.Outputs[0].Shape = graph.Dim{N: 3}, nil
	if err := format.Save(at("three.cmz"), m, format.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	stdout, _ := must(t, "bench", at("any.cmz"), at("three.cmz"), "--data", data, "--runs", "0", "--json")
	var r struct {
		Models []struct{ Correct, Total int }
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || len(r.Models) != 2 || r.Models[0] != r.Models[1] || r.Models[0].Total == 0 {
		t.Errorf("three at a time: %+v, %v", r, err)
	}
	must(t, "lowrank", at("three.cmz"), "--data", data, "--calibrate", "50", "--keep", "0.5", "--tune", "1", "--batch", "12", "--tune-hints", "1", "-o", at("small.onnx"))
	must(t, "distill", "--teacher", at("any.cmz"), "--student", at("three.cmz"), "--data", data, "--batch", "12", "--epochs", "1", "-o", at("student.cmz"))
	must(t, "distill", "--teacher", at("three.cmz"), "--student", at("three.cmz"), "--data", data, "--batch", "12", "--epochs", "1", "--hint", "fc1/relu:fc1/relu", "-o", at("student.cmz"))
	for want, more := range map[string]string{"--batch 16 is no multiple of 3": "--batch=16", "takes 3 at a time": "--calibrate=2"} {
		code, _, stderr := compress(t, "lowrank", at("three.cmz"), "--data", data, "--keep", "0.5", "--tune", "1", more, "-o", at("none.onnx"))
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, want %d with %q: %s", code, exitUsage, want, stderr)
		}
	}
}

// Random calibration has as many samples as it is asked for, the batch alone grows with them, and takes counts too.
func TestRandomBatches(t *testing.T) {
	for _, c := range []struct {
		dtype   tensor.DType
		dims    []any
		batches int
		shape   tensor.Shape
	}{
		{tensor.F32, []any{1, 16}, 300, tensor.Shape{1, 16}},
		{tensor.F32, []any{7, 16}, 43, tensor.Shape{7, 16}},
		{tensor.F32, []any{"N", 16}, 3, tensor.Shape{128, 16}},
		{tensor.F64, []any{"N", 3, "H", "W"}, 3, tensor.Shape{128, 3, 32, 32}},
		{tensor.I64, []any{"N", "T"}, 3, tensor.Shape{128, 32}},
	} {
		b := graph.NewBuilder("m")
		b.Output(b.Node("same", "Identity", nil, b.Input("x", c.dtype, c.dims...)))
		m, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		all, err := randomBatches(m, 300, 1)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for in, err := range all(context.Background()) {
			x := in["x"]
			if n++; err != nil || x == nil || x.DType() != c.dtype || !x.Shape().Equal(c.shape) {
				t.Fatalf("%v%v: batch %v, %v, want %v%v", c.dtype, c.dims, x, err, c.dtype, c.shape)
			}
			if c.dtype == tensor.I64 && (slices.Min(tensor.Data[int64](x)) != 0 || slices.Max(tensor.Data[int64](x)) != 1) {
				t.Error("counts are not 0 and 1")
			}
		}
		if n != c.batches {
			t.Errorf("%v%v: %d batches, want %d", c.dtype, c.dims, n, c.batches)
		}
	}
	b := graph.NewBuilder("m")
	b.Output(b.Node("same", "Identity", nil, b.Input("x", tensor.U8, "N", 16)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := randomBatches(m, 300, 1); err == nil || !strings.Contains(err.Error(), "input \"x\" is uint8") {
		t.Errorf("bytes: %v", err)
	}
}

// TestMaxDropHolds wants the drop kept by what is written: tuned, and as it is stored.
func TestMaxDropHolds(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const n, k = 600, 16 // samples of which the first three values alone are not 0; the class is the largest
	x, y := tensor.New(tensor.F32, tensor.Shape{n, k}), tensor.New(tensor.I64, tensor.Shape{n})
	r := tensor.NewRand(1, "x")
	for i := range n {
		row := x.F32s()[i*k : i*k+3]
		for j := range row {
			row[j] = float32(r.Normal(uint64(3*i + j)))
		}
		tensor.Data[int64](y)[i] = int64(train.ArgMax(row))
	}
	var zip bytes.Buffer
	if err := npy.WriteZip(&zip, []npy.Entry{{Name: "x", Tensor: x}, {Name: "y", Tensor: y}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("d.npz"), zip.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	// One weight of a value that is always 0 is large: int8 has no place for the others of its row.
	first, second := tensor.New(tensor.F32, tensor.Shape{k, k}), tensor.New(tensor.F32, tensor.Shape{3, k})
	for i := range 3 {
		first.F32s()[i*k+i], second.F32s()[i*k+i] = 1, 1
		first.F32s()[i*k+k-1] = 1e6
	}
	b := graph.NewBuilder("m")
	h := b.Node("fc1", "Gemm", graph.Attrs{"transB": int64(1)}, b.Input("x", tensor.F32, "N", k), b.Param("w1", first))
	b.Output(b.Node("fc2", "Gemm", graph.Attrs{"transB": int64(1)}, h, b.Param("w2", second)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	if err := format.Save(at("m.cmz"), m, format.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	line := []string{"lowrank", at("m.cmz"), "--data", "npz:" + at("d.npz") + ";val=200", "--include", "fc1", "--max-drop", "5", "--method", "svd", "-o", at("small.cmz")}
	must(t, line...)
	os.Remove(at("small.cmz"))
	for _, more := range [][]string{{"--dtype", "int8"}, {"--tune", "1", "--lr", "100"}} {
		code, _, stderr := compress(t, append(line, more...)...)
		if code != exitBudget || !strings.Contains(stderr, "--max-drop is 5; nothing was written") {
			t.Errorf("%v: exit code %d, want %d: %s", more, code, exitBudget, stderr)
		}
	}
	if _, err := os.Stat(at("small.cmz")); err == nil {
		t.Error("a model was written that loses more")
	}
}

package onnx_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/format/onnx"
)

// generated makes a weight when it is asked for.
type generated struct {
	label string
	shape tensor.Shape
}

// Load implements graph.Loader.
func (g generated) Load() (*tensor.Tensor, error) {
	x, r := tensor.New(tensor.F32, g.shape), tensor.NewRand(1, g.label)
	for i := range x.F32s() {
		x.F32s()[i] = r.Float32(uint64(i)) - 0.5
	}
	return x, nil
}

// chain is a model of n matrix products with weights of 16 MiB each.
func chain(n int) *graph.Model {
	g := &graph.Graph{Name: "chain", Inputs: []graph.Port{{Name: "v0", DType: tensor.F32, Shape: []graph.Dim{{Sym: "N"}, {N: 2048}}}}}
	for i := range n {
		w := "w" + strconv.Itoa(i)
		s := tensor.Shape{2048, 2048}
		g.Params = append(g.Params, &graph.Param{Name: graph.Value(w), DType: tensor.F32, Shape: s, Lazy: generated{w, s}, Trainable: true})
		g.Nodes = append(g.Nodes, &graph.Node{Name: "mm" + strconv.Itoa(i), Op: "MatMul",
			In: []graph.Value{graph.Value("v" + strconv.Itoa(i)), graph.Value(w)}, Out: []graph.Value{graph.Value("v" + strconv.Itoa(i+1))}})
	}
	g.Outputs = []graph.Port{{Name: graph.Value("v" + strconv.Itoa(n)), DType: tensor.F32, Shape: []graph.Dim{{Sym: "N"}, {N: 2048}}}}
	return &graph.Model{Graph: g}
}

// BenchmarkGigabyte writes a model of 1 GiB with external data, then measures
// reading every weight as factorising does, and copying the model into another
// ONNX file and into a .cmz one. It reports the most memory that the process had
// and how it compares with 3 times the largest weight plus 200 MB.
func BenchmarkGigabyte(b *testing.B) {
	dir := b.TempDir()
	src := filepath.Join(dir, "large.onnx")
	must(b, onnx.Save(src, chain(64), onnx.SaveOptions{External: true}))
	load := func() *graph.Model {
		m, err := onnx.Load(src, onnx.LoadOptions{})
		must(b, err)
		return m
	}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"read", func() {
			for _, p := range load().AllParams() {
				x, err := p.Load()
				must(b, err)
				runtime.KeepAlive(x)
			}
		}},
		{"to-onnx", func() { must(b, onnx.Save(filepath.Join(dir, "copy.onnx"), load(), onnx.SaveOptions{})) }},
		{"to-cmz", func() { must(b, format.Save(filepath.Join(dir, "copy.cmz"), load(), format.SaveOptions{})) }},
		{"to-cmz-fast", func() {
			must(b, format.Save(filepath.Join(dir, "copy.cmz"), load(), format.SaveOptions{Effort: format.Fast}))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(64 << 24)
			_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // resets the peak, where there is one
			for b.Loop() {
				c.do()
			}
			b.ReportMetric(peakMB(b), "peak-MB")
		})
	}
}

// peakMB returns the most memory that the process had since the peak was reset.
func peakMB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Log("no /proc: the peak is not measured")
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	must(b, err)
	return float64(kb) / 1000
}

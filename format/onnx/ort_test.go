package onnx_test

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/onnx"
)

// sharedModel returns the path of a pretrained network of the folder that
// COMPRESS_SHARED names.
func sharedModel(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("COMPRESS_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(dir, "models", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: set COMPRESS_SHARED to the folder that holds models/ and data/", name)
	}
	return path
}

// ortTensor is one entry of testdata/ort.js's lists.
type ortTensor struct {
	Type  string `json:"type,omitempty"`
	Dims  []int  `json:"dims,omitempty"`
	File  string `json:"file,omitempty"`
	Level string `json:"level,omitempty"`
}

// ortPackage returns the folder of the onnxruntime-node package, which the folder
// ORT_NODE_PATH holds.
func ortPackage(t testing.TB) string {
	t.Helper()
	pkg := filepath.Join(os.Getenv("ORT_NODE_PATH"), "onnxruntime-node")
	if _, err := os.Stat(filepath.Join(pkg, "package.json")); err != nil {
		t.Skip("no ONNX Runtime: set ORT_NODE_PATH to the node_modules folder of `npm install --ignore-scripts onnxruntime-node`")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("no node to run ONNX Runtime with")
	}
	return pkg
}

// runORT runs a model file in ONNX Runtime; level is its optimiser's, "" for the default.
func runORT(t testing.TB, model, level string, in map[string]*tensor.Tensor) map[string]*tensor.Tensor {
	t.Helper()
	pkg, dir := ortPackage(t), t.TempDir()
	spec := map[string]ortTensor{}
	if level != "" {
		spec[""] = ortTensor{Level: level}
	}
	for name, x := range in {
		file := "in" + string(rune('a'+len(spec))) + ".raw"
		spec[name] = ortTensor{Type: x.DType().String(), Dims: append([]int{}, x.Shape()...), File: file}
		must(t, os.WriteFile(filepath.Join(dir, file), x.Raw(), 0o644))
	}
	list, err := json.Marshal(spec)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "in.json"), list, 0o644))
	if msg, err := exec.Command("node", "testdata/ort.js", pkg, model, dir).CombinedOutput(); err != nil {
		t.Fatalf("ONNX Runtime on %s: %v\n%s", model, err, msg)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out.json"))
	must(t, err)
	clear(spec)
	must(t, json.Unmarshal(b, &spec))
	out := map[string]*tensor.Tensor{}
	for name, s := range spec {
		raw, err := os.ReadFile(filepath.Join(dir, s.File))
		must(t, err)
		x := tensor.New(dtypeNamed(t, s.Type), tensor.Shape(s.Dims))
		copy(x.Raw(), raw)
		out[name] = x
	}
	return out
}

func dtypeNamed(t testing.TB, name string) tensor.DType {
	for d := tensor.F32; d <= tensor.String; d++ {
		if d.String() == name {
			return d
		}
	}
	t.Fatalf("no element type %q", name)
	return 0
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// normals returns reproducible normal numbers.
func normals(label string, s tensor.Shape) *tensor.Tensor {
	x, r := tensor.New(tensor.F32, s), tensor.NewRand(1, label)
	for i := range x.F32s() {
		x.F32s()[i] = float32(r.Normal(uint64(i)))
	}
	return x
}

// networks are real models with inputs for them.
var networks = []struct {
	file string
	in   func() map[string]*tensor.Tensor
}{
	{"cifar10-resnet20.onnx", func() map[string]*tensor.Tensor { return one("x", 4, 3, 32, 32) }},
	{"cifar10-resnet56.onnx", func() map[string]*tensor.Tensor { return one("x", 2, 3, 32, 32) }},
	{"ppocr-v4-rec.onnx", func() map[string]*tensor.Tensor { return one("x", 1, 3, 48, 160) }},
	{"silero-vad-legacy.onnx", func() map[string]*tensor.Tensor {
		return map[string]*tensor.Tensor{"input": normals("input", tensor.Shape{1, 1536}), "sr": tensor.Scalar(int64(16000)),
			"h": normals("h", tensor.Shape{2, 1, 64}), "c": normals("c", tensor.Shape{2, 1, 64})}
	}},
}

func one(name string, dims ...int) map[string]*tensor.Tensor {
	return map[string]*tensor.Tensor{name: normals(name, dims)}
}

// references are ONNX Runtime's outputs of the networks as they are.
var references = map[string]map[string]*tensor.Tensor{}

func reference(t *testing.T, file string, in map[string]*tensor.Tensor) map[string]*tensor.Tensor {
	t.Helper()
	if references[file] == nil {
		references[file] = runORT(t, sharedModel(t, file), "", in)
	}
	return references[file]
}

// TestUnchangedInONNXRuntime reads and writes real networks and wants the same
// bits from ONNX Runtime.
func TestUnchangedInONNXRuntime(t *testing.T) {
	for _, n := range networks {
		t.Run(n.file, func(t *testing.T) {
			src, dst := sharedModel(t, n.file), filepath.Join(t.TempDir(), "m.onnx")
			m, err := onnx.Load(src, onnx.LoadOptions{})
			must(t, err)
			must(t, onnx.Save(dst, m, onnx.SaveOptions{}))
			want, got := reference(t, n.file, n.in()), runORT(t, dst, "", n.in())
			for name, w := range want {
				if g := got[name]; g == nil || !g.Shape().Equal(w.Shape()) || !slices.Equal(g.Raw(), w.Raw()) {
					t.Errorf("output %q differs", name)
				}
			}
		})
	}
}

// TestOtherOpsetsInONNXRuntime writes real networks at other opsets than their own
// and wants the same results.
func TestOtherOpsetsInONNXRuntime(t *testing.T) {
	for _, n := range networks {
		t.Run(n.file, func(t *testing.T) {
			src, dst := sharedModel(t, n.file), filepath.Join(t.TempDir(), "m.onnx")
			want := reference(t, n.file, n.in())
			m, err := onnx.Load(src, onnx.LoadOptions{})
			must(t, err)
			for _, opset := range []int{13, 21} {
				must(t, onnx.Save(dst, m, onnx.SaveOptions{Opset: opset}))
				got := runORT(t, dst, "", n.in())
				for name, w := range want {
					if d := relative(got[name], w); !(d < 1e-5) {
						t.Errorf("opset %d, output %q: largest difference %.3g", opset, name, d)
					}
				}
			}
		})
	}
}

// TestEngineAgreesWithONNXRuntime compares the engine's outputs of real networks.
func TestEngineAgreesWithONNXRuntime(t *testing.T) {
	for _, n := range networks {
		t.Run(n.file, func(t *testing.T) {
			src := sharedModel(t, n.file)
			want := reference(t, n.file, n.in())
			m, err := onnx.Load(src, onnx.LoadOptions{})
			must(t, err)
			got := runEngine(t, m, n.in())
			for name, w := range want {
				if d := relative(got[name], w); !(d < 1e-4) {
					t.Errorf("output %q: largest difference %.3g of the largest output", name, d)
				} else {
					t.Logf("output %q: largest difference %.3g of the largest output", name, d)
				}
			}
		})
	}
}

// runEngine compiles m for the inputs' shapes and returns its outputs.
func runEngine(t testing.TB, m *graph.Model, in map[string]*tensor.Tensor) map[string]*tensor.Tensor {
	t.Helper()
	o := graph.Options{Shapes: map[graph.Value]tensor.Shape{}}
	for name, x := range in {
		o.Shapes[graph.Value(name)] = x.Shape()
	}
	s, err := graph.Compile(m, o)
	must(t, err)
	for name, x := range in {
		if slices.Contains(s.Inputs(), graph.Value(name)) {
			must(t, s.Feed(graph.Value(name), x))
		}
	}
	must(t, s.Forward())
	out := map[string]*tensor.Tensor{}
	for _, v := range s.Outputs() {
		out[string(v)] = s.Tensor(v).Clone()
	}
	return out
}

// relative returns the largest difference over the largest magnitude of want.
func relative(got, want *tensor.Tensor) float64 {
	if got == nil || got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return math.Inf(1)
	}
	if want.DType() != tensor.F32 {
		if slices.Equal(got.Raw(), want.Raw()) {
			return 0
		}
		return math.Inf(1)
	}
	worst, peak := 0.0, 0.0
	for i, w := range want.F32s() {
		d := math.Abs(float64(got.F32s()[i]) - float64(w))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst, peak = max(worst, d), max(peak, math.Abs(float64(w)))
	}
	if peak == 0 {
		return worst
	}
	return worst / peak
}

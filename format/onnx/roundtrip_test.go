package onnx_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/format/onnx"
)

// encoded returns m as bytes.
func encoded(t testing.TB, m *graph.Model, o onnx.SaveOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, onnx.Encode(&b, m, o))
	return b.Bytes()
}

func decoded(t testing.TB, b []byte) *graph.Model {
	t.Helper()
	m, err := onnx.Decode(bytes.NewReader(b), int64(len(b)), onnx.LoadOptions{})
	must(t, err)
	return m
}

// samples lists ONNX's own cases, real networks and the files of testdata.
func samples(t testing.TB) []string {
	dir := os.Getenv("ONNX_TESTDATA")
	if dir == "" {
		dir = "/usr/share/libonnx-testdata/data"
	}
	vectors, _ := filepath.Glob(filepath.Join(dir, "*", "*", "model.onnx"))
	own, err := filepath.Glob("testdata/*.onnx")
	must(t, err)
	return append(own, vectors...)
}

// TestSecondWriteEqualsFirst reads and writes every sample twice: the second file
// has the bytes of the first, directly and by way of a .cmz file.
func TestSecondWriteEqualsFirst(t *testing.T) {
	for i, path := range samples(t) {
		m, err := onnx.Load(path, onnx.LoadOptions{})
		must(t, err)
		first := encoded(t, m, onnx.SaveOptions{})
		if second := encoded(t, decoded(t, first), onnx.SaveOptions{}); !bytes.Equal(first, second) {
			t.Errorf("%s: a second round trip changes the file", path)
		}
		if i%8 > 0 {
			continue // a part of them is enough of a container's work
		}
		var cmz bytes.Buffer
		if err := format.Encode(&cmz, m, format.SaveOptions{Effort: format.Fast}); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		back, err := format.Decode(bytes.NewReader(cmz.Bytes()), int64(cmz.Len()), format.Limits{})
		must(t, err)
		if second := encoded(t, back, onnx.SaveOptions{}); !bytes.Equal(first, second) {
			t.Errorf("%s: the way through a .cmz file changes it", path)
		}
	}
}

// mlp returns a model that was built, not read.
func mlp(t testing.TB) *graph.Model {
	t.Helper()
	b := graph.NewBuilder("mlp")
	x := b.Input("x", tensor.F32, "N", 8)
	h := b.Node("fc1", "Gemm", graph.Attrs{"transB": int64(1)}, x, b.Param("w1", normals("w1", tensor.Shape{16, 8})), b.Param("b1", normals("b1", tensor.Shape{16})))
	h = b.Node("relu", "Relu", nil, h)
	h = b.Node("drop", "Dropout", nil, h, b.Const("ratio", tensor.Scalar(float32(0.5))))
	h = b.Node("sum", "ReduceSum", graph.Attrs{"keepdims": int64(1)}, h, b.Ints("axes", -1))
	b.Output(b.Node("y", "Softmax", graph.Attrs{"axis": int64(-1)}, h))
	m, err := b.Model()
	must(t, err)
	return m
}

// TestOpsets writes a built model at every opset and wants the same results.
func TestOpsets(t *testing.T) {
	m := mlp(t)
	in := one("x", 3, 8)
	want := runEngine(t, m, in)["y"]
	for opset := 6; opset <= onnx.MaxOpset; opset++ {
		t.Run(fmt.Sprint(opset), func(t *testing.T) {
			back := decoded(t, encoded(t, m, onnx.SaveOptions{Opset: opset}))
			if got := runEngine(t, back, in)["y"]; got == nil || !slices.Equal(got.F32s(), want.F32s()) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// TestExternal writes weights to a file beside the model, over the model's own
// files too, and reads them back.
func TestExternal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	m := mlp(t)
	m.Graph.Params[0].Data = normals("large", tensor.Shape{16, 8}) // 512 bytes stay in the model's file
	big := normals("big", tensor.Shape{40, 30})
	m.Graph.Params = append(m.Graph.Params, graph.NewParam("unused", big, true))
	for range 2 {
		must(t, onnx.Save(path, m, onnx.SaveOptions{External: true}))
		st, err := os.Stat(path + ".data")
		must(t, err)
		if st.Size() != int64(big.Bytes()) {
			t.Errorf("the data file has %d bytes, want %d", st.Size(), big.Bytes())
		}
		m, err = onnx.Load(path, onnx.LoadOptions{})
		must(t, err)
		x, err := m.Graph.Param("unused").Load()
		must(t, err)
		if !slices.Equal(x.F32s(), big.F32s()) {
			t.Error("the weights differ")
		}
	}
	must(t, os.Truncate(path+".data", 100))
	if _, err := onnx.Load(path, onnx.LoadOptions{}); !errors.Is(err, onnx.ErrExternal) {
		t.Errorf("a short data file gives %v", err)
	}
}

// TestFailedSaveLeavesNothing wants the old file and no temporary one.
func TestFailedSaveLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	must(t, os.WriteFile(path, []byte("old"), 0o644))
	m := mlp(t)
	p := m.Graph.Params[0]
	p.Data, p.Lazy = nil, broken{}
	if err := onnx.Save(path, m, onnx.SaveOptions{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	if b, _ := os.ReadFile(path); len(files) != 1 || string(b) != "old" {
		t.Errorf("left %v", files)
	}
}

type broken struct{}

// Load implements graph.Loader.
func (broken) Load() (*tensor.Tensor, error) { return nil, os.ErrClosed }

// TestWrittenForInference drops what nodes of our own have for training.
func TestWrittenForInference(t *testing.T) {
	b := graph.NewBuilder("m")
	x := b.Input("x", tensor.F32, 2, 4)
	c := func(name string) graph.Value { return b.Const(name, normals(name, tensor.Shape{4})) }
	y := b.Nodes("bn", "BatchNormalization", graph.Attrs{"training_mode": int64(1)}, 3, x, c("s"), c("b"), c("m"), c("v"))
	b.Output(b.Node("drop", "Dropout", nil, y[0], b.Const("ratio", tensor.Scalar(float32(0.5))), b.Const("on", tensor.Scalar(true))))
	must(t, b.Err())
	m := decoded(t, encoded(t, &graph.Model{Graph: b.Graph()}, onnx.SaveOptions{}))
	if n := m.Graph.Node("bn"); len(n.Out) != 1 || n.Attrs.Bool("training_mode", false) {
		t.Errorf("batch normalisation was written with %d outputs and %v", len(n.Out), n.Attrs)
	}
	if n := m.Graph.Node("drop"); len(n.In) != 2 {
		t.Errorf("dropout was written with the inputs %v", n.In)
	}
}

// TestRefusals names the node that an opset cannot express, and the way out.
func TestRefusals(t *testing.T) {
	b := graph.NewBuilder("m")
	x := b.Input("x", tensor.F32, 2, 4)
	b.Output(b.Node("folded", "Einsum", graph.Attrs{"equation": "ij->ji"}, x))
	m := b.Graph()
	m.Outputs[0].DType = tensor.F32
	err := onnx.Encode(io.Discard, &graph.Model{Graph: m}, onnx.SaveOptions{Opset: 11})
	var ne *onnx.NodeError
	if !errors.As(err, &ne) || ne.Node != "folded" || ne.Hint() == "" {
		t.Errorf("got %v, want a NodeError of node folded", err)
	}
	m.Nodes[0].Domain = graph.PrivateDomain
	if err := onnx.Encode(io.Discard, &graph.Model{Graph: m}, onnx.SaveOptions{}); !errors.As(err, &ne) {
		t.Errorf("a private operator gives %v", err)
	}
	f, err := format.ByPath("m.onnx")
	must(t, err)
	if err := f.Save("m.onnx", mlp(t), format.SaveOptions{Storage: tensor.I8}); err == nil || !strings.Contains(err.Error(), "int8") {
		t.Errorf("int8 storage gives %v", err)
	}
	if err := onnx.Encode(io.Discard, mlp(t), onnx.SaveOptions{Opset: 99}); !errors.Is(err, onnx.ErrOpset) {
		t.Errorf("opset 99 gives %v", err)
	}
}

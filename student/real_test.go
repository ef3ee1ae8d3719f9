package student_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/onnx"
	"github.com/compress-toolkit/compress/student"
)

// TestDeriveRealNetworks derives students of networks that other programs exported:
// half the width is a quarter of the parameters, less what inputs and outputs keep.
func TestDeriveRealNetworks(t *testing.T) {
	shared := os.Getenv("COMPRESS_SHARED")
	if shared == "" {
		shared = "../../shared"
	}
	for _, c := range []struct {
		file, spec string
		shape      tensor.Shape
		least      float64 // fraction of the parameters that stays
		most       float64
	}{
		{"cifar10-resnet20.onnx", "width:0.5;init=teacher", tensor.Shape{3, 32, 32}, 0.24, 0.26},
		{"cifar10-resnet56.onnx", "width:0.5", tensor.Shape{3, 32, 32}, 0.24, 0.26},
		{"cifar10-resnet56.onnx", "depth:0.34", tensor.Shape{3, 32, 32}, 0.3, 0.33},
		{"ppocr-v4-rec.onnx", "width:0.5", tensor.Shape{3, 48, 320}, 0.2, 0.5},
	} {
		path := filepath.Join(shared, "models", c.file)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("set COMPRESS_SHARED to the folder of shared data: %v", err)
		}
		teacher, err := onnx.Load(path, onnx.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := student.Derive(c.spec, teacher, student.Task{Shape: c.shape, Classes: 10})
		if err != nil {
			t.Errorf("%s of %s: %v", c.spec, c.file, err)
			continue
		}
		if f := elements(m) / elements(teacher); f < c.least || f > c.most {
			t.Errorf("%s of %s keeps %.3f of the parameters", c.spec, c.file, f)
		}
	}
}

// elements counts the numbers of all floating-point parameters.
func elements(m *graph.Model) (n float64) {
	for _, p := range m.AllParams() {
		if p.DType.IsFloat() {
			n += float64(p.Shape.Size())
		}
	}
	return n
}

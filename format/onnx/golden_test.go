package onnx_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/onnx"
)

// golden reads a TensorProto of testdata.
func golden(t testing.TB, name string) *tensor.Tensor {
	t.Helper()
	_, x, err := onnx.LoadTensor(filepath.Join("testdata", name+".pb"))
	must(t, err)
	return x
}

// TestTransformer runs a block that PyTorch exported, as it came and after it was
// written at other opsets, and compares with PyTorch's output.
func TestTransformer(t *testing.T) {
	x, want := golden(t, "transformer-in"), golden(t, "transformer-out")
	for _, opset := range []int{13, 17} {
		m, err := onnx.Load(fmt.Sprintf("testdata/transformer-%d.onnx", opset), onnx.LoadOptions{})
		must(t, err)
		for _, target := range []int{opset, 11, 13, 15, 18, 21, 23} {
			back := decoded(t, encoded(t, m, onnx.SaveOptions{Opset: target}))
			got := runEngine(t, back, map[string]*tensor.Tensor{"x": x})["y"]
			if d := relative(got, want); !(d < 1e-5) {
				t.Errorf("opset %d written at %d: largest difference %.3g", opset, target, d)
			}
		}
	}
}

// TestControlFlow runs a model with If, Loop, Scan, functions and constants of
// every form, and compares with NumPy.
func TestControlFlow(t *testing.T) {
	m, err := onnx.Load("testdata/control.onnx", onnx.LoadOptions{})
	must(t, err)
	if n := len(m.AllParams()); n < 7 {
		t.Errorf("%d parameters, want those in subgraphs and functions too", n)
	}
	again := decoded(t, encoded(t, m, onnx.SaveOptions{}))
	for _, cond := range []bool{true, false} {
		in := map[string]*tensor.Tensor{"x": golden(t, "control-in_x"), "cond": tensor.Scalar(cond)}
		for _, m := range []struct{ out map[string]*tensor.Tensor }{{runEngine(t, m, in)}, {runEngine(t, again, in)}} {
			for _, name := range []string{"y", "means", "last"} {
				want := golden(t, fmt.Sprintf("control-%v_%s", cond, name))
				if d := relative(m.out[name], want); !(d < 1e-5) {
					t.Errorf("condition %v, output %q: largest difference %.3g", cond, name, d)
				}
			}
		}
	}
}

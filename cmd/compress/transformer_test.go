package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// TestTransformer factorises a block that PyTorch exported, without labels, tunes it to
// repeat its own outputs, writes it as ONNX, and wants tuning to have brought the
// outputs nearer.
func TestTransformer(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	x, r := tensor.New(tensor.F32, tensor.Shape{512, 5, 16}), tensor.NewRand(1, "samples")
	for i := range x.F32s() {
		x.F32s()[i] = float32(r.Normal(uint64(i)))
	}
	f, err := os.Create(at("x.npz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := npy.WriteZip(f, []npy.Entry{{Name: "x", Tensor: x}}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, opset := range []string{"13", "17"} {
		block := filepath.Join("..", "..", "format", "onnx", "testdata", "transformer-"+opset+".onnx")
		for out, more := range map[string][]string{"raw.onnx": nil, "tuned.onnx": {"--tune", "20", "--batch", "16"}} {
			args := append([]string{"lowrank", block, "--data", "npz:" + at("x.npz"), "--keep", "0.6", "--calibrate", "256", "--quiet", "-o", at(out)}, more...)
			if code, _, stderr := compress(t, args...); code != 0 {
				t.Fatalf("%v: exit code %d: %s", args, code, stderr)
			}
		}
		code, stdout, stderr := compress(t, "bench", block, at("raw.onnx"), at("tuned.onnx"), "--data", "random:64", "--dims", "T=5", "--runs", "0", "--json")
		var got struct {
			Models []struct {
				Params int64
				Error  float64 `json:"rel_error"`
			}
		}
		if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil {
			t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
		}
		m := got.Models
		if m[2].Params >= m[0].Params || !(m[2].Error < 0.9*m[1].Error) || m[1].Error == 0 {
			t.Errorf("opset %s: %+v", opset, m)
		}
		t.Logf("opset %s: relative error %.3f untuned, %.3f tuned", opset, m[1].Error, m[2].Error)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// compress runs a command line and returns its exit code and outputs.
func compress(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(append([]string{"compress"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// TestMistakes checks exit codes, the hint line and that nothing is left behind.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.cmz")
	if err := os.WriteFile(bad, []byte("no model"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.cmz")
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "unknown command", []string{"tarin"}},
		{exitUsage, "--data is required", []string{"train", "--arch", "mlp:4", "-o", out}},
		{exitUsage, "mlpp", []string{"train", "--data", "random:20;shape=4;classes=2", "--arch", "mlpp:4", "-o", out}},
		{exitUsage, "a mixture has no label", []string{"train", "--data", "random:20;shape=4;classes=2", "--arch", "mlp:4", "--augment", "mixup", "-o", out}},
		{exitBadFile, "not a .cmz file", []string{"inspect", bad}},
		{exitBadFile, "not a .cmz file", []string{"convert", bad, "-o", out}},
		{exitUsage, "no folder", []string{"convert", bad, "-o", filepath.Join(dir, "nowhere", "x.cmz")}},
	} {
		code, _, stderr := compress(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, "\nhint: ") {
			t.Errorf("%v: exit code %d, want %d with %q: %s", c.args, code, c.code, c.want, stderr)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestStory trains, distils, factorises, converts and compares on noise.
func TestStory(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data := "random:200;shape=12;classes=3"
	for _, line := range [][]string{
		{"train", "--data", data, "--arch", "mlp:24,24", "--epochs", "2", "-o", at("t.cmz")},
		{"distill", "--data", data, "--teacher", at("t.cmz"), "--student", "mlp:4", "--epochs", "2", "-o", at("s.cmz")},
		{"lowrank", at("t.cmz"), "--data", data, "--keep", "0.5", "--calibrate", "64", "--tune", "1", "-o", at("f.onnx")},
		{"convert", at("f.onnx"), "-o", at("f.safetensors")},
	} {
		if code, _, stderr := compress(t, append(line, "--quiet")...); code != 0 {
			t.Fatalf("%v: exit code %d: %s", line, code, stderr)
		}
	}
	code, stdout, stderr := compress(t, "bench", at("t.cmz"), at("s.cmz"), at("f.onnx"), "--data", data, "--runs", "3", "--json")
	var r struct {
		Version int
		Models  []struct {
			Params   int64
			Accuracy *float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &r); code != 0 || err != nil || r.Version != 1 || len(r.Models) != 3 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	if r.Models[2].Params >= r.Models[0].Params {
		t.Errorf("the factorised model: %+v, the dense one: %+v", r.Models[2], r.Models[0])
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"900000": 900000, "2MB": 2e6, "1.5MiB": 3 << 19, "3 KB": 3000, "100kB": 1e5, "7B": 7,
		"": 0, "0": 0, "-1MB": 0, "2 TB": 0, "1e30": 0, "NaN": 0, "MB": 0} {
		if got, err := size(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("size(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

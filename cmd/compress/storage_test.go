package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestAccuracyIsTheFiles wants the accuracy that commands report, and that the model tells, to be the one that bench
// measures of the file, where storage rounds the weights; a converted file tells none.
func TestAccuracyIsTheFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const data = "random:3000;shape=12;classes=3"
	must(t, "train", "--data", data, "--arch", "mlp:24", "--epochs", "1", "-o", at("t.cmz"))
	for _, args := range [][]string{
		{"train", "--arch", "mlp:8", "--epochs", "1"},
		{"distill", "--teacher", at("t.cmz"), "--student", "mlp:8", "--epochs", "1"},
		{"lowrank", at("t.cmz"), "--method", "svd", "--rank", "3"},
		{"lowrank", at("t.cmz"), "--method", "svd", "--rank", "3", "--tune", "1"},
	} {
		stdout, _ := must(t, append(args, "--data", data, "--dtype", "int8", "--json", "--quiet", "-o", at("s.cmz"))...)
		var got struct {
			Accuracy float64
			Tuned    *struct{ Accuracy float64 }
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if got.Tuned != nil {
			got.Accuracy = got.Tuned.Accuracy
		}
		want, right := fileAccuracy(t, at("s.cmz"), data)
		if note := load(t, at("s.cmz")).Meta[metaAccuracy]; got.Accuracy != want || !strings.HasSuffix(note, right) {
			t.Errorf("%v: reported %v, noted %q, the file's is %v %s", args, got.Accuracy, note, want, right)
		}
	}
	must(t, "convert", at("s.cmz"), "-o", at("same.cmz"))
	must(t, "convert", at("s.cmz"), "--dtype", "f16", "-o", at("half.cmz"))
	if same, half := load(t, at("same.cmz")).Meta[metaAccuracy], load(t, at("half.cmz")).Meta[metaAccuracy]; same == "" || half != "" {
		t.Errorf("converted as it is, the file tells the accuracy %q; rounded, %q", same, half)
	}
}

// fileAccuracy returns what bench measures of a file: its accuracy, and "(CORRECT of TOTAL)".
func fileAccuracy(t *testing.T, path, data string) (accuracy float64, right string) {
	t.Helper()
	stdout, _ := must(t, "bench", path, "--data", data, "--runs", "1", "--json", "--quiet")
	var b struct {
		Models []struct {
			Accuracy       float64
			Correct, Total int
		}
	}
	if err := json.Unmarshal([]byte(stdout), &b); err != nil || len(b.Models) != 1 {
		t.Fatal(err, stdout)
	}
	m := b.Models[0]
	return m.Accuracy, fmt.Sprintf("(%d of %d)", m.Correct, m.Total)
}

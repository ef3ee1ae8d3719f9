package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestMetrics wants a line for each update and each epoch, steps that go on over stages,
// and an event file for each.
func TestMetrics(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data := "random:64;shape=12;classes=3"
	for _, line := range [][]string{
		{"train", "--arch", "mlp:8", "-o", at("t.cmz")},
		{"distill", "--teacher", at("t.cmz"), "--student", "mlp:4", "--hint", "fc1/relu:fc1/relu", "-o", at("s.cmz")},
	} {
		args := append(line, "--data", data, "--batch", "16", "--epochs", "2", "--quiet", "--metrics", at(line[0]), "--logdir", at("log-"+line[0]))
		if code, _, stderr := compress(t, args...); code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, stderr)
		}
	}
	for name, stages := range map[string]int{"train": 1, "distill": 2} {
		b, err := os.ReadFile(at(name))
		if err != nil {
			t.Fatal(err)
		}
		updates, epochs, last := 0, 0, 0
		for _, text := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			var line struct {
				Step  int
				Epoch float64
				Loss  *float64
				Total *float64 `json:"epoch_loss"`
			}
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err, text)
			}
			switch {
			case line.Loss != nil:
				updates++
				if line.Step != last+1 {
					t.Errorf("%s: step %d after %d", name, line.Step, last)
				}
			case line.Total != nil:
				epochs++
				if line.Epoch != float64(epochs) {
					t.Errorf("%s: epoch %g, want %d", name, line.Epoch, epochs)
				}
			}
			last = line.Step
		}
		if updates != stages*2*4 || epochs != stages*2 {
			t.Errorf("%s: %d updates and %d epochs of %d stages", name, updates, epochs, stages)
		}
		if files, _ := filepath.Glob(at("log-" + name + "/events.out.tfevents.*")); len(files) != stages {
			t.Errorf("%s: %d event files", name, len(files))
		}
	}
}

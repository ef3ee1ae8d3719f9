package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBudgetGate goes the way of docs/ci.md: from a model of one's own to a check that
// passes and one that fails.
func TestBudgetGate(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data := "random:200;shape=12;classes=3"
	ok := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := compress(t, args...)
		if code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, stderr)
		}
		return stdout
	}
	ok("train", "--data", data, "--arch", "mlp:24,24", "--epochs", "1", "-o", at("m.cmz"), "--quiet")
	yaml := at("compress.budget.yaml")
	ok("budget", "init", at("m.cmz"), "--data", data, "--budget", yaml)
	if out := ok("budget", "check", "--budget", yaml); !strings.Contains(out, "pass") || strings.Contains(out, "fail") {
		t.Errorf("the first check: %s", out)
	}
	ok("budget", "snapshot", "--budget", yaml, "-o", at("base.json"))

	ok("train", "--data", data, "--arch", "mlp:25,24", "--epochs", "1", "-o", at("m.cmz"), "--quiet")
	code, stdout, stderr := compress(t, "budget", "check", "--budget", yaml, "--base", at("base.json"), "--json",
		"--junit", at("j.xml"), "--markdown", at("m.md"), "--openmetrics", at("o.txt"), "--github", at("g.txt"))
	var r struct {
		Version int
		Rows    []struct{ Metric, Rule, Verdict string }
	}
	if err := json.Unmarshal([]byte(stdout), &r); code != exitBudget || err != nil || !strings.Contains(stderr, "budget exceeded") {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	failed := false
	for _, row := range r.Rows {
		failed = failed || row.Metric == "params" && row.Rule == "max_increase" && row.Verdict == "fail"
	}
	if !failed {
		t.Errorf("params grew by more than 1 %%: %s", stdout)
	}
	for _, name := range []string{"j.xml", "m.md", "o.txt", "g.txt"} {
		if b, err := os.ReadFile(at(name)); err != nil || !strings.Contains(string(b), "params") {
			t.Errorf("%s: %v, %q", name, err, b)
		}
	}
	if code, stdout, _ := compress(t, "bench", "--budget", yaml, "--runs", "0", "--json"); code != 0 || !strings.Contains(stdout, `"verdict": "pass"`) {
		t.Errorf("bench without the base: exit code %d: %s", code, stdout)
	}
	if out := ok("budget", "diff", at("m.cmz"), at("m.cmz")); !strings.Contains(out, "+0.0 %") {
		t.Errorf("a model against itself: %s", out)
	}
}

// TestBudgetMistakes wants exit code 2, the line, a hint, and nothing written.
func TestBudgetMistakes(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"version: 1\nmodels:\n  - path: none.cmz\n    limits: {params: {max: 1}}\n": "b.yaml:3: model none.cmz: ",
		"version: 1\nmodles: []\n":                             "b.yaml:2: the budget has no key",
		"version: 1\nmodels: [{path: a, limits: {params: 3}}]": "b.yaml:2: params must be a mapping",
	} {
		path := filepath.Join(dir, "b.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := compress(t, "budget", "check", "--budget", path, "--junit", filepath.Join(dir, "j.xml"))
		if code != exitUsage || !strings.Contains(stderr, want) || !strings.Contains(stderr, "\nhint: ") {
			t.Errorf("exit code %d, want %q: %s", code, want, stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, "j.xml")); err == nil {
			t.Error("a report of a budget with a mistake")
		}
	}
	if code, _, stderr := compress(t, "budget", "check", "--budget", filepath.Join(dir, "missing.yaml")); code == 0 || !strings.Contains(stderr, "missing.yaml") {
		t.Errorf("no budget file: exit code %d: %s", code, stderr)
	}
}

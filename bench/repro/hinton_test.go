package repro

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// script runs a script of this folder with an environment and one seed.
func script(t *testing.T, name string, env ...string) string {
	t.Helper()
	cmd := exec.Command("bash", name, "1")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestHintonScript runs every part for an epoch on noise, and once more, when it has
// nothing left to train.
func TestHintonScript(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	env := []string{"WORK=" + dir, "RESULTS=" + dir + "/results", "DATA=random:40;shape=1,28,28", "HELD=random:80;shape=1,28,28;val=40",
		"TEACHER_EPOCHS=1", "LABEL_EPOCHS=1", "SELECT_EPOCHS=1", "EPOCHS=1", "MIXED_EPOCHS=1", "MISSING_EPOCHS=1", "MIXED_SELECT_EPOCHS=1", "MIXED_LONG_EPOCHS=1", "MIXERS_SELECT_EPOCHS=1", "MISSING_MIXERS_EPOCHS=1", "SMALL_EPOCHS=1", "SWEEP_EPOCHS=1"}
	first := script(t, "hinton-mnist.sh", env...)
	for _, name := range []string{"teacher", "labels", "distilled", "mixed-chosen", "mixers", "missing-3-corrected", "missing-3-mixed-corrected", "missing-3-mixers-corrected", "small-labels", "small-distilled", "default-distilled", "sweep-300-T20"} {
		if _, err := os.Stat(dir + "/results/" + name + "-seed1.json"); err != nil {
			t.Errorf("%s has no result: %v\n%s", name, err, first)
		}
	}
	second := script(t, "hinton-mnist.sh", append(env, "STEPS=teacher labels distilled mixers mixed missing missing-mixed small defaults sweep page")...)
	if strings.Contains(second, ": compress ") {
		t.Errorf("the second time it trains: %s", second)
	}
	for _, row := range []string{"| student 784-800-800-10, labels | 146 |", "| distilled without any 3, bias of 3 corrected | 109 |"} {
		if !strings.Contains(second, row) {
			t.Errorf("no row %q in %s", row, second)
		}
	}
}

// TestRandomLabelsScript trains on noise in place of CIFAR-10.
func TestRandomLabelsScript(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	out := script(t, "random-labels.sh", "WORK="+dir, "RESULTS="+dir+"/results", "DATA=random:64;shape=3,8,8", "LIMIT=40", "EPOCHS=2")
	if strings.Count(out, " | 40 |") != 4 {
		t.Errorf("the table has not four rows of 40 samples: %s", out)
	}
}

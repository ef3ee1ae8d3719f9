package repro

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFitNetsScript runs the whole script for an epoch on noise, and once more, when it
// has nothing left to train.
func TestFitNetsScript(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	run := func() string {
		cmd := exec.Command("bash", "fitnets-mnist.sh", "1")
		cmd.Env = append(os.Environ(), "WORK="+dir, "RESULTS="+dir+"/results", "DATA=random:32;shape=1,28,28;classes=10;val=8",
			"TEACHER_EPOCHS=1", "TEACHER_TUNE=1", "EPOCHS=1", "HINT_EPOCHS=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	first, second := run(), run()
	for _, name := range []string{"teacher-dropout", "teacher", "labels", "kd", "hinted", "hints"} {
		if _, err := os.Stat(dir + "/results/" + name + "-seed1.json"); err != nil {
			t.Errorf("%s has no result: %v\n%s", name, err, first)
		}
	}
	if strings.Contains(second, ": compress ") || !strings.Contains(second, "hints, then distilled | 51 | 1 | ") {
		t.Errorf("the second time: %s", second)
	}
}

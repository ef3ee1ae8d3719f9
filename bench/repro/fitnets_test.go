package repro

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFitNetsScript runs the whole script for an epoch on noise, and once more, when it
// has nothing left to train.
func TestFitNetsScript(t *testing.T) {
	runTwice(t, "fitnets-mnist.sh", "hints, then distilled | 51 | 1 | ", []string{"teacher-dropout-seed1", "teacher-seed1", "labels-seed1", "kd-seed1", "hinted-seed1", "hints-seed1"},
		"DATA=random:32;shape=1,28,28;classes=10;val=8", "TEACHER_EPOCHS=1", "TEACHER_TUNE=1", "EPOCHS=1", "HINT_EPOCHS=1")
}

// TestFitNetsCIFAR10Script does the same with a teacher made here, whose second stage the hints come from.
func TestFitNetsCIFAR10Script(t *testing.T) {
	data := "random:32;shape=3,32,32;classes=10;val=8"
	teacher := filepath.Join(t.TempDir(), "teacher.cmz")
	train := exec.Command("go", "run", "../../cmd/compress", "train", "--data", data, "--arch", "resnet:8", "--epochs", "0", "-o", teacher)
	if out, err := train.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	runTwice(t, "fitnets-cifar10.sh", "- again: 0.", []string{"labels-seed1", "kd-seed1", "hinted-seed1", "hints-seed1", "more-seed101", "again-seed201"},
		"DATA="+data, "TEACHER="+teacher, "HINT=stage2/block1/relu_2:conv6/maxout/max", "EPOCHS=1", "HINT_EPOCHS=1", "AGAIN_EPOCHS=1")
}

// runTwice runs the script that leaves results, and once more, when it has nothing left to train and prints want.
func runTwice(t *testing.T, name, want string, results []string, environment ...string) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	environment = append(environment, "WORK="+dir, "RESULTS="+dir+"/results")
	first, second := script(t, name, environment...), script(t, name, environment...)
	for _, result := range results {
		if _, err := os.Stat(dir + "/results/" + result + ".json"); err != nil {
			t.Errorf("%s has no result: %v\n%s", result, err, first)
		}
	}
	if strings.Contains(second, ": compress ") || !strings.Contains(second, want) {
		t.Errorf("the second time: %s", second)
	}
}

package repro

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestLossesScript trains a student with every loss for an epoch on noise, with a small
// teacher, and once more, when there is nothing left to train.
func TestLossesScript(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	const values = "stage1/block1/relu_2,stage2/block1/relu_2,stage3/block1/relu_2,flatten"
	const data = "random:24;shape=3,8,8;classes=4"
	env := []string{"WORK=" + dir, "RESULTS=" + dir + "/results", "DATA=" + data, "TEACHER=" + dir + "/t.onnx", "EPOCHS=1", "BATCH=8",
		"AUGMENT=flip", "STUDENT=resnet:8;width=0.25", "TEACHER_VALUES=" + values, "STUDENT_VALUES=" + values}
	out, err := exec.Command("go", "run", "../../cmd/compress", "train", "--arch", "resnet:8;width=0.5", "--data", data, "--epochs", "1",
		"-o", dir+"/t.onnx").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first, second := script(t, "losses-cifar10.sh", env...), script(t, "losses-cifar10.sh", env...)
	rows := strings.Count(second, " | ")
	if !strings.Contains(first, ": epoch 1, loss") || strings.Contains(second, ": epoch 1, loss") || rows < 4*17 {
		t.Errorf("the first time: %s\nthe second time: %s", first, second)
	}
	text, err := os.ReadFile(dir + "/results/kd+at-seed1.json")
	if err != nil || !strings.Contains(string(text), `"trained_together": 18`) {
		t.Errorf("%v: %s", err, text)
	}
}

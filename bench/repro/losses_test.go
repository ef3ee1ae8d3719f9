package repro

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestLossesScript runs the script for an epoch on noise with a small teacher, and once
// more, when it has nothing left to train. That every loss trains is a test of the command.
func TestLossesScript(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	const values = "stage1/block1/relu_2 stage2/block1/relu_2 stage3/block1/relu_2 flatten"
	env := append(os.Environ(), "WORK="+dir, "RESULTS="+dir+"/results", "DATA=random:24;shape=3,8,8;classes=4", "TEACHER="+dir+"/t.onnx",
		"EPOCHS=1", "BATCH=8", "LOSSES=labels kd dkd-standardized review kd+at", "AUGMENT=", "STUDENT=resnet:8;width=0.25", "TEACHER_VALUES="+values, "STUDENT_VALUES="+values)
	do := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	do("go", "build", "-o", dir+"/compress", "../../cmd/compress")
	do(dir+"/compress", "train", "--arch", "resnet:8;width=0.5", "--data", "random:24;shape=3,8,8;classes=4", "--epochs", "1", "-o", dir+"/t.onnx")
	first, second := do("bash", "losses-cifar10.sh", "1"), do("bash", "losses-cifar10.sh", "1")
	if strings.Contains(second, "compress distill") {
		t.Errorf("the second time: %s", second)
	}
	for _, name := range []string{"labels", "kd", "dkd-standardized", "review", "kd+at"} {
		if !strings.Contains(first, "compress ") || !strings.Contains(second, "| "+name+" | ") {
			t.Errorf("%s is not in the table: %s", name, second)
		}
	}
}

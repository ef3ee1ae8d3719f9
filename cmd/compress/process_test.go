package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// TestMain lets the test binary be the command itself, for tests that need a process.
func TestMain(m *testing.M) {
	if os.Getenv("COMPRESS_TEST_COMMAND") != "" {
		main()
	}
	os.Exit(m.Run())
}

// process returns a process of the command line in a folder.
func process(dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "COMPRESS_TEST_COMMAND=1")
	c.Dir = dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	return c, &stderr
}

// finish runs a process that must succeed.
func finish(t *testing.T, dir string, args ...string) {
	t.Helper()
	c, stderr := process(dir, args...)
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, stderr)
	}
}

// longRun is a training run that augmentation and running statistics make sensitive to
// where it goes on.
func longRun(out string) []string {
	return []string{"train", "--data", "random:300;shape=1,12,12;classes=4", "--arch", "resnet:8", "--augment", "crop=2,flip",
		"--batch", "32", "--epochs", "3", "--threads", "1", "--quiet", "-o", out}
}

// weights returns the bits of all parameters in a model file.
func weights(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	for _, p := range load(t, path).AllParams() {
		if err := p.Materialize(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %v %x\n", p.Name, p.Shape, p.Data.Raw())
	}
	return b.String()
}

// TestKilledAndResumed kills training with SIGKILL at moments drawn from a seed, within
// epochs and while checkpoints are written, each time goes on with --resume, and wants
// the bits of the run that nobody disturbed.
func TestKilledAndResumed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	dir := t.TempDir()
	began := time.Now()
	finish(t, dir, longRun("whole.cmz")...)
	took := time.Since(began)
	want := weights(t, filepath.Join(dir, "whole.cmz"))

	r := tensor.NewRand(11, "kill")
	args := append(longRun("killed.cmz"), "--checkpoint", "state", "--checkpoint-every", "1us", "--resume")
	kills := 0
	for i := uint64(0); i < 5; i++ {
		c, stderr := process(dir, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration((0.2 + 0.5*r.Float64(i)) * float64(took)))
		c.Process.Kill()
		err := c.Wait()
		if err == nil {
			break // it was done before the signal
		}
		if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
			t.Fatalf("%v: %s", err, stderr)
		}
		kills++
	}
	if kills == 0 {
		t.Fatal("training was never killed")
	}
	finish(t, dir, args...)
	if weights(t, filepath.Join(dir, "killed.cmz")) != want {
		t.Errorf("killed %d times: the weights differ from the undisturbed run's", kills)
	}
	t.Logf("killed %d times", kills)
}

// TestInterrupted sends SIGINT: exit code 130, the checkpoint is there, no model is, and
// --resume ends with the undisturbed bits.
func TestInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	dir := t.TempDir()
	finish(t, dir, longRun("whole.cmz")...)
	args := append(longRun("m.cmz"), "--checkpoint", "state", "--resume")
	c, stderr := process(dir, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state", "checkpoint.npz")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(state); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no checkpoint in 20 s")
		}
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Fatalf("exit code %d, want %d: %s", code, exitInterrupted, stderr)
	}
	if !strings.Contains(stderr.String(), "checkpoint saved in state") || !strings.Contains(stderr.String(), "\nhint: ") {
		t.Errorf("it says %s", stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "m.cmz")); err == nil {
		t.Error("an interrupted run left a model")
	}
	finish(t, dir, args...)
	if weights(t, filepath.Join(dir, "m.cmz")) != weights(t, filepath.Join(dir, "whole.cmz")) {
		t.Error("the weights differ from the undisturbed run's")
	}
}

// TestThreadsGiveTheSameWeights trains with one and with two threads.
func TestThreadsGiveTheSameWeights(t *testing.T) {
	dir := t.TempDir()
	for _, arch := range []string{"mlp:64,64;dropout=0.5", "resnet:8", "lstm:24"} {
		line := []string{"train", "--data", "random:200;shape=1,12,12;classes=4", "--arch", arch, "--epochs", "2", "--quiet"}
		finish(t, dir, append(line, "--threads", "1", "-o", "1.cmz")...)
		finish(t, dir, append(line, "--threads", "2", "-o", "2.cmz")...)
		if weights(t, filepath.Join(dir, "1.cmz")) != weights(t, filepath.Join(dir, "2.cmz")) {
			t.Errorf("%s: the weights depend on the number of threads", arch)
		}
	}
}

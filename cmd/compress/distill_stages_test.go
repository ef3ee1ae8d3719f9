package main

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// writeFiles writes texts to files by name.
func writeFiles(t *testing.T, at func(string) string, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		if err := os.WriteFile(at(name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// distillTo runs a recipe on distillData and returns its last training loss.
func distillTo(t *testing.T, at func(string) string, out, recipe string, more ...string) float64 {
	t.Helper()
	stdout, _ := must(t, append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--recipe", at(recipe), "--json", "-o", at(out)}, more...)...)
	var f fitted
	if err := json.Unmarshal([]byte(stdout), &f); err != nil {
		t.Fatal(err)
	}
	return f.TrainLoss
}

// TestStudentOfTrainedStage derives a network of an earlier stage's, as that stage leaves it: it is as good
// before it learns, and a resumed run ends with the same.
func TestStudentOfTrainedStage(t *testing.T) {
	at := distillTeacher(t)
	recipe := func(student string) string {
		return "defaults: {losses: [{loss: labels}]}\nstage1: {student: 'mlp:16', epochs: 20, lr: 1e-2}\n" +
			"stage2: {student: '" + student + "', teacher: stage1, epochs: 1, lr: 1e-12}\n"
	}
	writeFiles(t, at, map[string]string{"thin.yaml": recipe("width:1;init=teacher"), "factored.yaml": recipe("lowrank:keep=0.9")})
	for _, recipe := range []string{"thin.yaml", "factored.yaml"} {
		if loss := distillTo(t, at, "whole.cmz", recipe, "--checkpoint", at(recipe+"-state")); loss > 0.3 {
			t.Errorf("%s: a loss of %.3f is not that of a trained network", recipe, loss)
		}
		if err := os.RemoveAll(at(recipe + "-state/stage2")); err != nil {
			t.Fatal(err)
		}
		for range 2 { // behind the first stage, and behind both
			distillTo(t, at, "resumed.cmz", recipe, "--checkpoint", at(recipe+"-state"), "--resume")
			sameWeights(t, load(t, at("whole.cmz")), load(t, at("resumed.cmz")))
		}
	}
}

// TestStageTeachesAsItWasLeft learns from a stage's network that the next stage has trained on: the same as where the
// next stage had a network of its own.
func TestStageTeachesAsItWasLeft(t *testing.T) {
	at := distillTeacher(t)
	recipe := func(student string) string {
		return "defaults: {epochs: 2, losses: [{loss: kd}]}\nstage1: {student: 'mlp:16'}\nstage2: {" + student +
			"losses: [{loss: labels}]}\nstage3: {student: 'mlp:4', teacher: stage1}\n"
	}
	writeFiles(t, at, map[string]string{"on.yaml": recipe(""), "own.yaml": recipe("student: 'mlp:8', ")})
	distillTo(t, at, "own.cmz", "own.yaml")
	distillTo(t, at, "on.cmz", "on.yaml", "--checkpoint", at("state"))
	if err := os.RemoveAll(at("state/stage3")); err != nil {
		t.Fatal(err)
	}
	distillTo(t, at, "resumed.cmz", "on.yaml", "--checkpoint", at("state"), "--resume")
	for _, other := range []string{"on.cmz", "resumed.cmz"} {
		sameWeights(t, load(t, at("own.cmz")), load(t, at(other)))
	}
}

// TestMistakesOfLaterStages finds what is wrong with a later stage, or with --record, before the first stage trains.
func TestMistakesOfLaterStages(t *testing.T) {
	at := distillTeacher(t)
	must(t, "train", "--data", "random:20;shape=5;classes=3", "--arch", "mlp:4", "--epochs", "1", "-o", at("flat.cmz"))
	const labels, kd = "losses: [{loss: labels}]", "losses: [{loss: kd}]"
	writeFiles(t, at, map[string]string{
		"mixed.yaml":   "stage1: {" + labels + "}\nstage2: {augment: mixup, " + labels + "}\n",
		"rate.yaml":    "stage1: {" + labels + "}\nstage2: {lr: -1, " + labels + "}\n",
		"parts.yaml":   "stage1: {" + labels + "}\nstage2: {batch: 10, accumulate: 3, " + labels + "}\n",
		"crop.yaml":    "stage1: {" + labels + "}\nstage2: {augment: crop=4, " + labels + "}\n",
		"views.yaml":   "stage1: {" + kd + "}\nstage2: {augment: jitter=1, " + kd + "}\n",
		"weights.yaml": "stage1: {" + kd + "}\nstage2: {student: 'mlp:3', teacher: stage1, teacher-weights: [1, 2], " + kd + "}\n",
		"no.yaml":      "stage1: {teacher-weights: [1, 2], " + kd + "}\n",
		"two.yaml":     "stage1: {losses: [{loss: kd, temperature: 2}, {loss: dist, temperature: 4}]}\n",
	})
	for _, c := range []struct {
		want string
		args []string
	}{
		{"stage2: train: augmentation mixup: a mixture has no label", []string{"--recipe", at("mixed.yaml")}},
		{"stage2: train: learning rate -1", []string{"--recipe", at("rate.yaml")}},
		{"stage2: train: a batch of 10 cannot be cut into 3", []string{"--recipe", at("parts.yaml")}},
		{"crop", []string{"--recipe", at("crop.yaml"), "--data", "random:20;shape=5;classes=3", "--teacher", at("flat.cmz")}},
		{"stage2 cannot use what stage1 records", []string{"--recipe", at("views.yaml"), "--record", at("r.npz")}},
		{"differ in temperature", []string{"--recipe", at("two.yaml"), "--record", at("r.npz")}},
		{"there is no folder", []string{"--record", at("none/r.npz")}},
		{"top:3 of 3 classes", []string{"--record", at("r.npz"), "--record-form", "top:3"}},
		{"a mixture has no label", []string{"--record", at("r.npz"), "--augment", "jitter=1,mixup"}},
		{"--record-form is of no use without --record", []string{"--record-form", "f16"}},
		{"have 5 classes, teacher ", []string{"--student", "width:1", "--data", "random:64;shape=1,16,16;classes=5"}},
		{"have 5 classes, teacher ", []string{"--student", "width:1", "--data", "random:64;shape=1,16,16;classes=5", "--hard-weight", "0", "--loss", "dkd"}},
		{"--hint-epochs -4 is negative", []string{"--hint", "pool:pool", "--hint-epochs", "-4"}},
		{`"inf" is not a finite number`, []string{"--teacher-weights", "inf"}},
		{"stage2: teacher: 2 weights for 1 members", []string{"--recipe", at("weights.yaml")}},
		{"teacher-weights without", []string{"--recipe", at("no.yaml")}},
	} {
		args := append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "mlp:4", "--epochs", "1", "-o", at("x.cmz")}, c.args...)
		code, _, stderr := compress(t, args...)
		if code != exitUsage || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "objective:") || strings.Contains(stderr, "recording") {
			t.Errorf("%v: exit code %d, want %d with %q and no training: %s", c.args, code, exitUsage, c.want, stderr)
		}
	}
	if _, err := os.Stat(at("r.npz")); err == nil {
		t.Error("a recording is left behind")
	}
	code, _, stderr := compress(t, "train", "--data", "random:20;shape=5;classes=5", "--arch", at("flat.cmz"), "--epochs", "1", "-o", at("x.cmz"))
	if code != exitUsage || !strings.Contains(stderr, `has 5 classes, the model's output "logits" 3`) {
		t.Errorf("training on with more classes: exit code %d: %s", code, stderr)
	}
	must(t, "distill", "--data", "random:64;shape=1,16,16;classes=5", "--hard-weight", "0", "--teacher", at("t.cmz"), "--student", "width:1", "--epochs", "1", "-o", at("x.cmz"))
}

// TestRecordForAllStages writes what the longest stage needs, and all read it.
func TestRecordForAllStages(t *testing.T) {
	at := distillTeacher(t)
	writeFiles(t, at, map[string]string{"two.yaml": "defaults: {augment: jitter=1, losses: [{loss: kd}]}\nstage1: {student: 'mlp:4', epochs: 1}\nstage2: {epochs: 3}\n"})
	distillTo(t, at, "live.cmz", "two.yaml")
	for range 2 {
		distillTo(t, at, "s.cmz", "two.yaml", "--record", at("r.npz"))
		sameWeights(t, load(t, at("live.cmz")), load(t, at("s.cmz")))
	}
}

// TestDamagedRecording is a bad file: too few samples or classes, or a logit that is no number.
func TestDamagedRecording(t *testing.T) {
	at := distillTeacher(t)
	line := []string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "mlp:4", "--epochs", "1", "-o", at("s.cmz"), "--record"}
	must(t, append(line, at("r.npz"))...)
	entries, err := npy.ReadZipFile(at("r.npz"))
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string]*tensor.Tensor{}
	for _, e := range entries {
		whole[e.Name] = e.Tensor
	}
	z := whole["logits"].F32s()
	wrong := slices.Clone(z)
	wrong[7] = float32(math.NaN())
	for want, logits := range map[string]*tensor.Tensor{
		"it has 63 samples":                 tensor.Of(tensor.Shape{1, 63, 3}, z[3:]),
		"logits float32[1 96 2] are not of": tensor.Of(tensor.Shape{1, 96, 2}, z),
		"a logit of sample 2 is NaN":        tensor.Of(tensor.Shape{1, 64, 3}, wrong),
	} {
		err := atomicfile.WriteFile(at("bad.npz"), func(w io.Writer) error {
			return npy.WriteZip(w, []npy.Entry{{Name: "header", Tensor: whole["header"]}, {Name: "logits", Tensor: logits}})
		})
		if err != nil {
			t.Fatal(err)
		}
		code, _, stderr := compress(t, append(line, at("bad.npz"))...)
		if code != exitBadFile || !strings.Contains(stderr, want) || !strings.Contains(stderr, "hint: remove the file") {
			t.Errorf("exit code %d, want %d with %q: %s", code, exitBadFile, want, stderr)
		}
	}
}

// TestManyOutputsAreNotRecorded unasked.
func TestManyOutputsAreNotRecorded(t *testing.T) {
	s := &samples{train: dataset.Random(70000, tensor.Shape{1}, 2, 1)}
	if !fewOutputs(s, 1000) || fewOutputs(s, 65536) {
		t.Error("not 1 GiB parts few outputs from many")
	}
}

package main

import (
	"encoding/json"
	"os"
	"testing"
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

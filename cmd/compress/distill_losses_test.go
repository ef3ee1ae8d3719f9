package main

import (
	"os"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/distill"
)

// TestDistillLosses runs every loss, alone and together, from the command line and in a recipe.
func TestDistillLosses(t *testing.T) {
	at := distillTeacher(t)
	line := func(more ...string) []string {
		return append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "lenet:2,3,5", "--epochs", "1", "-o", at("s.cmz")}, more...)
	}
	const pair = "@pool_2:pool_2"
	plain := load(t, at("t.cmz"))
	for _, name := range distill.FeatureLosses() {
		student := "lenet:2,3,5"
		if name == "match" { // compares values of one shape
			student = "width:1"
		}
		_, stderr := must(t, line("--loss", name+pair, "--soft-weight", "1", "--student", student)...)
		if l, err := distill.GetFeature(name, nil); err != nil || !strings.Contains(stderr, l.Formula()+" of pool_2:pool_2") {
			t.Errorf("%s: the formula is not printed: %s", name, stderr)
		}
		if m := load(t, at("s.cmz")); len(m.Graph.Params) != len(plain.Graph.Params) {
			t.Errorf("%s: the file has %d parameters, want %d", name, len(m.Graph.Params), len(plain.Graph.Params))
		}
	}
	for _, name := range distill.Losses() {
		must(t, line("--loss", name, "--hard-weight", "0")...)
	}
	_, stderr := must(t, line("--loss", "2:0*kd + dkd:beta=2 + at"+pair+"@pool:pool", "--soft-weight", "0.5")...)
	for _, want := range []string{"1:0 * T^2 * KL", "0.5 * T^2 * (1 * KL(b_t || b_s) + 2 * KL", "500 * mean((Q_s", "of pool_2:pool_2, pool:pool"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the formula lacks %q: %s", want, stderr)
		}
	}
	if err := os.WriteFile(at("r.yaml"), []byte("stage1:\n  losses: [{loss: kd, weight: 0.5}, {loss: labels, weight: 1}]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, stderr = must(t, line("--recipe", at("r.yaml"), "--loss", "dist + 3*sp"+pair, "--standardize")...)
	if !strings.Contains(stderr, "0.5 * T^2 * (2 * (1 - corr") || !strings.Contains(stderr, "1.5 * mean((G_s") || !strings.Contains(stderr, "z standardized") {
		t.Errorf("--loss in place of a recipe's kd: %s", stderr)
	}
}

// TestDistillLossMistakes checks what is said of losses that cannot be.
func TestDistillLossMistakes(t *testing.T) {
	at := distillTeacher(t)
	for text, want := range map[string]string{
		"att@pool:pool":        `did you mean "at"`,
		"at":                   "compares values",
		"kd@pool:pool":         "compares logits",
		"x*kd":                 "neither a number nor FROM:TO",
		"1:0*kd":               "both change",
		"labels":               "--hard-weight",
		"kd + at@pool_2:fc1":   `the student has no value "fc1"`,
		"at@pool_2:classifier": "no value",
		"review:mid=0@a:b":     "whole number",
	} {
		code, _, stderr := compress(t, "distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "lenet:2,3,5", "--epochs", "1",
			"--soft-weight", "1:2", "-o", at("x.cmz"), "--loss", text)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("--loss %q: exit code %d, want %q: %s", text, code, want, stderr)
		}
	}
}

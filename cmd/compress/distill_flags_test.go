package main

import (
	"strings"
	"testing"
)

// TestFlagsWinOverRecipe looks for what flags say in the resolved recipe and in the formulas.
func TestFlagsWinOverRecipe(t *testing.T) {
	at := distillTeacher(t)
	must(t, "train", "--data", distillData, "--arch", "mlp:8", "--epochs", "1", "-o", at("t2.cmz"))
	two := "teacher: [" + at("t.cmz") + ", " + at("t2.cmz") + "]"
	writeFiles(t, at, map[string]string{
		"kd.yaml":     "stage1: {losses: [{loss: kd, weight: 1, temperature: 3}]}\n",
		"values.yaml": "stage1: {losses: [{loss: at, weight: 7}]}\nstage2: {losses: [{loss: labels}, {loss: hint}]}\n",
		"plain.yaml":  "stage1: {}\n",
		"two.yaml":    "stage1: {" + two + ", teacher-weights: [3, 1], losses: [{loss: kd}]}\n",
	})
	for _, c := range []struct {
		want []string
		args []string
	}{
		{[]string{"objective: 0.5 * CE(softmax(z_s), y) + 1 * T^2 * KL"}, []string{"--recipe", at("kd.yaml"), "--hard-weight", "0.5"}},
		{[]string{"objective: 1 * T^2 * KL"}, []string{"--recipe", at("kd.yaml"), "--hard-weight", "0"}},
		{[]string{"stage1: objective: 7 * mean((G_s", "stage2: objective: 1 * CE(softmax(z_s), y) + 1 * mean((G_s"}, []string{"--recipe", at("values.yaml"), "--hint", "pool_2:pool_2", "--hint-loss", "sp", "--hint-epochs", "1"}},
		{[]string{"objective: 0.1 * CE(softmax(z_s), y) + 1.8 * T^2 * KL"}, []string{"--recipe", at("plain.yaml"), "--loss", "2*kd"}},
		{[]string{"teacher-weights: [3, 1]"}, []string{"--recipe", at("two.yaml")}},
	} {
		_, stderr := must(t, append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "lenet:2,3,5", "--epochs", "1", "-o", at("s.cmz")}, c.args...)...)
		for _, want := range c.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%v: want %q: %s", c.args, want, stderr)
			}
		}
	}
}

// TestFlagsWithoutUse names each flag that nothing in the run follows.
func TestFlagsWithoutUse(t *testing.T) {
	at := distillTeacher(t)
	writeFiles(t, at, map[string]string{
		"own.yaml":    "stage1: {student: 'mlp:4', teacher: [" + at("t.cmz") + "], losses: [{loss: kd}]}\n",
		"labels.yaml": "stage1: {losses: [{loss: labels}]}\n",
		"values.yaml": "stage1: {losses: [{loss: at, pairs: 'pool_2:pool_2'}]}\n",
	})
	for _, c := range []struct{ flag, args string }{
		{"student", "--student mlp:5 --recipe own.yaml"},
		{"teacher-weights", "--recipe own.yaml --teacher-weights 1"},
		{"hint", "--student mlp:4 --recipe born-again --hint pool:pool"},
		{"hint", "--student lenet:2,3,5 --recipe values.yaml --hint pool:pool"},
		{"hint-mode", "--student lenet:2,3,5 --recipe fitnets --hint pool_2:pool_2 --hint-loss sp --hint-mode joint"},
		{"hint-weight", "--student lenet:2,3,5 --hint pool_2:pool_2 --hint-weight 2"},
		{"hint-epochs", "--student lenet:2,3,5 --hint pool_2:pool_2 --hint-mode only --hint-epochs 2"},
		{"hint-epochs", "--student mlp:4 --recipe labels.yaml --hint-epochs 2"},
		{"hint-lr-scale", "--student mlp:4 --recipe labels.yaml --hint-lr-scale 0.1"},
		{"hint-loss", "--student mlp:4 --hint-loss at"},
		{"hard-weight", "--student lenet:2,3,5 --hint pool_2:pool_2 --hint-mode only --hard-weight 1"},
		{"epochs", "--student lenet:2,3,5 --recipe values.yaml --epochs 1"},
		{"patience", "--student lenet:2,3,5 --hint pool_2:pool_2 --hint-mode only --patience 1"},
		{"temperature", "--student mlp:4 --recipe labels.yaml --temperature 2"},
		{"loss", "--student mlp:4 --recipe labels.yaml --loss dkd"},
		{"init", "--student lowrank:keep=0.5 --init he"},
	} {
		args := []string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "-o", at("x.cmz")}
		for _, a := range strings.Fields(c.args) {
			if strings.HasSuffix(a, ".yaml") {
				a = at(a)
			}
			args = append(args, a)
		}
		code, _, stderr := compress(t, args...)
		if want := "no stage of this run uses --" + c.flag + "\nhint: "; code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, want %d with %q: %s", c.args, code, exitUsage, want, stderr)
		}
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/teacher"
)

// distillData is small and learnable by heart; its images are large enough for lenet.
const distillData = "random:64;shape=1,16,16;classes=3"

// distillTeacher trains a small teacher and returns a function that gives paths beside it.
func distillTeacher(t *testing.T) (at func(string) string) {
	t.Helper()
	dir := t.TempDir()
	at = func(name string) string { return filepath.Join(dir, name) }
	must(t, "train", "--data", distillData, "--arch", "lenet:4,6,12", "--epochs", "2", "-o", at("t.cmz"))
	return at
}

// must runs a command line that has to succeed and returns its standard error.
func must(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	code, stdout, stderr := compress(t, args...)
	if code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, stderr)
	}
	return stdout, stderr
}

func load(t *testing.T, path string) *graph.Model {
	t.Helper()
	m, err := format.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHintModes trains in each mode. No file has a regressor: the nodes and parameters
// are those of the student.
func TestHintModes(t *testing.T) {
	at := distillTeacher(t)
	line := func(more ...string) []string {
		return append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "lenet:2,3,5", "--epochs", "2", "--json"}, more...)
	}
	must(t, line("-o", at("plain.cmz"))...)
	plain := load(t, at("plain.cmz"))
	for mode, epochs := range map[string]int{"staged": 5, "joint": 2, "only": 2} {
		args := line("-o", at(mode+".cmz"), "--hint", "pool:pool", "--hint", "conv2/conv:pool_2", "--hint-mode", mode)
		if mode == "staged" {
			args = append(args, "--hint-epochs", "3")
		}
		out, stderr := must(t, args...)
		var f fitted
		if err := json.Unmarshal([]byte(out), &f); err != nil || f.Epochs != epochs || len(f.History) != epochs {
			t.Errorf("%s: %d epochs, want %d: %v\n%s", mode, f.Epochs, epochs, err, out)
		}
		m := load(t, at(mode+".cmz"))
		if len(m.Graph.Nodes) != len(plain.Graph.Nodes) || len(m.Graph.Params) != len(plain.Graph.Params) {
			t.Errorf("%s: the file has %d nodes and %d parameters, the student %d and %d", mode,
				len(m.Graph.Nodes), len(m.Graph.Params), len(plain.Graph.Nodes), len(plain.Graph.Params))
		}
		if !strings.Contains(m.Meta["recipe"], "pool:pool") {
			t.Errorf("%s: provenance does not tell the hints: %s", mode, m.Meta["recipe"])
		}
		if mode == "staged" && !strings.Contains(stderr, "weight: 0.64:0.16") {
			t.Errorf("the stage after hints has not lambda 4 to 1 over T^2: %s", stderr)
		}
	}
}

// TestRecipeRuns runs a recipe of three networks, where flags win, resumes it to the same
// network, and runs the recipe that the model holds to the same network too.
func TestRecipeRuns(t *testing.T) {
	at := distillTeacher(t)
	recipe := at("chain.yaml")
	if err := os.WriteFile(recipe, []byte(`
defaults: {epochs: 3, batch: 16, losses: [{loss: kd, weight: 1, temperature: 2}]}
stage1: {student: width:0.5}
stage2: {student: fresh, teacher: [stage1, `+at("t.cmz")+`], freeze: [classifier]}
stage3: {losses: [{loss: labels, weight: 1}]}
`), 0o666); err != nil {
		t.Fatal(err)
	}
	line := func(out string, more ...string) []string {
		return append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "lenet:2,3,5", "-o", at(out)}, more...)
	}
	_, stderr := must(t, line("a.cmz", "--recipe", recipe, "--epochs", "2", "--checkpoint", at("ck"))...)
	if !strings.Contains(stderr, "epochs: 2") || strings.Contains(stderr, "epochs: 3") {
		t.Errorf("--epochs does not win: %s", stderr)
	}
	must(t, line("b.cmz", "--recipe", recipe, "--epochs", "2", "--checkpoint", at("ck"), "--resume")...)
	if err := os.WriteFile(at("again.yaml"), []byte(load(t, at("a.cmz")).Meta["recipe"]), 0o666); err != nil {
		t.Fatal(err)
	}
	must(t, line("c.cmz", "--recipe", at("again.yaml"))...)
	for _, other := range []string{"b.cmz", "c.cmz"} {
		sameWeights(t, load(t, at("a.cmz")), load(t, at(other)))
	}
}

// TestResumeWithAnotherTeacher is refused, and so are other frozen parameters, by distill and by tuning.
func TestResumeWithAnotherTeacher(t *testing.T) {
	at := distillTeacher(t)
	must(t, "train", "--data", distillData, "--arch", "lenet:4,6,12", "--epochs", "1", "--seed", "2", "-o", at("other.cmz"))
	if err := os.WriteFile(at("frozen.yaml"), []byte("stage1: {freeze: [^classifier/]}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	distil := []string{"distill", "--student", "mlp:4", "--epochs", "1"}
	tune := []string{"--keep", "0.5", "--method", "svd", "--tune", "1"}
	for _, c := range []struct {
		ck, want string
		args     []string
	}{
		{"ck1", "", append(distil, "--teacher", at("t.cmz"))},
		{"ck1", "", append(distil, "--teacher", at("t.cmz"))},
		{"ck1", "another run: teacher was", append(distil, "--teacher", at("other.cmz"))},
		{"ck1", "another run: teacher was", append(distil, "--teacher", at("t.cmz")+","+at("other.cmz"))},
		{"ck1", "another run: learning-rate factors was", append(distil, "--teacher", at("t.cmz"), "--recipe", at("frozen.yaml"))},
		{"ck2", "", append([]string{"lowrank", at("t.cmz")}, tune...)},
		{"ck2", "another run: teacher was", append([]string{"lowrank", at("other.cmz")}, tune...)},
	} {
		code, _, stderr := compress(t, append(c.args, "--data", distillData, "--checkpoint", at(c.ck), "--resume", "-o", at("s.cmz"))...)
		if c.want == "" && code != 0 || c.want != "" && (code != exitUsage || !strings.Contains(stderr, c.want)) {
			t.Errorf("%v: exit code %d, want %q: %s", c.args, code, c.want, stderr)
		}
	}
}

// TestViewsAreRecordedOnce trains five epochs on two views with the teacher and with its recorded outputs, first
// written and then read: to the same network.
func TestViewsAreRecordedOnce(t *testing.T) {
	at := distillTeacher(t)
	line := func(out string, more ...string) {
		must(t, append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "mlp:4", "--augment", "jitter=1,views=2",
			"--epochs", "5", "-o", at(out)}, more...)...)
	}
	line("live.cmz")
	line("written.cmz", "--record", at("views.npz"))
	rec, err := teacher.LoadRecording(at("views.npz"))
	if err != nil || rec.Views != 2 {
		t.Fatalf("%+v, %v: want 2 views", rec, err)
	}
	line("read.cmz", "--record", at("views.npz"))
	for _, other := range []string{"written.cmz", "read.cmz"} {
		sameWeights(t, load(t, at("live.cmz")), load(t, at(other)))
	}
}

func sameWeights(t *testing.T, a, b *graph.Model) {
	t.Helper()
	for i, p := range a.Graph.Params {
		x, err := p.Load()
		y, err2 := b.Graph.Params[i].Load()
		if err != nil || err2 != nil || string(x.Raw()) != string(y.Raw()) {
			t.Fatalf("%s differs: %v, %v", p.Name, err, err2)
		}
	}
}

// TestDerivedStudents distils into students of the teacher's graph, an untrained file,
// and an ensemble's.
func TestDerivedStudents(t *testing.T) {
	at := distillTeacher(t)
	must(t, "train", "--data", distillData, "--arch", "mlp:8", "--epochs", "1", "-o", at("t2.cmz"))
	for _, more := range [][]string{
		{"--student", "width:0.5"},
		{"--student", "width:0.5;init=teacher"},
		{"--student", "lowrank:keep=0.4"},
		{"--student", "lowrank:rank=2;method=svd;of=" + at("t2.cmz")},
		{"--student", at("t2.cmz"), "--teacher", at("t.cmz") + "," + at("t2.cmz"), "--teacher-weights", "2,1", "--ensemble", "logits"},
		{"--student", "mlp:4", "--unlabelled", "random:50;shape=1,16,16"},
		{"--student", "mlp:4", "--record", at("r.npz"), "--augment", "jitter=1", "--record-form", "f16"},
		{"--student", "mlp:4", "--record", at("r.npz"), "--augment", "jitter=1", "--record-form", "f16"},
		{"--student", "mlp:4", "--record", at("mixed.npz"), "--augment", "mixup", "--hard-weight", "0"},
		{"--student", "mlp:4", "--recipe", "beyer", "--batch", "16"},
		{"--student", "width:1", "--recipe", "born-again"},
		{"--student", "mlp:4", "--recipe", "assistant"},
		{"--student", "lenet:2,3,5", "--recipe", "fitnets", "--hint", "pool_2:pool_2", "--hint-epochs", "1"},
		{"--student", "lenet:2,3,5", "--recipe", "fitnets", "--hint", "pool_2:pool_2", "--dry-run"},
	} {
		must(t, append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--epochs", "1", "-o", at("s.cmz")}, more...)...)
	}
}

// TestStudentOfGivenTeacher wants --student to be a part of --teacher where a later stage has another teacher, which is
// thinner itself.
func TestStudentOfGivenTeacher(t *testing.T) {
	at := distillTeacher(t)
	var elements [2]int
	for i, recipe := range [][]string{{}, {"--recipe", "assistant"}} {
		must(t, append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--epochs", "1", "--student", "width:0.5", "-o", at("s.cmz")}, recipe...)...)
		m, err := format.Load(at("s.cmz"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.AllParams() {
			elements[i] += p.Shape.Size()
		}
	}
	if elements[0] != elements[1] {
		t.Errorf("half of the teacher has %d elements, behind an assistant %d", elements[0], elements[1])
	}
}

// TestWeightsKeepTheirNormalisation goes on from the weights of a file whose inputs were normalised in another way
// than the teacher's: the samples are normalised as it needs them, and its outputs stay what they were.
func TestWeightsKeepTheirNormalisation(t *testing.T) {
	at := distillTeacher(t)
	correct := func(args ...string) (n int) {
		out, _ := must(t, append(args, "--json")...)
		var f fitted
		if err := json.Unmarshal([]byte(out), &f); err != nil {
			t.Fatal(err)
		}
		return f.Correct
	}
	want := correct("train", "--data", distillData+";mean=0.9;std=0.2", "--arch", "mlp:8", "--epochs", "3", "-o", at("own.cmz"))
	norm := load(t, at("own.cmz")).Meta[metaNormalize]
	still := []string{"--epochs", "1", "--lr", "1e-12", "--data", distillData, "-o", at("s.cmz")}
	for _, args := range [][]string{
		{"train", "--arch", at("own.cmz")},
		{"distill", "--teacher", at("t.cmz"), "--student", at("own.cmz")},
		{"distill", "--teacher", at("t.cmz"), "--student", "lowrank:method=svd;rank=8;of=" + at("own.cmz")},
	} {
		got := correct(append(args, still...)...)
		if n := load(t, at("s.cmz")).Meta[metaNormalize]; n != norm || got != want && !strings.HasPrefix(args[len(args)-1], "lowrank") {
			t.Errorf("%v: %d correct, normalised by %q; want %d, %q", args, got, n, want, norm)
		}
	}
	recipe := "stage1: {student: '" + at("own.cmz") + "'}\nstage2: {student: 'width:1;init=teacher'}\n"
	if err := os.WriteFile(at("two.yaml"), []byte(recipe), 0o666); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := compress(t, append([]string{"distill", "--teacher", at("t.cmz"), "--recipe", at("two.yaml")}, still...)...); code != 2 || !strings.Contains(stderr, "normalised in different ways") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestFactorisedStudentKeeps wants the fraction that is asked for, not a default.
func TestFactorisedStudentKeeps(t *testing.T) {
	at := distillTeacher(t)
	params := func(path string) (n int64) {
		m, err := format.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.AllParams() {
			n += int64(p.Shape.Size())
		}
		return n
	}
	var got []int64
	for _, keep := range []string{"0.2", "0.4"} {
		must(t, "distill", "--data", distillData, "--teacher", at("t.cmz"), "--epochs", "1", "-o", at("s.cmz"), "--student", "lowrank:keep="+keep)
		got = append(got, params(at("s.cmz")))
	}
	if dense := params(at("t.cmz")); got[0] >= got[1] || got[1] >= dense/2 {
		t.Errorf("%d and %d parameters of %d at a fifth and two fifths", got[0], got[1], dense)
	}
}

// writeSamples writes samples without labels.
func writeSamples(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := npy.WriteZip(f, []npy.Entry{{Name: "x", Tensor: tensor.New(tensor.F32, tensor.Shape{9, 1, 16, 16})}}); err != nil {
		t.Fatal(err)
	}
}

// TestDistillMistakes checks the exit codes, what is said, and that nothing is written.
func TestDistillMistakes(t *testing.T) {
	at := distillTeacher(t)
	must(t, "train", "--data", "random:20;shape=5;classes=3", "--arch", "mlp:4", "--epochs", "1", "-o", at("flat.cmz"))
	must(t, "train", "--data", distillData, "--arch", "lstm:4", "--epochs", "1", "-o", at("lstm.cmz"))
	must(t, "train", "--data", "random:64;shape=1,16,16;classes=4", "--arch", "mlp:4", "--epochs", "1", "-o", at("four.cmz"))
	must(t, "distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "mlp:4", "--epochs", "1", "--record", at("r.npz"), "-o", at("s.cmz"))
	writeSamples(t, at("x.npz"))
	must(t, "distill", "--data", "npz:"+at("x.npz"), "--hard-weight", "0", "--teacher", at("t.cmz"), "--student", "mlp:4", "--epochs", "1", "-o", at("s.cmz"))
	for name, text := range map[string]string{
		"bad.yaml": "stage1:\n  epoch: 1\n", "self.yaml": "stage1: {}\nstage2: {teacher: stage1}\n",
		"later.yaml": "stage1: {teacher: stage2}\nstage2: {}\n", "frozen.yaml": "stage1: {freeze: [conv9]}\n",
		"all.yaml": "stage1: {}\nstage2: {freeze: [.]}\n", "scale.yaml": "stage1: {lr-scale: {fc: .inf}}\n", "decay.yaml": "stage1: {}\nstage2: {weight-decay: -5}\n",
	} {
		if err := os.WriteFile(at(name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{`the samples are [1 16 16]`, []string{"--teacher", at("flat.cmz")}},
		{"3 and 4 classes", []string{"--teacher", at("t.cmz") + "," + at("four.cmz")}},
		{"x 4", []string{"--teacher", at("four.cmz")}},
		{"2 numbers for 1 teachers", []string{"--teacher-weights", "1,2"}},
		{"neither probs nor logits", []string{"--ensemble", "median"}},
		{`names like it: pool`, []string{"--hint", "pol:fc1/dense"}},
		{`the student has no value "pool"`, []string{"--hint", "pool:pool"}},
		{"is not TEACHERVALUE:STUDENTVALUE", []string{"--hint", "pool"}},
		{`the teacher's value "lstm1/cell" cannot be compared`, []string{"--teacher", at("lstm.cmz"), "--student", "lstm:3", "--hint", "lstm1/cell:lstm1/cell"}},
		{"staged, joint, only", []string{"--hint-mode", "both"}},
		{"neither a number nor FROM:TO", []string{"--soft-weight", "x"}},
		{"weights of all losses are zero", []string{"--soft-weight", "0:0", "--hard-weight", "0"}},
		{`did you mean "logits"`, []string{"--loss", "logit"}},
		{`has no parameter "beta"`, []string{"--loss", "kd:beta=1"}},
		{"temperature -1", []string{"--temperature", "-1"}},
		{"temperature 1e+07 is not above 0 and at most 1e+06", []string{"--temperature", "1e7"}},
		{`line 2: unknown setting "epoch" (did you mean "epochs"`, []string{"--recipe", at("bad.yaml")}},
		{"is the network that the stage trains", []string{"--recipe", at("self.yaml")}},
		{"it is no earlier stage", []string{"--recipe", at("later.yaml")}},
		{`no parameter of the student is called like "conv9"`, []string{"--recipe", at("frozen.yaml")}},
		{"stage2: train: all parameters are frozen", []string{"--recipe", at("all.yaml")}},
		{`lr-scale of "fc": +Inf`, []string{"--recipe", at("scale.yaml")}},
		{"stage2: train: weight-decay -5", []string{"--recipe", at("decay.yaml")}},
		{"did you mean \"beyer\"", []string{"--recipe", "beyr"}},
		{`loss "hint" has no pairs`, []string{"--recipe", "fitnets"}},
		{"of another run", []string{"--record", at("r.npz"), "--augment", "jitter=1"}},
		{"a mixture has no label", []string{"--augment", "mixup", "--hard-weight", "0.1"}},
		{"none of f32, f16, top:K", []string{"--record", at("r2.npz"), "--record-form", "f8"}},
		{`"kep" is none of`, []string{"--student", "lowrank:kep=1"}},
		{"is not a fraction", []string{"--student", "width:2"}},
		{"no repeated blocks", []string{"--student", "depth:0.5"}},
		{"--unlabelled", []string{"--unlabelled", "random:10;shape=3"}},
		{"its input", []string{"--student", at("flat.cmz")}},
		{"have no labels to learn from", []string{"--data", "npz:" + at("x.npz")}},
	} {
		args := append([]string{"distill", "--data", distillData, "--teacher", at("t.cmz"), "--student", "mlp:4", "--epochs", "1", "-o", at("x.cmz")}, c.args...)
		code, _, stderr := compress(t, args...)
		if code != exitUsage || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, "\nhint: ") {
			t.Errorf("%v: exit code %d, want %d with %q: %s", c.args, code, exitUsage, c.want, stderr)
		}
	}
	for _, name := range []string{"x.cmz", "r2.npz"} {
		if _, err := os.Stat(at(name)); err == nil {
			t.Errorf("%s is left behind", name)
		}
	}
}

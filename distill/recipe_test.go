package distill_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/train"
)

// base has what the command line's defaults fill in.
var base = map[string]any{
	"epochs": 20, "batch": 128, "optimizer": "adam", "lr": 2e-3,
	"losses": []map[string]any{{"loss": "kd", "weight": 0.9, "temperature": 4}},
}

// TestRecipesResolve resolves every recipe that comes with the program, writes it, and
// reads the same stages from what was written.
func TestRecipesResolve(t *testing.T) {
	for _, name := range distill.Recipes() {
		r, err := distill.LoadRecipe(name)
		if err != nil {
			t.Fatal(err)
		}
		stages, err := r.Resolve(base, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.About == "" || len(stages) == 0 {
			t.Errorf("%s has %d stages and says %q of itself", name, len(stages), r.About)
		}
		text := write(t, stages)
		again, err := distill.ParseRecipe(name, []byte(text))
		if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, text)
		}
		if stages, err = again.Resolve(nil, nil); err != nil || write(t, stages) != text {
			t.Errorf("%s does not survive writing: %v\n%s", name, err, text)
		}
	}
}

func write(t *testing.T, stages []*distill.Stage) string {
	t.Helper()
	var text strings.Builder
	if err := distill.WriteStages(&text, stages); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestPrecedence: base, the file's defaults, the stage, what flags say.
func TestPrecedence(t *testing.T) {
	r, err := distill.ParseRecipe("test", []byte(`
defaults: {lr: 1, optimizer: sgd, freeze: [conv1]}
stage1: {epochs: 3}
stage2:
  lr: 2
  teacher: stage1
  losses:
    - {loss: labels, weight: "4:1"}
`))
	if err != nil {
		t.Fatal(err)
	}
	stages, err := r.Resolve(base, func(s *distill.Stage) map[string]any { return map[string]any{"batch": 10 * s.Epochs} })
	if err != nil {
		t.Fatal(err)
	}
	a, b := stages[0], stages[1]
	if a.LR != 1 || a.Epochs != 3 || a.Optimizer != "sgd" || a.Batch != 30 || a.Losses[0].Loss != "kd" || a.Freeze[0] != "conv1" {
		t.Errorf("stage1: %+v", a)
	}
	if b.LR != 2 || b.Epochs != 20 || b.Batch != 200 || b.Losses[0].Weight != (distill.Weight{From: 4, To: 1}) || b.Teacher[0] != "stage1" {
		t.Errorf("stage2: %+v", b)
	}
}

func TestRecipeErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "no stages",
		"- 1":                                 "no stages",
		"about: x":                            "no stages",
		"stage1: {}\nstage3: {}":              "line 2: stage3 stands where stage2",
		"stage1: {}\nstagge2: {}":             `line 2: unknown key "stagge2"`,
		"stage1:\n  epoch: 3":                 `line 2: unknown setting "epoch" (did you mean "epochs"`,
		"stage1:\n  epochs: many":             "line 2: cannot unmarshal",
		"stage1:\n  losses:\n    - {los: kd}": `line 3: unknown key of a loss "los"`,
		"stage1:\n  losses:\n    - {loss: kd, weight: a}":                   `line 3: weight "a"`,
		"stage1:\n  losses:\n    - {loss: kd, weight: -1}":                  `line 3: weight "-1"`,
		"stage1:\n  losses:\n    - {loss: kdd, weight: 1}":                  `unknown distillation loss "kdd"`,
		"stage1:\n  epochs: 0\n  losses:\n    - {loss: kd, weight: 1}":      "0 epochs",
		"stage1:\n  optimizer: adan\n  losses: [{loss: kd, weight: 1}]":     "adan",
		"stage1:\n  freeze: ['(']\n  losses: [{loss: kd, weight: 1}]":       `parameters "("`,
		"stage1:\n  losses: [{loss: kd, weight: 1}]\n  guided-lr-scale: -1": "is not a number of at least 0",
		"stage1:\n  losses: [{loss: kd, weight: 1}]\n  lr-scale: {f: .inf}": "+Inf is not a number of at least 0",
	} {
		r, err := distill.ParseRecipe("test", []byte(text))
		if err == nil {
			_, err = r.Resolve(base, nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "recipe test") {
			t.Errorf("%q: %v, want it to say %q", text, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "r.yaml")
	if err := os.WriteFile(path, []byte("stage1: {}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := distill.LoadRecipe(path); err != nil {
		t.Error(err)
	}
	if _, err := distill.LoadRecipe("beyr"); err == nil || !strings.Contains(err.Error(), `did you mean "beyer"`) {
		t.Error(err)
	}
}

// TestScales checks frozen parameters, factors by name and the factor on what hints
// trained, in the training run's configuration.
func TestScales(t *testing.T) {
	m := convNet(t)
	guided := distill.Guided(m, []graph.Value{"conv2/conv"})
	if len(guided) != 4 || guided["fc/weight"] || !guided["conv1/bias"] {
		t.Errorf("guided: %v", guided)
	}
	s := &distill.Stage{Freeze: []string{"^conv1/"}, LRScale: map[string]float64{"weight$": 0.5}, GuidedLRScale: new(0.1)}
	var c train.Config
	if err := s.Guide(&c, guided); err != nil {
		t.Fatal(err)
	}
	for v, want := range map[graph.Value]float64{"conv1/weight": 0, "conv2/weight": 0.05, "conv2/bias": 0.1, "fc/weight": 0.5, "fc/bias": 1} {
		if got := c.LRScale(v); got != want {
			t.Errorf("%s: factor %g, want %g", v, got, want)
		}
	}
	s.GuidedLRScale = new(0.0)
	if err := s.Guide(&c, guided); err != nil || c.LRScale("conv2/bias") != 0 || c.LRScale("fc/bias") != 1 {
		t.Errorf("guided with factor 0: %g, others %g, %v", c.LRScale("conv2/bias"), c.LRScale("fc/bias"), err)
	}
	if s.Unmatched(m) != "" {
		t.Errorf("%q fits no parameter", s.Unmatched(m))
	}
	s.Freeze = append(s.Freeze, "conv3")
	if s.Unmatched(m) != "conv3" {
		t.Errorf("conv3 fits a parameter")
	}
}

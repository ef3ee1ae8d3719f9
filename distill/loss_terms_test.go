package distill_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/graph"
)

// Losses on logits and on values, with weights that multiply the rest.
func ExampleParseTerms() {
	terms, err := distill.ParseTerms("0.5*kd + 4:1*dkd:beta=2 + at@layer1/relu:relu1@layer2/relu:relu2")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range terms {
		fmt.Println(t.Loss, t.Weight, t.Params, t.Pairs)
	}
	// Output:
	// kd 0.5 map[] []
	// dkd 4:1 map[beta:2] []
	// at 1000 map[] [layer1/relu:relu1 layer2/relu:relu2]
}

// TestWeightText wants a weight to be read back as it was written, to the last digit.
func TestWeightText(t *testing.T) {
	for _, w := range []distill.Weight{{From: 12345.678, To: 0.123456}, {From: 4.0 / 9, To: 1.0 / 9}, distill.Const(0.1)} {
		if got, err := distill.ParseWeight(w.String()); got != w || err != nil {
			t.Errorf("%v is read as %v, %v", w, got, err)
		}
	}
}

// TestColonsInPairs parts names with colons, as TensorFlow's have, by the values that there are.
func TestColonsInPairs(t *testing.T) {
	terms, err := distill.ParseTerms("kd + sp@act:0:fc1/relu")
	if err != nil {
		t.Fatal(err)
	}
	s := distill.Stage{Losses: terms}
	o, err := s.Objective(nil, func(teacher, student graph.Value) bool { return teacher == "act:0" && student == "fc1/relu" })
	if err != nil || o.Feature[0].Pairs[0] != (distill.Pair{Teacher: "act:0", Student: "fc1/relu"}) {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestParseTermsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "unknown distillation loss",
		"kd +":              "unknown distillation loss",
		"kd + ":             "unknown distillation loss",
		"2*":                "unknown distillation loss",
		"kdk":               "did you mean",
		"labels":            "--hard-weight",
		"-1*kd":             "at least 0",
		"NaN*kd":            "at least 0",
		"kd:temperature=1":  "has no parameter",
		"dkd:alpha":         "is not PARAMETER=NUMBER",
		"sp":                "compares values",
		"sp@x":              "is not TEACHERVALUE:STUDENTVALUE",
		"sp@a:b@":           "is not TEACHERVALUE:STUDENTVALUE",
		"kd@a:b":            "compares logits",
		"cc:gamma=-1@a:b":   "gamma = -1",
		"rkd:angle=inf@a:b": "angle",
	} {
		if _, err := distill.ParseTerms(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestTimes(t *testing.T) {
	w, err := distill.Weight{From: 0.9, To: 3}.Times(distill.Const(0.8))
	if err != nil || w.String() != "0.72:2.4" || w.From != 0.72 {
		t.Errorf("%v, %v", w, err)
	}
	if _, err := (distill.Weight{From: 1, To: 2}).Times(distill.Weight{From: 2, To: 1}); err == nil {
		t.Error("two weights that change have a product")
	}
}

// TestUsualWeights checks that a recipe's loss without a weight has its usual one, and
// that 0 stays 0.
func TestUsualWeights(t *testing.T) {
	r, err := distill.ParseRecipe("r", []byte("stage1:\n  losses: [{loss: sp, pairs: a:b}, {loss: kd, weight: 0, temperature: 2}, {loss: labels}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	stages, err := r.Resolve(map[string]any{"epochs": 1, "batch": 1, "optimizer": "sgd", "lr": 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{3000, 0, 1} {
		if got := stages[0].Losses[i].Weight; got != distill.Const(want) {
			t.Errorf("loss %d has weight %v, want %g", i+1, got, want)
		}
	}
}

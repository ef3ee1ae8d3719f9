package main

import (
	"fmt"
	"strings"

	"github.com/compress-toolkit/compress/distill"
)

// run is one row of the table: a student's losses. In text, @0 .. @3 stand for the pairs
// of values after stages 1 to 3 and before the classifier.
type run struct {
	name, about  string
	hard         float64 // weight of the labels
	text         string  // the other losses, as --loss has them
	temperature  float64
	standardized bool
}

// runs has the weights of the losses' papers for the cross-entropy with weight 1, or where
// these say nothing for ResNet-56, of the authors' programs; nothing is tuned.
var runs = []run{
	{name: "labels", about: "labels alone", hard: 1},
	{name: "kd", about: "soft targets", hard: 0.1, text: "0.9*kd", temperature: 4},
	{name: "kd-standardized", about: "soft targets, standardized logits", hard: 0.1, text: "9*kd", temperature: 2, standardized: true},
	{name: "logits", about: "logit regression", hard: 1, text: "logits", temperature: 1},
	{name: "dkd", about: "decoupled (DKD)", hard: 1, text: "dkd:alpha=1,beta=2", temperature: 4},
	{name: "dist", about: "correlation of probabilities (DIST)", hard: 1, text: "dist", temperature: 4},
	{name: "hint", about: "FitNets' hint, at once", hard: 1, text: "100*hint@1"},
	{name: "at", about: "attention transfer (AT)", hard: 1, text: "at@0@1@2"},
	{name: "sp", about: "similarity-preserving (SP)", hard: 1, text: "sp@2"},
	{name: "rkd", about: "relational (RKD)", hard: 1, text: "rkd@3"},
	{name: "cc", about: "correlation congruence (CC)", hard: 1, text: "cc@3"},
	{name: "vid", about: "variational information (VID)", hard: 1, text: "vid@0@1@2"},
	{name: "pkt", about: "probabilistic transfer (PKT)", hard: 1, text: "pkt@3"},
	{name: "nst", about: "neuron selectivity (NST)", hard: 1, text: "nst@0@1@2"},
	{name: "review", about: "knowledge review", hard: 1, text: "review@0@1@2@3"},
	{name: "crd", about: "contrastive, negatives of the batch (CRD)", hard: 1, text: "crd@3"},
	{name: "kd+at", about: "soft targets and attention transfer", hard: 0.1, text: "0.9*kd + at@0@1@2", temperature: 4},
	{name: "kd+crd", about: "soft targets and contrastive", hard: 0.1, text: "0.9*kd + crd@3", temperature: 4},
}

func names() (all []string) {
	for _, r := range runs {
		all = append(all, r.name)
	}
	return all
}

func runOf(name string) (*run, error) {
	for i := range runs {
		if runs[i].name == name {
			return &runs[i], nil
		}
	}
	return nil, fmt.Errorf("unknown run %q (known: %s)", name, strings.Join(names(), ", "))
}

// objective builds the run's losses for the values that the settings name.
func (r *run) objective(s *settings) (*distill.Objective, error) {
	stage := distill.Stage{Losses: []distill.Term{{Loss: distill.LabelsLoss, Weight: distill.Const(r.hard)}}}
	if r.text != "" {
		text, err := withPairs(r.text, s.teacherValues, s.studentValues)
		if err != nil {
			return nil, err
		}
		terms, err := distill.ParseTerms(text)
		if err != nil {
			return nil, err
		}
		for i := range terms {
			if !distill.IsFeature(terms[i].Loss) {
				terms[i].Temperature, terms[i].Standardize = r.temperature, r.standardized
			}
		}
		stage.Losses = append(stage.Losses, terms...)
	}
	return stage.Objective(nil, nil)
}

// withPairs puts the names of values in the place of @0 .. @3.
func withPairs(text, teachers, students string) (string, error) {
	ts, ss := strings.Split(teachers, ","), strings.Split(students, ",")
	if len(ts) != len(ss) {
		return "", fmt.Errorf("-teacher-values has %d names, -student-values %d", len(ts), len(ss))
	}
	var swaps []string
	for i := range ts {
		swaps = append(swaps, fmt.Sprintf("@%d", i), "@"+ts[i]+":"+ss[i])
	}
	return strings.NewReplacer(swaps...).Replace(text), nil
}

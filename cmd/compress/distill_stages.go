package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/distill"
)

// stageFlags are the flags that are settings of a stage, under the same names.
var stageFlags = []string{
	"epochs", "batch", "accumulate", "optimizer", "lr", "momentum", "schedule", "weight-decay", "max-norm", "clip-norm",
	"augment", "patience",
}

// resolveStages returns the stages of --recipe, or those that the flags ask for.
func resolveStages(c *cli.Context) ([]*distill.Stage, error) {
	if !validHintMode(c.String("hint-mode")) {
		return nil, usagef("--hint-mode %s is none of staged, joint, only", c.String("hint-mode"))
	}
	if n := c.Int("hint-epochs"); n < 0 {
		return nil, usagef("--hint-epochs %d is negative", n)
	}
	base, given, used := map[string]any{}, map[string]any{}, flagUse{}
	for _, f := range stageFlags {
		base[f] = c.Value(f)
		if c.IsSet(f) {
			given[f] = c.Value(f)
		}
	}
	name := c.String("recipe")
	if name == "" {
		r, err := distill.NewRecipe("", flagStages(c)...)
		if err != nil {
			return nil, asUsage(err)
		}
		stages, err := r.Resolve(base, nil)
		if err != nil {
			return nil, asUsage(err)
		}
		used.byFlags(c)
		return stages, used.check(c, stages)
	}
	r, err := distill.LoadRecipe(name)
	if err != nil {
		return nil, asUsage(err)
	}
	stages, err := r.Resolve(base, func(s *distill.Stage) map[string]any {
		used.byRecipe(s)
		over := map[string]any{"losses": overriddenLosses(c, s)}
		if len(s.Losses) == 0 {
			over["losses"] = softTerms(c)
		}
		for f, v := range given {
			over[f] = v
		}
		if s.Hints() {
			delete(over, "epochs")
			if c.IsSet("hint-epochs") {
				over["epochs"] = c.Int("hint-epochs")
			}
		} else if c.IsSet("hint-lr-scale") {
			over["guided-lr-scale"] = c.Float64("hint-lr-scale")
		}
		return over
	})
	if err != nil {
		return nil, asUsage(err)
	}
	return stages, used.check(c, stages)
}

func validHintMode(m string) bool { return m == "staged" || m == "joint" || m == "only" }

// term is a loss of a stage, as a recipe has it.
type term = map[string]any

// flagStages returns what the flags differ in from stage to stage.
func flagStages(c *cli.Context) []map[string]any {
	if len(c.StringSlice("hint")) == 0 {
		return []map[string]any{{"losses": softTerms(c)}}
	}
	name, params, _ := distill.ParseLoss(c.String("hint-loss"))
	hint := term{"loss": name, "weight": "1"}
	if params != nil {
		hint["params"] = params
	}
	switch c.String("hint-mode") {
	case "joint":
		hint["weight"] = c.String("hint-weight")
		return []map[string]any{{"losses": append(softTerms(c), hint)}}
	case "only":
		return []map[string]any{{"losses": []term{hint}}}
	}
	first := map[string]any{"losses": []term{hint}}
	if n := c.Int("hint-epochs"); n > 0 {
		first["epochs"] = n
	}
	return []map[string]any{first, {"losses": afterHints(c), "guided-lr-scale": c.Float64("hint-lr-scale")}}
}

// afterHints are the losses of the stage after hints: as flags say, else those of
// Romero et al. 2015, equation 2, which weighs the labels with 1 and the soft targets
// with a lambda from 4 to 1. Its soft term has no factor T^2, so lambda is divided by it.
func afterHints(c *cli.Context) []term {
	terms := softTerms(c)
	if c.IsSet("hard-weight") || c.IsSet("soft-weight") || c.String("loss") != "kd" {
		return terms
	}
	t := c.Float64("temperature")
	lambda := distill.Weight{From: 4 / (t * t), To: 1 / (t * t)}
	terms[0]["weight"], terms[1]["weight"] = "1", lambda.String()
	return terms
}

// softTerms are the losses that --hard-weight, --soft-weight and --loss describe.
func softTerms(c *cli.Context) []term {
	var out []term
	if w := c.String("hard-weight"); w != "0" {
		out = append(out, term{"loss": distill.LabelsLoss, "weight": w})
	}
	if c.String("soft-weight") == "0" {
		return out
	}
	w, _ := distill.ParseWeight(c.String("soft-weight")) // checkWeights has seen it
	for _, t := range lossTerms(c, w) {
		m := term{"loss": t.Loss, "weight": t.Weight}
		if onValues(t) {
			m["pairs"] = t.Pairs
		} else {
			m["temperature"], m["standardize"] = c.Float64("temperature"), c.Bool("standardize")
		}
		if t.Params != nil {
			m["params"] = t.Params
		}
		out = append(out, m)
	}
	return out
}

// lossTerms are the losses of --loss with their weights multiplied by w; checkWeights
// has seen them.
func lossTerms(c *cli.Context, w distill.Weight) []distill.Term {
	terms, _ := distill.ParseTerms(c.String("loss"))
	for i := range terms {
		terms[i].Weight, _ = terms[i].Weight.Times(w)
	}
	return terms
}

// overriddenLosses returns a recipe's losses with what flags say of them: --loss takes the
// place of each loss on logits, with its weight, and --hint-loss that of each on values;
// --hard-weight adds the labels to a stage without, unless it has hints alone.
func overriddenLosses(c *cli.Context, s *distill.Stage) (out []distill.Term) {
	labels := distill.Term{Loss: distill.LabelsLoss}
	weigh(c, &labels, "hard-weight")
	if labels.Weight != (distill.Weight{}) && !s.Hints() && !slices.ContainsFunc(s.Losses, onLabels) {
		out = append(out, labels)
	}
	for _, t := range s.Losses {
		switch {
		case onLabels(t):
			weigh(c, &t, "hard-weight")
		case onValues(t):
			weigh(c, &t, "hint-weight")
			if c.IsSet("hint-loss") {
				t.Loss, t.Params, _ = distill.ParseLoss(c.String("hint-loss")) // checkWeights has seen it
			}
		default:
			weigh(c, &t, "soft-weight")
			out = append(out, overriddenLogits(c, t)...)
			continue
		}
		out = append(out, t)
	}
	return out
}

func weigh(c *cli.Context, t *distill.Term, flag string) {
	if c.IsSet(flag) {
		t.Weight, _ = distill.ParseWeight(c.String(flag)) // checkWeights has seen it
	}
}

func overriddenLogits(c *cli.Context, t distill.Term) []distill.Term {
	if c.IsSet("standardize") {
		t.Standardize = c.Bool("standardize")
	}
	if c.IsSet("temperature") || t.Temperature == 0 {
		t.Temperature = c.Float64("temperature")
	}
	if !c.IsSet("loss") {
		return []distill.Term{t}
	}
	out := lossTerms(c, t.Weight)
	for i := range out {
		if l := &out[i]; !onValues(*l) {
			l.Temperature, l.Standardize = t.Temperature, t.Standardize
		}
	}
	return out
}

// checkWeights rejects weights and losses that are none, before they are asked for.
func checkWeights(c *cli.Context) error {
	for _, f := range []string{"hard-weight", "soft-weight", "hint-weight"} {
		if _, err := distill.ParseWeight(c.String(f)); err != nil {
			return usagef("--%s: %s", f, strings.TrimPrefix(err.Error(), "distill: "))
		}
	}
	if err := checkLosses(c); err != nil {
		return err
	}
	name, params, err := distill.ParseLoss(c.String("hint-loss"))
	if err == nil {
		_, err = distill.GetFeature(name, params)
	}
	if err != nil {
		return usagef("--hint-loss: %w", err)
	}
	return nil
}

// checkLosses rejects a --loss whose weights cannot be multiplied.
func checkLosses(c *cli.Context) error {
	terms, err := distill.ParseTerms(c.String("loss"))
	if err != nil {
		return usagef("--loss: %w", err)
	}
	soft, _ := distill.ParseWeight(c.String("soft-weight")) // checkWeights has seen it
	for _, t := range terms {
		if _, err := t.Weight.Times(soft); err != nil {
			return usagef("--loss times --soft-weight: %w", err)
		}
		if t.Weight.From != t.Weight.To && c.String("recipe") != "" {
			return withHint(usagef("--loss %s has a weight that changes, and takes the weights of the recipe", t.Loss), "write the loss into the recipe")
		}
	}
	return nil
}

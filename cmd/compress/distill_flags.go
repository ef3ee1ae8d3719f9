package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/distill"
)

// softFlags are the flags that say how a stage learns from the teacher's logits.
var softFlags = []string{"soft-weight", "loss", "temperature", "standardize"}

// optionalFlags are those that not every run has a use for.
var optionalFlags = append([]string{
	"student", "init", "teacher-weights", "epochs", "patience", "hard-weight",
	"hint", "hint-loss", "hint-mode", "hint-weight", "hint-epochs", "hint-lr-scale",
}, softFlags...)

// flagUse holds the optional flags that some stage uses.
type flagUse map[string]bool

func (u flagUse) note(used bool, flags ...string) {
	for _, f := range flags {
		u[f] = u[f] || used
	}
}

// byFlags notes what the flags have a use for where they describe the stages.
func (u flagUse) byFlags(c *cli.Context) {
	hints, mode := len(c.StringSlice("hint")) > 0, c.String("hint-mode")
	u.note(!hints || mode != "only", softFlags...)
	u.note(!hints || mode != "only", "hard-weight")
	u.note(true, "epochs")
	u.note(hints, "hint", "hint-loss", "hint-mode")
	u.note(hints && mode == "joint", "hint-weight")
	u.note(hints && mode == "staged", "hint-epochs", "hint-lr-scale")
}

// byRecipe notes what a recipe's stage has a use for, before flags win over it.
func (u flagUse) byRecipe(s *distill.Stage) {
	hints, values := s.Hints(), slices.ContainsFunc(s.Losses, onValues)
	u.note(!hints, "epochs", "hard-weight")
	u.note(!hints && u["hint-epochs"], "hint-lr-scale") // behind a stage of hints
	u.note(hints, "hint-epochs")
	u.note(len(s.Losses) == 0 || slices.ContainsFunc(s.Losses, onLogits), softFlags...)
	u.note(values, "hint-loss", "hint-weight")
	u.note(slices.ContainsFunc(s.Losses, func(t distill.Term) bool { return onValues(t) && len(t.Pairs) == 0 }), "hint")
}

func onValues(t distill.Term) bool { return distill.IsFeature(t.Loss) }

func onLabels(t distill.Term) bool { return t.Loss == distill.LabelsLoss }

func onLogits(t distill.Term) bool { return !onLabels(t) && !onValues(t) }

// check fails for a flag that is given and that none of the stages uses.
func (u flagUse) check(c *cli.Context, stages []*distill.Stage) error {
	for i, s := range stages {
		u.note(len(s.Teacher) == 0, "teacher-weights")
		u.note(!s.Hints(), "patience")
		spec := s.Student
		if fresh := spec == "fresh" || spec == "" && i == 0; fresh {
			u.note(true, "student")
			spec = c.String("student")
		}
		_, factored := factoredStudent(spec)
		u.note(spec != "" && !factored, "init")
	}
	for _, f := range optionalFlags {
		if c.IsSet(f) && !u[f] {
			return withHint(usagef("no stage of this run uses --%s", f), "leave it out; --dry-run prints the stages")
		}
	}
	return nil
}

package main

import (
	"flag"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/lowrank"
	"github.com/compress-toolkit/compress/student"
)

// newStudent returns the network that a stage begins with: of an architecture, of a
// file, derived from the first teacher's graph, or factorised.
func (r *distillRun) newStudent(spec string, t *teachers, seed uint64) (*graph.Model, error) {
	if text, ok := factoredStudent(spec); ok {
		return r.factorise(text, t)
	}
	task, err := taskOf(r.c, r.samples, seed)
	if err != nil {
		return nil, err
	}
	if task.Classes == 0 {
		task.Classes = t.classes // samples without labels learn the teacher's
	}
	if !student.IsDerived(spec) {
		return buildStudent(r.c, spec, task)
	}
	m, err := student.Derive(spec, t.ensemble.Members[0].Model, task)
	return m, asUsage(err)
}

// factoredStudent returns what stands behind "lowrank:".
func factoredStudent(spec string) (string, bool) {
	name, text, _ := strings.Cut(spec, ":")
	return text, name == "lowrank"
}

// keepsWeights reports whether a student begins with trained weights, so that it needs
// the normalisation that they were trained with.
func keepsWeights(spec string) bool {
	_, factored := factoredStudent(spec)
	return factored || student.IsDerived(spec) && strings.Contains(spec, "init=teacher")
}

// factoring are the flags of `compress lowrank` that a factorised student can have.
var factoring = []string{"method", "rank", "keep", "uniform", "energy", "epsilon", "vbmf", "budget", "macs", "include", "exclude", "calibrate", "rank-align"}

// calibrationSamples are what a factorised student's errors are weighed by, as its
// training samples are at hand.
const calibrationSamples = "1024"

// factorise returns the first teacher's network, or that of a file, with its weights
// factorised: "FLAG=VALUE;..;of=FILE" with the flags of `compress lowrank`.
func (r *distillRun) factorise(text string, t *teachers) (*graph.Model, error) {
	m, name := t.ensemble.Members[0].Model, t.ensemble.Members[0].Name
	set := flag.NewFlagSet("lowrank", flag.ContinueOnError)
	for _, f := range lowrankCommand().Flags {
		if err := f.Apply(set); err != nil {
			return nil, err
		}
	}
	for _, part := range strings.Split(text, ";") {
		key, value, has := strings.Cut(part, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case part == "":
		case key == "of" && has:
			own, err := loadModel(r.c, value)
			if err != nil {
				return nil, err
			}
			if err := fits(own, value, r.samples.train.Shape()); err != nil {
				return nil, err
			}
			m, name = own, value
		case !slices.Contains(factoring, key):
			return nil, usagef("student lowrank: %q is none of %s, of", key, strings.Join(factoring, ", "))
		default:
			if !has {
				value = "true"
			}
			if err := set.Set(key, value); err != nil {
				return nil, usagef("student lowrank: %s: %w", part, err)
			}
		}
	}
	if set.Lookup("calibrate").Value.String() == "" {
		if err := set.Set("calibrate", calibrationSamples); err != nil {
			return nil, err
		}
	}
	c := cli.NewContext(r.c.App, set, r.c)
	c.Context = r.c.Context
	run := &lowrankRun{c: c, in: name, model: m, samples: r.samples}
	cfg, err := run.config()
	if err != nil {
		return nil, err
	}
	cfg.DryRun, cfg.Seed = false, r.c.Uint64("seed")
	small, rep, err := lowrank.Run(r.c.Context, m, cfg)
	if err != nil {
		return nil, err
	}
	say(r.c, "factorised %s: %s of %s parameters", name, bench.Count(rep.ParamsAfter), bench.Count(rep.ParamsBefore))
	small = small.DeepClone() // what was not factorised is shared with the teacher
	note(small, map[string]string{"factorised": name})
	return small, nil
}

// adoptNorm makes the samples normalised as the teacher's where it says how, or where the
// student begins with its weights; teacher and student then see the same numbers.
func (s *samples) adoptNorm(m *graph.Model, weights bool) error {
	own, err := normalization(m, s.spec)
	if err != nil {
		return err
	}
	if own != nil || weights {
		s.norm = own
	}
	return nil
}

// unlabelled returns the samples of --unlabelled without their labels.
func unlabelled(c *cli.Context, s *samples) (dataset.Set, error) {
	spec, err := dataset.Parse(c.String("unlabelled"))
	if err != nil {
		return nil, err
	}
	set, err := spec.Open(dataset.Train, dirs(c))
	if err != nil {
		return nil, err
	}
	if !set.Shape().Equal(s.train.Shape()) {
		return nil, withHint(usagef("--unlabelled %s has samples %v, --data %v", spec, set.Shape(), s.train.Shape()),
			"teacher and student see the same samples: take data of the same shape")
	}
	return dataset.Unlabelled(set), nil
}

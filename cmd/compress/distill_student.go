package main

import (
	"cmp"
	"flag"
	"fmt"
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

// startWeights returns the network whose weights a student begins with, nil when they are
// fresh.
func (r *distillRun) startWeights(spec string) (*graph.Model, error) {
	first := r.given.ensemble.Members[0].Model
	text, factored := factoredStudent(spec)
	switch {
	case factored:
		for _, part := range strings.Split(text, ";") {
			if key, file, _ := strings.Cut(part, "="); strings.TrimSpace(key) == "of" {
				return loadModel(r.c, strings.TrimSpace(file))
			}
		}
		return first, nil
	case student.IsDerived(spec) && strings.Contains(spec, "init=teacher"):
		return first, nil
	}
	return startWeights(r.c, spec)
}

// adoptNorms makes the samples normalised, where --data does not say how, as the weights
// need that students begin with, and with fresh ones as the first teacher's where it says
// how. All networks see the same samples; a teacher converts them to what it needs.
func (r *distillRun) adoptNorms() error {
	if given, err := r.samples.spec.Normalize(); given != nil || err != nil {
		return err
	}
	specs := []string{r.student}
	for _, s := range r.stages {
		specs = append(specs, s.Student)
	}
	var whose string // the student with weights
	var ref *graph.Model
	for _, spec := range specs {
		m, err := r.startWeights(spec)
		if err != nil {
			return err
		}
		if m != nil && ref != nil && m.Meta[metaNormalize] != ref.Meta[metaNormalize] {
			return withHint(usagef("students %s and %s begin with weights for inputs that are normalised in different ways", whose, spec),
				"give one normalisation for all, as mean= and std= in --data")
		}
		if m != nil {
			whose, ref = spec, m
		}
	}
	first := r.given.ensemble.Members[0]
	norm, err := normalization(cmp.Or(ref, first.Model), r.samples.spec)
	if err != nil {
		return fmt.Errorf("%s: %w", cmp.Or(whose, first.Name), err)
	}
	if norm != nil || ref != nil {
		r.samples.norm = norm
	}
	return nil
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
	cfg.DryRun, cfg.Frozen, cfg.Seed = false, false, r.c.Uint64("seed")
	small, rep, err := lowrank.Run(r.c.Context, m, cfg)
	if err != nil {
		return nil, err
	}
	say(r.c, "factorised %s: %s of %s parameters", name, bench.Count(rep.ParamsAfter), bench.Count(rep.ParamsBefore))
	small = small.DeepClone() // what was not factorised is shared with the teacher
	note(small, map[string]string{"factorised": name})
	return small, nil
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

package main

import (
	"errors"

	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/lowrank"
	"github.com/compress-toolkit/compress/teacher"
)

// tune trains the factorised model with the original as its teacher.
func (r *lowrankRun) tune(small *graph.Model, rep *lowrank.Report) (*fitted, error) {
	obj, err := r.objective(rep)
	if err != nil {
		return nil, err
	}
	say(r.c, "objective: %s", obj.(train.Described).Describe())
	small = small.DeepClone() // what was not factorised is shared with the teacher
	cfg, err := trainConfig(r.c, small, obj, r.samples)
	if err == nil {
		err = bindTeacher(&cfg, &teacher.Ensemble{Members: []*teacher.Network{{Name: r.in, Model: r.model, Normalize: r.samples.norm}}})
	}
	if err != nil {
		return nil, err
	}
	res, err := runTraining(r.c, cfg)
	if err == nil {
		err = r.keepsDrop(small)
	}
	if err != nil {
		return nil, err
	}
	return finishFit(r.c, small, obj, r.samples, r.out, r.save, []*train.Result{res})
}

// objective is distillation for a classifier; another network's outputs are repeated.
func (r *lowrankRun) objective(rep *lowrank.Report) (train.Objective, error) {
	norm := r.samples.norm
	net := &teacher.Network{Name: r.in, Model: r.model, Normalize: norm, Batches: norm}
	classes, err := classesOf(r.model, r.in)
	if errors.Is(err, errNoClassifier) {
		if r.c.Float64("tune-hints") > 0 {
			return nil, usagef("--tune-hints is for classifiers: of %s the outputs are repeated", r.in)
		}
		return &distill.Outputs{Teacher: net, Sample: r.samples.train.Shape()}, nil
	}
	if err != nil {
		return nil, err
	}
	ens, err := teacher.NewEnsemble([]*teacher.Network{net}, nil, "")
	if err != nil {
		return nil, err
	}
	hints, err := r.hints(rep)
	if err != nil {
		return nil, err
	}
	return r.distillation(ens, classes, hints)
}

// distillation is the objective for a classifier. Without augmentation and hints the original
// runs over the samples once.
func (r *lowrankRun) distillation(e *teacher.Ensemble, classes int, hints *guidance) (*distill.Objective, error) {
	c, t := r.c, r.c.Float64("temperature")
	o := &distill.Objective{Teacher: e, Classes: classes, Hard: distill.Const(c.Float64("hard-weight")), Seed: c.Uint64("seed")}
	if w := c.Float64("soft-weight"); w != 0 {
		o.Logit = []distill.LogitTerm{{Weight: distill.Const(w), Temperature: t}}
	}
	if hints != nil {
		o.Feature, o.Shapes = []distill.FeatureTerm{hints.term}, hints.shapes
	}
	if err := o.Validate(); err != nil {
		return nil, asUsage(err)
	}
	if c.String("augment") == "" && hints == nil && len(o.Logit) > 0 && fewOutputs(r.samples, classes) {
		say(c, "recording the teacher's outputs for %d samples", r.samples.train.Len())
		rec, err := teacher.Record(c.Context, e, r.samples.train, r.samples.norm, t, teacher.View{})
		if err != nil {
			return nil, err
		}
		o.Teacher = rec
	}
	return o, nil
}

// hints makes the factorised weights' outputs follow those of the original, which have the same
// names. Values whose first axis is not the batch are left out.
func (r *lowrankRun) hints(rep *lowrank.Report) (*guidance, error) {
	w := r.c.Float64("tune-hints")
	if w == 0 {
		return nil, nil
	}
	shapes, err := sampleValues(r.model, r.in, r.samples.train.Shape())
	if err != nil {
		return nil, err
	}
	g := &guidance{term: distill.FeatureTerm{Loss: distill.Match{}, Weight: distill.Const(w)}, shapes: shapes}
	for _, v := range rep.Outputs() {
		if shapes[v] != nil {
			g.term.Pairs = append(g.term.Pairs, distill.Pair{Teacher: v, Student: v})
		}
	}
	if len(g.term.Pairs) == 0 {
		return nil, usagef("--tune-hints: no weight was factorised whose output has the batch as its first axis")
	}
	return g, nil
}

// guidance is a loss on values for an objective.
type guidance struct {
	term   distill.FeatureTerm
	shapes map[graph.Value]tensor.Shape // of the teacher's values, for one sample
}

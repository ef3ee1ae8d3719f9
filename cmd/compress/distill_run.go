package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/student"
)

// distillRun is one run of the command: the stages and what they work on.
type distillRun struct {
	c       *cli.Context
	out     string
	student string
	samples *samples
	given   *teachers // --teacher
	stages  []*distill.Stage
	text    string // the resolved recipe
	jobs    []*job
	file    *recordFile // --record, nil without
}

// job is a stage made ready to train.
type job struct {
	stage    *distill.Stage
	model    *graph.Model
	teachers *teachers
	obj      *distill.Objective
	cfg      train.Config
	left     *graph.Model // a copy of the network as the stage left it, when later stages learn from it
}

func newDistillRun(c *cli.Context) (*distillRun, error) {
	r := &distillRun{c: c}
	names, err := required(c, "teacher")
	if err != nil {
		return nil, err
	}
	if r.out, r.samples, err = prepareRun(c, ""); err != nil {
		return nil, err
	}
	if err := checkWeights(c); err != nil {
		return nil, err
	}
	if r.stages, err = resolveStages(c); err != nil {
		return nil, err
	}
	if r.student = c.String("student"); r.student == "" && r.stages[0].Student == "" {
		_, err := required(c, "student")
		return nil, err
	}
	if r.given, err = loadTeachers(c, strings.Split(names, ","), r.samples); err != nil {
		return nil, err
	}
	if err := r.shareView(); err != nil {
		return nil, err
	}
	for i, s := range r.stages {
		r.jobs = append(r.jobs, &job{stage: s})
		if err := r.prepare(i); err != nil {
			return nil, err
		}
	}
	return r, r.prepareRecord()
}

// shareView gives teachers and students the same samples, and adds those without labels.
func (r *distillRun) shareView() error {
	if err := r.adoptNorms(); err != nil {
		return err
	}
	for _, m := range r.given.ensemble.Members {
		m.Batches = r.samples.norm
	}
	if r.c.String("unlabelled") == "" {
		return nil
	}
	more, err := unlabelled(r.c, r.samples)
	if err == nil {
		r.samples.train, err = dataset.Concat(r.samples.train, more)
	}
	return err
}

// prepare readies stage i: its teachers, network, objective and configuration. It does so
// before all training, which finds errors, and again when the stage begins: what earlier
// stages' networks teach and pass on is known only then.
func (r *distillRun) prepare(i int) error {
	j := r.jobs[i]
	err := r.chooseTeachers(j, i)
	if err == nil {
		err = r.chooseNetwork(j, i)
	}
	if err == nil {
		err = r.checkNetwork(j)
	}
	if err == nil {
		err = r.objective(j)
	}
	if err == nil {
		err = r.configure(j, i)
	}
	if err != nil && len(r.stages) > 1 {
		err = fmt.Errorf("stage%d: %w", i+1, err)
	}
	return err
}

// chooseTeachers sets what stage i learns from.
func (r *distillRun) chooseTeachers(j *job, i int) (err error) {
	switch names := j.stage.Teacher; {
	case len(names) == 0 && j.stage.TeacherWeights != nil:
		return withHint(usagef("teacher-weights without `teacher:`"), "--teacher-weights has those of --teacher")
	case len(names) == 0:
		j.teachers = r.given
	case j.teachers == nil || slices.ContainsFunc(names, isStage):
		j.teachers, err = r.teachersOf(j.stage, i)
	}
	return err
}

// chooseNetwork sets the network that stage i trains: a new one, or that of the stage
// before. One that is made of an earlier stage's network is made anew each time.
func (r *distillRun) chooseNetwork(j *job, i int) (err error) {
	spec, of := j.stage.Student, j.teachers
	if spec == "" && i > 0 {
		j.model = r.jobs[i-1].model
		return nil
	}
	if spec == "" || spec == "fresh" {
		if spec, of = r.student, r.given; spec == "" { // --student is of --teacher, whoever teaches it
			return usagef("--student is required: the recipe asks for a fresh one")
		}
	}
	if j.model == nil || isDerived(spec) && isStage(of.ensemble.Members[0].Name) {
		j.model, err = r.newStudent(spec, of, r.c.Uint64("seed")+uint64(i))
	}
	return err
}

// isDerived reports whether a student is made of its first teacher's network.
func isDerived(spec string) bool {
	_, factored := factoredStudent(spec)
	return factored || student.IsDerived(spec)
}

// checkNetwork fails for a network that cannot be what the stage trains.
func (r *distillRun) checkNetwork(j *job) error {
	for _, m := range j.teachers.ensemble.Members {
		if m.Model == j.model {
			return withHint(usagef("teacher %s is the network that the stage trains", m.Name), "begin another network with `student: fresh`")
		}
	}
	if text := j.stage.Unmatched(j.model); text != "" {
		return withHint(usagef("no parameter of the student is called like %q", text), "`compress inspect MODEL` prints the names")
	}
	return nil
}

// objective resolves the job's losses and tries them on a copy of the network.
func (r *distillRun) objective(j *job) error {
	shapes, err := j.teachers.shapes(r.samples.train.Shape())
	if err != nil {
		return err
	}
	known := j.known()
	pairs, err := parseHints(r.c.StringSlice("hint"), known)
	if err != nil {
		return asUsage(err)
	}
	if j.obj, err = j.stage.Objective(pairs, known); err != nil {
		return asUsage(err)
	}
	if err := r.checkPairs(j, shapes, known); err != nil {
		return err
	}
	if j.obj.Hard != (distill.Weight{}) && r.samples.train.Classes() == 0 {
		return withHint(usagef("the samples of %s have no labels to learn from", r.samples.spec), "set --hard-weight 0")
	}
	if n, k := r.samples.train.Classes(), j.teachers.classes; n > k && j.obj.UsesLabels() {
		return withHint(usagef("the samples of %s have %d classes, teacher %s has %d", r.samples.spec, n, j.teachers.ensemble.Members[0].Name, k),
			"take samples of the teacher's classes, or learn from the teacher alone: --hard-weight 0 with a --loss without labels, as kd")
	}
	j.stage.NotePairs(pairs)
	j.obj.Teacher, j.obj.Classes, j.obj.Shapes, j.obj.Seed = j.teachers.ensemble, j.teachers.classes, shapes, r.c.Uint64("seed")
	j.obj.Mixed = r.c.String("unlabelled") != ""
	trial := j.model.Clone()
	b, err := graph.Extend(trial)
	if err != nil {
		return err
	}
	_, err = j.obj.Build(b, trial)
	return asUsage(err)
}

// known tells the values of the first teacher and the student.
func (j *job) known() func(teacher, student graph.Value) bool {
	ts, ss := j.teachers.ensemble.Members[0].Model.Graph.Producers(), j.model.Graph.Producers()
	return func(t, s graph.Value) bool { return ts[t] != nil && ss[s] != nil }
}

// checkPairs rejects values of which the first axis is not the samples; shapes are the
// teacher's. Values that a network does not have are named when the objective is built.
func (r *distillRun) checkPairs(j *job, shapes map[graph.Value]tensor.Shape, known func(teacher, student graph.Value) bool) error {
	if len(j.obj.Feature) == 0 {
		return nil
	}
	own, err := sampleValues(j.model, "the student", r.samples.train.Shape())
	if err != nil {
		return err
	}
	for _, t := range j.obj.Feature {
		for _, p := range t.Pairs {
			whose, v := "student", p.Student
			if shapes[p.Teacher] == nil {
				whose, v = "teacher", p.Teacher
			}
			if known(p.Teacher, p.Student) && (shapes[p.Teacher] == nil || own[p.Student] == nil) {
				return withHint(usagef("the %s's value %q cannot be compared: its first axis is not the samples, or it is of no float or has no other axis", whose, v),
					"take the value of a later node, behind the Transpose, Squeeze or Reshape that puts the samples first")
			}
		}
	}
	return nil
}

// parseHints reads --hint; a colon within a name does not split it.
func parseHints(texts []string, known func(teacher, student graph.Value) bool) ([]distill.Pair, error) {
	var pairs []distill.Pair
	for _, text := range texts {
		p, err := distill.ParsePair(text, known)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// configure makes the configuration of stage i's training run.
func (r *distillRun) configure(j *job, i int) error {
	cfg, err := j.stage.Config()
	if err != nil {
		return asUsage(err)
	}
	if err := j.stage.Guide(&cfg, r.guided(j, i)); err != nil {
		return asUsage(err)
	}
	cfg.Model, cfg.Objective, cfg.Data, cfg.Normalize, cfg.Seed = j.model, j.obj, r.samples.train, r.samples.norm, r.c.Uint64("seed")
	cfg.Checkpoint = checkpoint(r.c)
	if cfg.Checkpoint.Dir != "" && len(r.stages) > 1 {
		cfg.Checkpoint.Dir = filepath.Join(cfg.Checkpoint.Dir, fmt.Sprintf("stage%d", i+1))
	}
	if j.stage.Hints() {
		cfg.Patience = 0 // there is no accuracy to wait for
	} else if err := r.samples.validate(&cfg); err != nil {
		return err
	}
	if err := cutBatches(&cfg); err != nil {
		return err
	}
	j.cfg = cfg
	if err := checkResume(cfg); err != nil {
		return err
	}
	return cfg.Check()
}

// guided returns the parameters of the job's network that stages of hints before stage i trained.
func (r *distillRun) guided(j *job, i int) map[graph.Value]bool {
	var values []graph.Value
	for _, k := range r.jobs[:i] {
		if k.model == j.model && k.stage.Hints() {
			for _, t := range k.obj.Feature {
				for _, p := range t.Pairs {
					values = append(values, p.Student)
				}
			}
		}
	}
	return distill.Guided(j.model, values)
}

// run trains stage after stage, and measures and writes the last one's network.
func (r *distillRun) run() (*fitted, error) {
	save, err := storage(r.c.String("dtype"))
	if err != nil {
		return nil, err
	}
	var results []*train.Result
	for i, j := range r.jobs {
		name := ""
		if len(r.jobs) > 1 {
			name = fmt.Sprintf("stage%d: ", i+1)
		}
		if i > 0 {
			if err := r.prepare(i); err != nil {
				return nil, err
			}
		}
		say(r.c, "%sobjective: %s", name, j.obj.Describe())
		if err := r.record(j); err != nil {
			return nil, err
		}
		if err := bindTeacher(&j.cfg, j.teachers.ensemble); err != nil {
			return nil, err
		}
		res, err := runTraining(r.c, j.cfg)
		if err != nil {
			return nil, err
		}
		results = append(results, res)
		if r.teachesLater(i) {
			j.left = j.model.DeepClone()
		}
	}
	last := r.jobs[len(r.jobs)-1]
	note(last.model, map[string]string{"teacher": r.c.String("teacher"), "objective": last.obj.Describe(), "recipe": r.text})
	return finishFit(r.c, last.model, last.obj, r.samples, r.out, save, results)
}

// teachesLater reports whether later stages learn from stage i's network.
func (r *distillRun) teachesLater(i int) bool {
	return slices.ContainsFunc(r.stages[i+1:], func(s *distill.Stage) bool {
		return slices.ContainsFunc(s.Teacher, func(name string) bool { return stageOf(name) == i+1 })
	})
}

// dryRun estimates all stages and writes nothing.
func (r *distillRun) dryRun() error {
	var cfgs []train.Config
	for _, j := range r.jobs {
		cfgs = append(cfgs, j.cfg)
	}
	return dryRun(r.c, cfgs, r.text)
}

// validate adds the measurements on the validation part, if there is one.
func (s *samples) validate(cfg *train.Config) error {
	if s.val == nil {
		if cfg.Patience > 0 {
			return usagef("--patience needs a validation part: add ;val=5000 to --data")
		}
		return nil
	}
	cfg.KeepBest = true
	cfg.Evaluate = func(ctx context.Context, m *graph.Model) (train.Eval, error) {
		return train.Accuracy(ctx, m, s.val, train.PredictConfig{Normalize: s.norm})
	}
	return nil
}

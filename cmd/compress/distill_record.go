package main

import (
	"errors"
	"io/fs"

	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/teacher"
)

// record makes recorded outputs the job's teacher: those of --record, which come from
// the file or go there, or else, where every epoch shows the same samples, those of one
// run over them. Hints need the teacher itself.
func (r *distillRun) record(j *job) error {
	t, one := oneTemperature(j.obj)
	path := r.c.String("record")
	usable := len(j.obj.Logit) > 0 && len(j.obj.Feature) == 0 && one
	switch {
	case path != "" && len(j.stage.Teacher) == 0 && usable:
		return r.recordFile(j, path, t)
	case path != "" && len(j.obj.Logit) > 0 && len(j.obj.Feature) > 0:
		say(r.c, "--record is not used: losses on values need the teacher itself")
		return nil
	case !usable || j.stage.Augment != "":
		return nil
	}
	say(r.c, "recording the teacher's outputs for %d samples", r.samples.train.Len())
	rec, err := teacher.Record(r.c.Context, j.teachers.ensemble, r.samples.train, r.samples.norm, t, teacher.View{})
	if err == nil {
		j.obj.Teacher = rec
	}
	return err
}

// oneTemperature returns the temperature of all losses on logits, false when they differ.
func oneTemperature(o *distill.Objective) (t float64, one bool) {
	for i, l := range o.Logit {
		if i > 0 && l.Temperature != t {
			return 0, false
		}
		t = l.Temperature
	}
	return t, true
}

// recordFile takes the recording from the file, if there is one, or makes and writes it.
func (r *distillRun) recordFile(j *job, path string, t float64) error {
	form, err := teacher.ParseForm(r.c.String("record-form"))
	if err != nil {
		return asUsage(err)
	}
	view := teacher.View{Augment: j.cfg.Augment, Seed: j.cfg.Seed, Epochs: j.cfg.Epochs}
	want := view.Binding()
	want.Form, want.Name = form.String(), r.samples.train.Name()
	if form.Top > 0 || j.teachers.ensemble.NeedsTemperature() {
		want.Temperature = t
	}
	if want.Teacher, err = j.teachers.ensemble.Hash(); err != nil {
		return err
	}
	if want.Data, err = teacher.HashSet(r.samples.train); err != nil {
		return err
	}
	rec, err := teacher.LoadRecording(path)
	switch {
	case err == nil:
		if err := rec.Check(want, view.Epochs); err != nil {
			return withHint(usagef("--record %s: %w", path, err), "remove the file to record anew, or give the settings that it was recorded with")
		}
		say(r.c, "the teacher's outputs are those of %s", path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		if rec, err = r.newRecording(j, path, form, t, view, want); err != nil {
			return err
		}
	}
	j.obj.Teacher = rec
	return nil
}

func (r *distillRun) newRecording(j *job, path string, form teacher.Form, t float64, view teacher.View, want teacher.Binding) (*teacher.Recording, error) {
	say(r.c, "recording the teacher's outputs for %d samples in %d epochs to %s", r.samples.train.Len(), view.Distinct(), path)
	rec, err := teacher.Record(r.c.Context, j.teachers.ensemble, r.samples.train, r.samples.norm, t, view)
	if err != nil {
		return nil, err
	}
	if err := rec.Reduce(form, t); err != nil {
		return nil, asUsage(err)
	}
	rec.Binding = want
	return rec, rec.Save(path)
}

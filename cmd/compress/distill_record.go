package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/teacher"
)

// recordFile is what --record names: one recording for all stages that can use it.
type recordFile struct {
	path        string
	form        teacher.Form
	temperature float64
	want        teacher.Binding
	view        teacher.View // with the most epochs that a stage needs
	rec         *teacher.Recording
}

// prepareRecord resolves --record for all stages, before the first trains, and reads the
// file, if there is one.
func (r *distillRun) prepareRecord() error {
	path := r.c.String("record")
	if path == "" {
		if r.c.IsSet("record-form") {
			return usagef("--record-form is of no use without --record FILE")
		}
		return nil
	}
	f := &recordFile{path: path}
	var err error
	if f.form, err = teacher.ParseForm(r.c.String("record-form")); err == nil {
		err = f.form.Check(r.given.classes)
	}
	if err != nil {
		return usagef("--record-form: %w", err)
	}
	if err := r.bindRecord(f); err != nil {
		return err
	}
	r.file = f
	return r.openRecord(f)
}

// bindRecord says what the file has to hold, which is the same for all stages.
func (r *distillRun) bindRecord(f *recordFile) error {
	first, why := 0, ""
	for i, j := range r.jobs {
		if text := unrecorded(j); text != "" {
			why = text
			continue
		}
		want, err := r.binding(f, j)
		if err != nil {
			return err
		}
		if first == 0 {
			first, f.want = i+1, want
			f.view, f.temperature = teacher.View{Augment: j.cfg.Augment, Seed: j.cfg.Seed}, j.obj.Logit[0].Temperature
		}
		if err := f.want.Match(want); err != nil {
			return withHint(usagef("--record %s: stage%d cannot use what stage%d records: %w", f.path, i+1, first, err),
				"leave out --record, or give both stages the same settings")
		}
		f.view.Epochs = max(f.view.Epochs, j.cfg.Epochs)
	}
	if first == 0 {
		return withHint(usagef("no stage can use --record %s: %s", f.path, why), "leave it out")
	}
	return nil
}

// unrecorded says why recorded outputs cannot be the job's teacher, "" when they can.
func unrecorded(j *job) string {
	if len(j.stage.Teacher) > 0 {
		return "the recipe names other teachers"
	}
	return needsTeacher(j.obj)
}

// needsTeacher says why one set of logits for each sample is not what the objective learns from, "" when it is.
func needsTeacher(o *distill.Objective) string {
	switch {
	case len(o.Feature) > 0:
		return "losses on values need the teacher itself"
	case len(o.Logit) == 0:
		return "there is no loss on the teacher's logits"
	case slices.ContainsFunc(o.Logit, func(l distill.LogitTerm) bool { return l.Temperature != o.Logit[0].Temperature }):
		return "losses on logits differ in temperature"
	}
	return ""
}

// binding is what the file must be bound to for the job.
func (r *distillRun) binding(f *recordFile, j *job) (teacher.Binding, error) {
	b := teacher.View{Augment: j.cfg.Augment, Seed: j.cfg.Seed}.Binding()
	b.Form, b.Name, b.Teacher, b.Data = f.form.String(), r.samples.train.Name(), f.want.Teacher, f.want.Data
	if f.form.Top > 0 || r.given.ensemble.NeedsTemperature() {
		b.Temperature = j.obj.Logit[0].Temperature
	}
	if b.Teacher != "" {
		return b, nil
	}
	var err error
	if b.Teacher, err = r.given.ensemble.Hash(); err == nil {
		b.Data, err = teacher.HashSet(r.samples.train)
	}
	return b, err
}

// openRecord reads and checks the file, or checks that it can be made.
func (r *distillRun) openRecord(f *recordFile) error {
	n, k := r.samples.train.Len(), r.given.classes
	rec, err := teacher.LoadRecording(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		if e := f.view.Distinct(); int64(e)*int64(n)*int64(k) > teacher.MaxLogits {
			return withHint(usagef("--record %s: %d epochs of %d samples of %d classes take over 16 GiB", f.path, e, n, k),
				"leave out --record, or let augmentation repeat, as with views=8")
		}
		return checkWritable(f.path)
	}
	if err == nil {
		err = rec.Check(f.want, f.view.Epochs, n, k)
	}
	switch {
	case errors.Is(err, teacher.ErrMismatch):
		return withHint(usagef("--record %s: %w", f.path, err), "remove the file to record anew, or give the settings that it was recorded with")
	case errors.Is(err, teacher.ErrDamaged):
		return withHint(ofFile(f.path, err), "remove the file to record anew")
	case err != nil:
		return err
	}
	say(r.c, "the teacher's outputs are those of %s", f.path)
	f.rec = rec
	return nil
}

// record makes recorded outputs the job's teacher: those of --record, which come from
// the file or go there, or else, where every epoch shows the same samples, those of one
// run over them, if they are not too many.
func (r *distillRun) record(j *job) (err error) {
	why := unrecorded(j)
	if r.file != nil && why == "" {
		if r.file.rec == nil {
			r.file.rec, err = r.newRecording(r.file)
		}
		j.obj.Teacher = r.file.rec
		return err
	}
	if r.file != nil && len(j.obj.Logit) > 0 {
		say(r.c, "--record is not used: %s", why)
	}
	if needsTeacher(j.obj) != "" || j.stage.Augment != "" || !fewOutputs(r.samples, j.teachers.classes) {
		return nil
	}
	say(r.c, "recording the teacher's outputs for %d samples", r.samples.train.Len())
	rec, err := teacher.Record(r.c.Context, j.teachers.ensemble, r.samples.train, r.samples.norm, j.obj.Logit[0].Temperature, teacher.View{})
	if err == nil {
		j.obj.Teacher = rec
	}
	return err
}

// fewOutputs reports whether a teacher's logits for all samples take at most 1 GiB: more
// are kept only for who asks for it.
func fewOutputs(s *samples, classes int) bool {
	return 4*int64(s.train.Len())*int64(classes) <= 1<<30
}

// newRecording runs --teacher over the samples and writes the file.
func (r *distillRun) newRecording(f *recordFile) (*teacher.Recording, error) {
	n := r.samples.train.Len()
	say(r.c, "recording the teacher's outputs for %d samples in %d epochs to %s", n, f.view.Distinct(), f.path)
	rec, err := teacher.Record(r.c.Context, r.given.ensemble, r.samples.train, r.samples.norm, f.temperature, f.view)
	if err != nil {
		return nil, err
	}
	if err := rec.Reduce(f.form, f.temperature); err != nil {
		return nil, asUsage(err)
	}
	rec.Binding = f.want
	if err := rec.Check(f.want, f.view.Epochs, n, r.given.classes); err != nil {
		return nil, fmt.Errorf("the outputs of teacher %s: %w", r.c.String("teacher"), err)
	}
	return rec, rec.Save(f.path)
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/teacher"
)

// teachers is what a stage learns from.
type teachers struct {
	ensemble *teacher.Ensemble
	classes  int
}

// loadTeachers loads the teachers for the samples. Each keeps the normalisation that
// it was trained with.
func loadTeachers(c *cli.Context, paths []string, s *samples) (*teachers, error) {
	var members []*teacher.Network
	for _, path := range paths {
		n, err := loadTeacher(c, strings.TrimSpace(path), s)
		if err != nil {
			return nil, err
		}
		members = append(members, n)
	}
	weights, err := teacherWeights(c.String("teacher-weights"), len(paths))
	if err != nil {
		return nil, err
	}
	return newTeachers(c, members, weights, s)
}

// loadTeacher loads the network of a file.
func loadTeacher(c *cli.Context, path string, s *samples) (*teacher.Network, error) {
	m, err := loadModel(c, path)
	if err != nil {
		return nil, err
	}
	own, err := normalization(m, s.spec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &teacher.Network{Name: path, Model: m, Normalize: own}, nil
}

// teacherWeights reads --teacher-weights.
func teacherWeights(text string, n int) ([]float64, error) {
	if text == "" {
		return nil, nil
	}
	var ws []float64
	for _, part := range strings.Split(text, ",") {
		w, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(w >= 0) || math.IsInf(w, 1) {
			return nil, usagef("--teacher-weights %s: %q is not a finite number of at least 0", text, part)
		}
		ws = append(ws, w)
	}
	if len(ws) != n {
		return nil, usagef("--teacher-weights has %d numbers for %d teachers", len(ws), n)
	}
	return ws, nil
}

// combinations are the values of --ensemble.
var combinations = map[string]teacher.Combine{
	"probs": teacher.MeanProbabilities, "probabilities": teacher.MeanProbabilities, "logits": teacher.MeanLogits,
}

// newTeachers checks that the members classify the samples, all into as many classes.
func newTeachers(c *cli.Context, members []*teacher.Network, weights []float64, s *samples) (*teachers, error) {
	t := &teachers{}
	for i, m := range members {
		if err := fits(m.Model, m.Name, s.train.Shape()); err != nil {
			return nil, err
		}
		k, err := classesOf(m.Model, m.Name)
		if err != nil {
			return nil, err
		}
		if i > 0 && k != t.classes {
			return nil, usagef("teachers %s and %s have %d and %d classes", members[0].Name, m.Name, t.classes, k)
		}
		t.classes = k
		m.Batches = s.norm
	}
	how, ok := combinations[c.String("ensemble")]
	if !ok {
		return nil, usagef("--ensemble %s is neither probs nor logits", c.String("ensemble"))
	}
	var err error
	t.ensemble, err = teacher.NewEnsemble(members, weights, how)
	return t, asUsage(err)
}

// bindTeacher makes the run's checkpoints want the same teachers when it is resumed.
func bindTeacher(cfg *train.Config, e *teacher.Ensemble) error {
	if cfg.Checkpoint.Dir == "" {
		return nil
	}
	id, err := e.Hash()
	cfg.Checkpoint.Of = map[string]string{"teacher": id}
	return err
}

// teachersOf returns the networks of stages before stage i, or of files, as it names them.
func (r *distillRun) teachersOf(s *distill.Stage, i int) (*teachers, error) {
	var members []*teacher.Network
	for _, name := range s.Teacher {
		if !isStage(name) {
			m, err := loadTeacher(r.c, name, r.samples)
			if err != nil {
				return nil, err
			}
			members = append(members, m)
			continue
		}
		n := stageOf(name)
		if n > i {
			return nil, usagef("teacher %s: it is no earlier stage", name)
		}
		m := cmp.Or(r.jobs[n-1].left, r.jobs[n-1].model)
		members = append(members, &teacher.Network{Name: name, Model: m, Normalize: r.samples.norm})
	}
	return newTeachers(r.c, members, s.TeacherWeights, r.samples)
}

// stageOf returns N of a teacher that is called stageN, 0 for another.
func stageOf(name string) int {
	if text, ok := strings.CutPrefix(name, "stage"); ok {
		if n, err := strconv.Atoi(text); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// isStage tells the name of a stage from that of a file.
func isStage(name string) bool { return stageOf(name) > 0 }

// fits fails for a network whose first input does not take batches of samples.
func fits(m *graph.Model, path string, sample tensor.Shape) error {
	if len(m.Graph.Inputs) == 0 {
		return fmt.Errorf("%s: %w: it has no input", path, graph.ErrInvalid)
	}
	in := m.Graph.Inputs[0]
	if in.Shape == nil {
		return nil
	}
	ok := len(in.Shape) == len(sample)+1
	for i := 0; ok && i < len(sample); i++ {
		d := in.Shape[i+1]
		ok = d.Sym != "" || d.N == sample[i]
	}
	if ok {
		return nil
	}
	return withHint(usagef("%s: its input %q is %v, the samples are %v", path, in.Name, dimStrings(in.Shape), sample),
		"take data of the shape that the network was trained on")
}

// shapes returns the shapes of the first member's values for one sample.
func (t *teachers) shapes(sample tensor.Shape) (map[graph.Value]tensor.Shape, error) {
	m := t.ensemble.Members[0]
	return sampleValues(m.Model, m.Name, sample)
}

// sampleValues returns the shapes, for one sample, of a network's float values with the
// samples as the first of two or more axes.
func sampleValues(m *graph.Model, name string, sample tensor.Shape) (map[graph.Value]tensor.Shape, error) {
	shapes, err := valueShapes(m, name, 2, sample)
	if err != nil {
		return nil, err
	}
	three, err := valueShapes(m, name, 3, sample)
	if err != nil {
		return nil, err
	}
	want := [2]int{2, 3}
	if n := m.Graph.FixedBatch(); n > 0 {
		want = [2]int{n, n}
	}
	for v, s := range shapes {
		if t := three[v]; len(t) != len(s) || [2]int{s[0], t[0]} != want || !slices.Equal(s[1:], t[1:]) {
			delete(shapes, v)
			continue
		}
		shapes[v] = append(tensor.Shape{1}, s[1:]...)
	}
	return shapes, nil
}

// valueShapes returns the shapes of a network's float values with at least two axes for n samples.
func valueShapes(m *graph.Model, name string, n int, sample tensor.Shape) (map[graph.Value]tensor.Shape, error) {
	inf, err := m.Infer(m.Graph.DimsOf(append(tensor.Shape{n}, sample...)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	shapes := map[graph.Value]tensor.Shape{}
	for _, n := range m.Graph.Nodes {
		for _, v := range n.Out {
			if s, ok := inf.Specs[v]; ok && s.DType == tensor.F32 && len(s.Shape) > 1 {
				shapes[v] = s.Shape
			}
		}
	}
	return shapes, nil
}

// errNoClassifier is wrapped by classesOf's error for a network of another kind.
var errNoClassifier = errors.New("a classifier gives N x K")

// classesOf returns K of a model whose first output is N x K.
func classesOf(m *graph.Model, path string) (int, error) {
	inf, err := m.InferAny()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if len(m.Graph.Outputs) == 0 {
		return 0, fmt.Errorf("%s: %w: it has no output", path, graph.ErrInvalid)
	}
	v := m.Graph.Outputs[0].Name
	s := inf.Specs[v].Shape
	if len(s) != 2 {
		return 0, usagef("%s: output %q is %v, %w", path, v, s, errNoClassifier)
	}
	return s[1], nil
}

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/teacher"
)

func distillCommand() *cli.Command {
	flags := append(dataFlags("transfer and test samples, as mnist"),
		&cli.StringFlag{Name: "teacher", Usage: "trained model `T[,T2..]`; several are an ensemble"},
		&cli.StringFlag{Name: "combine", Value: string(teacher.MeanProbabilities), Usage: "ensemble by the mean of probabilities or of logits"},
		&cli.StringFlag{Name: "student", Usage: "architecture, as mlp:30, or a file with an untrained graph"},
		&cli.StringFlag{Name: "init", Usage: "initialiser of the student's weights"},
		&cli.Float64Flag{Name: "temperature", Value: 4, Usage: "T of the soft targets"},
		&cli.Float64Flag{Name: "hard-weight", Value: 0.1, Usage: "weight of the cross-entropy with the labels"},
		&cli.Float64Flag{Name: "soft-weight", Value: 0.9, Usage: "weight of the distillation loss"},
		&cli.StringFlag{Name: "loss", Value: "kd", Usage: "one of " + strings.Join(distill.Losses(), ", ")},
		&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "model `FILE` to write (.cmz, .onnx)"},
	)
	flags = append(flags, fitFlags(fitDefaults{epochs: 20, optimizer: "adam", lr: 2e-3, schedule: "cosine"})...)
	return command("distill", "train a small student from a teacher's outputs", "no arguments", commonFlags(flags...), distillAction)
}

func distillAction(c *cli.Context) error {
	names, err := required(c, "teacher")
	if err != nil {
		return err
	}
	out, m, s, err := freshRun(c, "student")
	if err != nil {
		return err
	}
	ens, classes, err := loadTeachers(c, strings.Split(names, ","), s.spec, s.norm)
	if err != nil {
		return err
	}
	loss, err := distill.GetLoss(c.String("loss"))
	if err != nil {
		return asUsage(err)
	}
	obj, err := distillObjective(c, ens, classes, s, loss)
	if err != nil {
		return err
	}
	say(c, "objective: %s", obj.Describe())
	if c.Bool("dry-run") {
		return dryRun(c, m, obj, s)
	}
	m.Meta["teacher"], m.Meta["objective"] = names, obj.Describe()
	f, err := fit(c, m, obj, s, out)
	if err != nil {
		return err
	}
	return emit(c, f, f.text)
}

// loadTeachers loads the teachers for batches that are normalised with norm. Each keeps
// the normalisation that it was trained with.
func loadTeachers(c *cli.Context, paths []string, spec dataset.Spec, norm *dataset.Normalize) (*teacher.Ensemble, int, error) {
	var members []*teacher.Network
	classes := 0
	for _, path := range paths {
		m, err := loadModel(c, strings.TrimSpace(path))
		if err != nil {
			return nil, 0, err
		}
		k, err := classesOf(m, path)
		if err != nil {
			return nil, 0, err
		}
		if classes != 0 && k != classes {
			return nil, 0, usagef("teachers have %d and %d classes", classes, k)
		}
		classes = k
		own, err := normalization(m, spec)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		members = append(members, &teacher.Network{Name: path, Model: m, Normalize: own, Batches: norm})
	}
	e, err := teacher.NewEnsemble(members, nil, teacher.Combine(c.String("combine")))
	return e, classes, asUsage(err)
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

// distillObjective resolves the flags. Without augmentation every epoch shows the same
// samples, so the teacher runs over them once.
func distillObjective(c *cli.Context, e *teacher.Ensemble, classes int, s *samples, loss distill.Loss) (*distill.Objective, error) {
	o := &distill.Objective{
		Teacher: e, Loss: loss, Temperature: c.Float64("temperature"), Classes: classes,
		HardWeight: c.Float64("hard-weight"), SoftWeight: c.Float64("soft-weight"),
	}
	if err := o.Validate(); err != nil {
		return nil, asUsage(err)
	}
	if c.String("augment") == "" && o.SoftWeight > 0 && !c.Bool("dry-run") {
		var err error
		say(c, "recording the teacher's outputs for %d samples", s.train.Len())
		if o.Teacher, err = teacher.Record(c.Context, e, s.train, s.norm, o.Temperature); err != nil {
			return nil, err
		}
	}
	return o, nil
}

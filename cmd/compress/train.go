package main

import (
	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/student"
)

func trainCommand() *cli.Command {
	flags := append(dataFlags("training and test samples, as mnist or csv:FILE;test=0.2 (see `compress data list`)"),
		&cli.StringFlag{Name: "arch", Usage: "architecture, as mlp:1200,1200;dropout=0.5 or resnet:20"},
		&cli.StringFlag{Name: "init", Usage: "initialiser of weights: he, xavier, orthogonal, normal=STD, ..."},
		&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "model `FILE` to write (.cmz, .onnx)"},
	)
	flags = append(flags, fitFlags(fitDefaults{epochs: 10, optimizer: "adam", lr: 1e-3, schedule: "cosine"})...)
	return command("train", "train a network from labels", "no arguments", commonFlags(flags...), trainAction)
}

func trainAction(c *cli.Context) error {
	arch, err := required(c, "arch")
	if err != nil {
		return err
	}
	out, s, err := prepareRun(c, arch)
	if err != nil {
		return err
	}
	task, err := taskOf(c, s, c.Uint64("seed"))
	if err != nil {
		return err
	}
	m, err := buildStudent(c, arch, task)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		cfg, err := trainConfig(c, m, train.CrossEntropy{}, s)
		if err != nil {
			return err
		}
		return dryRun(c, []train.Config{cfg}, "")
	}
	f, err := fit(c, m, train.CrossEntropy{}, s, out)
	if err != nil {
		return err
	}
	return emit(c, f, f.text)
}

// prepareRun checks the output, which a dry run does not need, and opens the data, normalised
// as the network of start is, where training goes on from its weights.
func prepareRun(c *cli.Context, start string) (out string, s *samples, err error) {
	if err := args(c, 0, 0); err != nil {
		return "", nil, err
	}
	if out, _, err = output(c); err != nil {
		return "", nil, err
	}
	ref, err := startWeights(c, start)
	if err != nil {
		return "", nil, err
	}
	s, err = openSamples(c, ref)
	return out, s, err
}

// startWeights returns the network whose weights training goes on from, when spec is a
// file, nil when weights are fresh.
func startWeights(c *cli.Context, spec string) (*graph.Model, error) {
	if !isModelFile(spec) || c.String("init") != "" {
		return nil, nil
	}
	return loadModel(c, spec)
}

// buildStudent returns a network to train: of a named architecture, or the graph of a
// file. The file's weights are where training begins, unless --init asks for fresh ones.
func buildStudent(c *cli.Context, arch string, task student.Task) (*graph.Model, error) {
	if isModelFile(arch) {
		m, err := loadModel(c, arch)
		if err == nil {
			err = fits(m, arch, task.Shape)
		}
		if err == nil && task.Init != nil {
			m, err = student.Fresh(m, task)
		}
		return m, err
	}
	m, err := student.Build(arch, task)
	return m, asUsage(err)
}

// taskOf says what networks are built for.
func taskOf(c *cli.Context, s *samples, seed uint64) (student.Task, error) {
	task := student.Task{Shape: s.train.Shape(), Classes: s.train.Classes(), Seed: seed}
	text := c.String("init")
	if text == "" {
		return task, nil
	}
	var err error
	task.Init, err = nn.ParseInit(text)
	return task, asUsage(err)
}

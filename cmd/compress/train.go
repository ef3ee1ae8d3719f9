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
	out, m, s, err := freshRun(c, "arch")
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return dryRun(c, m, train.CrossEntropy{}, s)
	}
	f, err := fit(c, m, train.CrossEntropy{}, s, out)
	if err != nil {
		return err
	}
	return emit(c, f, f.text)
}

// freshRun checks the output, opens the data and builds a fresh network.
func freshRun(c *cli.Context, archFlag string) (out string, m *graph.Model, s *samples, err error) {
	if err := args(c, 0, 0); err != nil {
		return "", nil, nil, err
	}
	if out, err = required(c, "o"); err == nil {
		err = checkOutput(out)
	}
	if err != nil {
		return "", nil, nil, err
	}
	arch, err := required(c, archFlag)
	if err != nil {
		return "", nil, nil, err
	}
	if s, err = openSamples(c, nil); err != nil {
		return "", nil, nil, err
	}
	m, err = buildStudent(c, arch, s)
	return out, m, s, err
}

// buildStudent returns an untrained network: of a named architecture, or the graph of a file.
func buildStudent(c *cli.Context, arch string, s *samples) (*graph.Model, error) {
	if isModelFile(arch) {
		return loadModel(c, arch)
	}
	task := student.Task{Shape: s.train.Shape(), Classes: s.train.Classes(), Seed: c.Uint64("seed")}
	if text := c.String("init"); text != "" {
		var err error
		if task.Init, err = nn.ParseInit(text); err != nil {
			return nil, asUsage(err)
		}
	}
	m, err := student.Build(arch, task)
	return m, asUsage(err)
}

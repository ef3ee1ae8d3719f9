package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/format"
)

func benchCommand() *cli.Command {
	flags := append(dataFlags("samples for accuracy, as mnist; random:N compares outputs with the first model only"),
		&cli.IntFlag{Name: "runs", Value: 50, Usage: "latency runs of each model; 0 for none"},
		&cli.IntFlag{Name: "batch", Value: 1, Usage: "extent of symbolic dimensions for cost and latency"},
	)
	return command("bench", "accuracy, size, cost and latency of models side by side", "MODEL..", commonFlags(flags...), benchAction)
}

func benchAction(c *cli.Context) error {
	if err := args(c, 1, -1); err != nil {
		return err
	}
	o := bench.Options{Runs: c.Int("runs"), Baseline: true}
	models, spec, err := benchModels(c, c.Args().Slice())
	if err != nil {
		return err
	}
	for _, m := range models {
		o.Dims = m.Model.Graph.Uniform(c.Int("batch"))
	}
	if o.Data, err = benchData(c, spec, models); err != nil {
		return err
	}
	r, err := bench.Measure(c.Context, models, o)
	if err != nil {
		return err
	}
	return emit(c, r, r.WriteTable)
}

// benchModels loads the models with the normalisation that each has or --data gives.
func benchModels(c *cli.Context, paths []string) ([]bench.Model, *dataset.Spec, error) {
	spec := dataset.Spec{}
	if text := c.String("data"); text != "" {
		var err error
		if spec, err = dataset.Parse(text); err != nil {
			return nil, nil, err
		}
	}
	var models []bench.Model
	for _, path := range paths {
		m, err := loadModel(path)
		if err != nil {
			return nil, nil, err
		}
		st, err := os.Stat(path)
		if err != nil {
			return nil, nil, err
		}
		norm, err := normalization(m, spec)
		if err != nil {
			return nil, nil, err
		}
		models = append(models, bench.Model{Path: path, Model: m, FileBytes: st.Size(), Normalize: norm})
	}
	return models, &spec, nil
}

// benchData opens the test part, or makes random inputs of the first model's shape.
func benchData(c *cli.Context, spec *dataset.Spec, models []bench.Model) (dataset.Set, error) {
	switch spec.Source {
	case "":
		return nil, nil
	case "random":
		if spec.Options["shape"] == "" {
			shape, err := sampleShape(models[0])
			if err != nil {
				return nil, err
			}
			spec.Options["shape"] = shape
		}
		set, err := spec.Open(dataset.Test, dirs(c))
		if err != nil {
			return nil, err
		}
		return dataset.Unlabelled(set), nil
	}
	return spec.Open(dataset.Test, dirs(c))
}

// isModelFile reports whether text names a file of a known format.
func isModelFile(text string) bool {
	_, err := format.ByPath(text)
	return err == nil && !slices.Contains([]string{"", "."}, text)
}

// sampleShape returns the shape of one sample of a model's first input as an option's text.
func sampleShape(m bench.Model) (string, error) {
	if len(m.Model.Graph.Inputs) == 0 {
		return "", usagef("%s has no input", m.Path)
	}
	in := m.Model.Graph.Inputs[0]
	s, err := in.Resolve(m.Model.Graph.Uniform(1))
	if err != nil || len(s) < 2 {
		return "", usagef("%s: input %q is not N x ...: give the samples' shape, as in random:100;shape=3,32,32", m.Path, in.Name)
	}
	text := make([]string, len(s)-1)
	for i, d := range s[1:] {
		text[i] = fmt.Sprint(d)
	}
	return strings.Join(text, ","), nil
}

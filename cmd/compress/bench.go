package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/bench/budget"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format"
)

func benchCommand() *cli.Command {
	flags := append(dataFlags("samples for accuracy, as mnist; random:N (64 without --data) compares outputs with the first model's on random inputs"),
		&cli.IntFlag{Name: "runs", Value: 50, Usage: "latency runs of each model; 0 for none"},
		batchFlag("cost and latency"), dimsFlag(),
		&cli.StringFlag{Name: "budget", Usage: "check the budget `FILE` too, and exit with 3 when a model exceeds it; without MODEL its models are measured"},
		&cli.StringSliceFlag{Name: "input", Usage: "`NAME=FILE` (.npy or .pb) for an input of latency and of random comparison; random where not given"},
		precisionFlag(),
	)
	flags = append(flags, pageFlags()...)
	return command("bench", "accuracy, size, cost and latency of models side by side", "MODEL..", commonFlags(flags...), benchAction)
}

func benchAction(c *cli.Context) error {
	b, paths, err := benchBudget(c)
	if err != nil {
		return err
	}
	o := bench.Options{Runs: c.Int("runs"), Baseline: true}
	models, spec, err := benchModels(c, paths)
	if err != nil {
		return err
	}
	if err := benchInputs(c, models, &o); err != nil {
		return err
	}
	if o.Random, err = randomDraws(spec); err != nil {
		return err
	}
	if o.Random == 0 {
		if o.Data, err = spec.Open(dataset.Test, dirs(c)); err != nil {
			return err
		}
		for _, m := range models {
			if err := fits(m.Model, m.Path, o.Data.Shape()); err != nil {
				return err
			}
		}
	}
	r, err := bench.Measure(c.Context, models, o)
	if err != nil {
		return err
	}
	full := &benched{Report: r, Budget: []budget.Row{}}
	if b != nil {
		if full.result, err = checkBudget(c, b, nil); err != nil {
			return err
		}
		full.Budget = full.result.Rows
	}
	if err := writePages(c, full, models, o); err != nil {
		return err
	}
	text := full.text
	if c.Bool("markdown") {
		text = full.markdown
	}
	if err := emit(c, full, text); err != nil || b == nil {
		return err
	}
	return exceeded(full.result)
}

// benched is a report with the outcome of a budget.
type benched struct {
	*bench.Report
	Budget []budget.Row `json:"budget"`

	result *budget.Result
}

func (b *benched) text(w io.Writer) error {
	if err := b.WriteTable(w); err != nil || b.result == nil {
		return err
	}
	fmt.Fprintln(w)
	return b.result.WriteTable(w)
}

func (b *benched) markdown(w io.Writer) error {
	if err := b.WriteMarkdown(w); err != nil || b.result == nil {
		return err
	}
	fmt.Fprintln(w)
	return b.result.WriteMarkdown(w)
}

// benchBudget loads --budget, and returns the models to measure: the arguments, or
// the budget's.
func benchBudget(c *cli.Context) (*budget.File, []string, error) {
	path := c.String("budget")
	if path == "" {
		return nil, c.Args().Slice(), args(c, 1, -1)
	}
	b, err := budget.Load(path)
	if err != nil {
		return nil, nil, badBudget(err)
	}
	paths := c.Args().Slice()
	if len(paths) == 0 {
		for _, p := range b.Paths() {
			paths = append(paths, beside(path, p))
		}
	}
	return b, paths, nil
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
		m, err := loadModel(c, path)
		if err != nil {
			return nil, nil, err
		}
		bytes, err := fileSize(path)
		if err != nil {
			return nil, nil, err
		}
		norm, err := normalization(m, spec)
		if err != nil {
			return nil, nil, err
		}
		if m, err = inPrecision(c, path, m); err != nil {
			return nil, nil, err
		}
		models = append(models, bench.Model{Path: path, Model: m, FileBytes: bytes, Normalize: norm})
	}
	return models, &spec, nil
}

// benchInputs sets the extents and the inputs that are given.
func benchInputs(c *cli.Context, models []bench.Model, o *bench.Options) (err error) {
	graphs := make([]*graph.Model, len(models))
	for i, m := range models {
		graphs[i] = m.Model
	}
	o.Batch = c.Int("batch")
	if o.Dims, err = namedDims(c, graphs...); err != nil {
		return err
	}
	given := c.StringSlice("input")
	if len(given) == 0 {
		return nil
	}
	in, err := readInputs(given)
	if err != nil {
		return err
	}
	o.Inputs = map[graph.Value]*tensor.Tensor{}
	for name, t := range in {
		o.Inputs[graph.Value(name)] = t
	}
	return nil
}

// defaultDraws are the random inputs on which models are compared without --data.
const defaultDraws = 64

// randomDraws returns N of random:N without a shape of its own, the default
// without data, and 0 where the data are samples.
func randomDraws(s *dataset.Spec) (int, error) {
	switch {
	case s.Source == "":
		return defaultDraws, nil
	case s.Source != "random" || s.Options["shape"] != "":
		return 0, nil
	}
	n, err := strconv.Atoi(s.Arg)
	if err != nil || n <= 0 {
		return 0, usagef("--data random:%s: write random:64 for 64 random inputs", s.Arg)
	}
	return n, nil
}

// isModelFile reports whether text names a file of a known format.
func isModelFile(text string) bool {
	_, err := format.ByPath(text)
	return err == nil && !slices.Contains([]string{"", "."}, text)
}

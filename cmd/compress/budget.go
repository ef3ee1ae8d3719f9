package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/bench/budget"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// budgetFile is where a budget is looked for.
const budgetFile = "compress.budget.yaml"

func budgetCommand() *cli.Command {
	file := &cli.StringFlag{Name: "budget", Value: budgetFile, Usage: "the budget `FILE`"}
	data := &cli.StringFlag{Name: "data-dir", Usage: "`DIR` to look for data in first"}
	base := &cli.StringFlag{Name: "base", Usage: "`FILE` of `compress budget snapshot`, for max_increase; where there is none only the other limits hold"}
	return &cli.Command{
		Name: "budget", Usage: "gate models by size, cost, accuracy and latency; see docs/ci.md", HideHelpCommand: true,
		Subcommands: []*cli.Command{
			command("init", "write a budget that the models just meet", "MODEL..", commonFlags(file, data,
				&cli.StringFlag{Name: "data", Usage: "samples for a limit on the accuracy"}), budgetInit),
			command("check", "measure the models and compare them with the budget; exit with 3 when one exceeds it", "no arguments",
				commonFlags(append(reportFlags(), file, data, base)...), budgetCheck),
			command("snapshot", "write what the budget's models are, for `check --base`", "no arguments", commonFlags(file, data,
				&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Value: "base.json", Usage: "`FILE` to write"}), budgetSnapshot),
			command("diff", "where two models differ in size, by layer", "OLD NEW", commonFlags(), budgetDiff),
		},
	}
}

// reportForm is one of the forms of a result.
type reportForm struct {
	flag, usage string
	write       func(*budget.Result, io.Writer) error
}

var reportForms = []reportForm{
	{"markdown", "`FILE` for a comment on a pull request", (*budget.Result).WriteMarkdown},
	{"junit", "`FILE` of JUnit XML", (*budget.Result).WriteJUnit},
	{"openmetrics", "`FILE` of OpenMetrics text", (*budget.Result).WriteOpenMetrics},
	{"github", "`FILE` of annotations for GitHub's log, - for standard output", (*budget.Result).WriteGitHub},
}

func reportFlags() []cli.Flag {
	var flags []cli.Flag
	for _, f := range reportForms {
		flags = append(flags, &cli.StringFlag{Name: f.flag, Usage: f.usage})
	}
	return flags
}

// badBudget makes a mistake in the file the user's.
func badBudget(err error) error {
	var bad *budget.Error
	if errors.As(err, &bad) {
		return &usage{err: err, hint: bad.Hint()}
	}
	return err
}

// beside resolves a path of the budget, which is relative to its file.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// budgetEnv opens models and data for a budget file.
func budgetEnv(c *cli.Context, file string) budget.Env {
	return budget.Env{
		Load: func(path string) (bench.Model, error) {
			path = beside(file, path)
			m, err := loadModel(c, path)
			if err != nil {
				return bench.Model{}, err
			}
			size, err := fileSize(path)
			return bench.Model{Path: path, Model: m, FileBytes: size}, err
		},
		Data: func(text string, m bench.Model) (dataset.Set, *dataset.Normalize, error) {
			spec, err := dataset.Parse(text)
			if err != nil {
				return nil, nil, err
			}
			norm, err := normalization(m.Model, spec)
			if err != nil {
				return nil, nil, err
			}
			set, err := spec.Open(dataset.Test, dirs(c))
			return set, norm, err
		},
		Latency: func(ctx context.Context, m, of bench.Model, d graph.Dims) (p50, p99 bench.LatencyChange, err error) {
			return bench.CompareLatency(ctx, m, of, bench.Options{Dims: d})
		},
	}
}

// checkBudget measures and judges.
func checkBudget(c *cli.Context, f *budget.File, base *budget.Snapshot) (*budget.Result, error) {
	measured, err := budget.Measure(c.Context, f, budgetEnv(c, f.Path))
	if err != nil {
		return nil, badBudget(err)
	}
	r, err := budget.Check(f, measured, base, time.Now().UTC())
	return r, badBudget(err)
}

// exceeded is the error of a result with failures.
func exceeded(r *budget.Result) error {
	if n := r.Failed(); n > 0 {
		return withHint(fmt.Errorf("%s: %w: %d of %d limits", r.Budget, errBudget, n, len(r.Rows)),
			"make the model smaller (`compress lowrank`, `compress distill`), or change the limit or add a waiver with a reason")
	}
	return nil
}

func budgetCheck(c *cli.Context) error {
	if err := args(c, 0, 0); err != nil {
		return err
	}
	f, err := budget.Load(c.String("budget"))
	if err != nil {
		return badBudget(err)
	}
	base, err := loadBase(c)
	if err != nil {
		return err
	}
	r, err := checkBudget(c, f, base)
	if err != nil {
		return err
	}
	for _, form := range reportForms {
		if err := writeReport(c, form, r); err != nil {
			return err
		}
	}
	if c.String("github") != "-" || c.Bool("json") {
		if err := emit(c, r, r.WriteTable); err != nil {
			return err
		}
	}
	return exceeded(r)
}

// loadBase reads --base; a missing file is said and means no base.
func loadBase(c *cli.Context) (*budget.Snapshot, error) {
	path := c.String("base")
	if path == "" {
		return nil, nil
	}
	base, err := budget.LoadSnapshot(path)
	if err == nil && base == nil {
		say(c, "there is no base %s: only absolute limits are checked", path)
	}
	return base, badBudget(err)
}

func writeReport(c *cli.Context, form reportForm, r *budget.Result) error {
	path := c.String(form.flag)
	switch {
	case path == "" || c.Bool("dry-run"):
		return nil
	case path == "-":
		return form.write(r, c.App.Writer)
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error { return form.write(r, w) })
}

func budgetSnapshot(c *cli.Context) error {
	if err := args(c, 0, 0); err != nil {
		return err
	}
	f, err := budget.Load(c.String("budget"))
	if err != nil {
		return badBudget(err)
	}
	measured, err := budget.Measure(c.Context, f, budgetEnv(c, f.Path))
	if err != nil {
		return badBudget(err)
	}
	s := budget.NewSnapshot(measured)
	out := c.String("o")
	if !c.Bool("dry-run") {
		if err := s.Save(out); err != nil {
			return err
		}
	}
	return emit(c, s, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %d models\n", out, len(s.Models))
		return err
	})
}

func budgetInit(c *cli.Context) error {
	if err := args(c, 1, -1); err != nil {
		return err
	}
	path := c.String("budget")
	if _, err := os.Lstat(path); err == nil {
		return usagef("%s exists: name another file with --budget, or remove it", path)
	}
	f := &budget.File{Path: path}
	for _, arg := range c.Args().Slice() {
		rel, err := relativeTo(filepath.Dir(path), arg)
		if err != nil {
			return err
		}
		f.Models = append(f.Models, budget.NewModel(rel, c.String("data")))
	}
	measured, err := budget.Measure(c.Context, f, budgetEnv(c, path))
	if err != nil {
		return err
	}
	var list []*budget.Measured
	for _, m := range f.Models {
		list = append(list, measured[m.Path])
	}
	if c.Bool("dry-run") {
		return budget.WriteNew(c.App.Writer, list, c.String("data"))
	}
	err = atomicfile.WriteFile(path, func(w io.Writer) error { return budget.WriteNew(w, list, c.String("data")) })
	if err != nil {
		return err
	}
	say(c, "%s: %d models; check it with `compress budget check`", path, len(list))
	return nil
}

// relativeTo returns the path that the budget in dir names a model by.
func relativeTo(dir, path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	rel, err := filepath.Rel(dir, path)
	return filepath.ToSlash(rel), err
}

func budgetDiff(c *cli.Context) error {
	if err := args(c, 2, 2); err != nil {
		return err
	}
	f := &budget.File{Path: "arguments"}
	for _, arg := range c.Args().Slice() {
		f.Models = append(f.Models, budget.NewModel(arg, ""))
	}
	measured, err := budget.Measure(c.Context, f, budgetEnv(c, ""))
	if err != nil {
		return err
	}
	d := budget.NewDiff(measured[c.Args().Get(0)], measured[c.Args().Get(1)])
	return emit(c, d, d.WriteTable)
}

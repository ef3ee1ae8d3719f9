package main

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/format/safetensors"
	"github.com/compress-toolkit/compress/lowrank"
)

func lowrankCommand() *cli.Command {
	flags := append(dataFlags("samples for calibration, evaluation and tuning, as mnist"),
		&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "model `FILE` to write (.cmz, .onnx, .safetensors)"},
		&cli.StringFlag{Name: "method", Value: "auto", Usage: "auto, svd, tucker, cp, tt, or decompositions with commas between: " + strings.Join(lowrank.Names(), ", ")},
		&cli.StringFlag{Name: "rank", Usage: "the same rank `R` (or R1,R2,..) for every site"},
		&cli.Float64Flag{Name: "keep", Usage: "fraction of the sites' parameters to keep"},
		&cli.BoolFlag{Name: "uniform", Usage: "with --keep: the same fraction for every site"},
		&cli.Float64Flag{Name: "energy", Usage: "fraction of the squared singular values to keep"},
		&cli.Float64Flag{Name: "epsilon", Usage: "largest relative error of a site"},
		&cli.BoolFlag{Name: "vbmf", Usage: "ranks by variational Bayesian matrix factorisation"},
		&cli.StringFlag{Name: "budget", Usage: "`SIZE` of all parameters as --dtype stores them, as 2MB"},
		&cli.Int64Flag{Name: "macs", Usage: "multiply-accumulates of the whole model for one sample"},
		&cli.Float64Flag{Name: "max-drop", Usage: "the smallest model that loses at most `POINTS` percentage points of accuracy on held-out samples of --data"},
		&cli.BoolFlag{Name: "allow-macs", Usage: "let --method auto choose forms that multiply more than the dense weight"},
		&cli.StringFlag{Name: "plot", Usage: "`FILE.svg` for the curve of error against size"},
		&cli.BoolFlag{Name: "latency", Usage: "leave sites dense that do not get faster as measured"},
		&cli.StringFlag{Name: "include", Usage: "only sites whose name matches `REGEX`"},
		&cli.StringFlag{Name: "exclude", Usage: "no sites whose name matches `REGEX`"},
		&cli.StringFlag{Name: "calibrate", Usage: "weigh errors by `N` samples of --data; random[:N] takes noise instead, which is weaker"},
		&cli.IntFlag{Name: "rank-align", Usage: "round ranks to multiples of `N`"},
		&cli.StringFlag{Name: "memory", Value: "2GiB", Usage: "`SIZE` of memory for moments and factoring, besides the model"},
		&cli.IntFlag{Name: "tune", Usage: "`EPOCHS` of training with the original as the teacher"},
		&cli.Float64Flag{Name: "temperature", Value: 4, Usage: "T of the soft targets when tuning"},
		&cli.Float64Flag{Name: "hard-weight", Value: 0.1, Usage: "weight of the cross-entropy with the labels when tuning"},
		&cli.Float64Flag{Name: "soft-weight", Value: 0.9, Usage: "weight of the soft targets when tuning"},
		&cli.Float64Flag{Name: "tune-hints", Usage: "`WEIGHT` of matching the original's values behind each factorised weight when tuning"},
	)
	for _, f := range fitFlags(fitDefaults{optimizer: "adam", lr: 1e-3, schedule: "cosine"}) {
		if f.Names()[0] != "epochs" {
			flags = append(flags, f)
		}
	}
	return command("lowrank", "factorise weights and recover the accuracy", "MODEL", commonFlags(flags...), lowrankAction)
}

// lowrankRun is one run of the command.
type lowrankRun struct {
	c       *cli.Context
	in, out string
	model   *graph.Model
	linear  bool // a file of weights without a graph
	samples *samples
	held    dataset.Set // for --max-drop
	save    format.SaveOptions
}

func lowrankAction(c *cli.Context) error {
	undo := frugal()
	defer undo()
	r, err := newLowrankRun(c)
	if err != nil {
		return err
	}
	cfg, err := r.config()
	if err != nil {
		return err
	}
	b := bar(c)
	cfg.Progress = func(stage string, done, all int) {
		b.Update(float64(done)/float64(max(1, all)), func() string { return fmt.Sprintf("%s %d/%d", stage, done, all) })
	}
	reserve(cfg.Memory)
	small, rep, err := lowrank.Run(c.Context, r.model, cfg)
	if err != nil {
		return err
	}
	undo() // training has needs of its own
	res := &factorised{Report: rep, Output: r.out}
	if rep.FileBytesBefore, err = fileSize(r.in); err != nil {
		return err
	}
	if !c.Bool("dry-run") {
		if err := r.finish(small, res); err != nil {
			return err
		}
		if after := *res.FileBytesAfter; after >= res.FileBytesBefore {
			say(c, "%s is not smaller than %s: %d bytes, was %d; keep the original, or ask for less (--keep, --rank)", r.out, r.in, after, res.FileBytesBefore)
		}
		if err := writeTradeoff(c, rep); err != nil {
			return err
		}
	}
	return emit(c, res, res.text)
}

func newLowrankRun(c *cli.Context) (*lowrankRun, error) {
	if err := args(c, 1, 1); err != nil {
		return nil, err
	}
	r := &lowrankRun{c: c, in: c.Args().First()}
	var err error
	if _, err := policy(c); err != nil { // before the model is read
		return nil, err
	}
	for _, name := range []string{"tune", "rank-align"} {
		if n := c.Int(name); n < 0 {
			return nil, usagef("--%s %d is negative", name, n)
		}
	}
	if plot := c.String("plot"); plot != "" {
		if err := checkPlot(plot); err != nil {
			return nil, err
		}
	}
	if r.out, r.save, err = output(c); err == nil {
		r.model, err = loadModel(r.c, r.in)
	}
	if err != nil {
		return nil, err
	}
	if c.String("data") != "" {
		if r.samples, err = openSamples(c, r.model); err != nil {
			return nil, err
		}
	}
	if r.samples != nil && len(r.model.Graph.Nodes) > 0 {
		if err := fits(r.model, r.in, r.samples.train.Shape()); err != nil {
			return nil, err
		}
	}
	return r, r.checkTuning()
}

// checkTuning rejects, before any work, what needs data that is not given.
func (r *lowrankRun) checkTuning() error {
	switch {
	case r.samples != nil:
		return nil
	case r.c.Int("tune") > 0:
		return usagef("--tune needs --data")
	case r.c.Float64("max-drop") > 0:
		return usagef("--max-drop needs --data with labels")
	case r.c.String("calibrate") != "" && !strings.HasPrefix(r.c.String("calibrate"), "random"):
		return usagef("--calibrate %s needs --data; --calibrate random does not", r.c.String("calibrate"))
	}
	return nil
}

// config resolves the flags.
func (r *lowrankRun) config() (lowrank.Config, error) {
	c := r.c
	cfg := lowrank.Config{Method: c.String("method"), Align: c.Int("rank-align"), Seed: c.Uint64("seed"), DryRun: c.Bool("dry-run"),
		AllowMACs: c.Bool("allow-macs"), Tradeoff: c.String("plot") != ""}
	var err error
	if cfg.Policy, err = policy(c); err != nil {
		return cfg, err
	}
	if cfg.Include, err = pattern(c, "include"); err != nil {
		return cfg, err
	}
	if cfg.Exclude, err = pattern(c, "exclude"); err != nil {
		return cfg, err
	}
	if cfg.Memory, err = size(c.String("memory")); err != nil {
		return cfg, err
	}
	switch {
	case c.Bool("latency"):
		cfg.Guard = lowrank.Latency
	case c.Int64("macs") > 0:
		cfg.Guard = lowrank.MACs
	}
	if len(r.model.Graph.Nodes) == 0 {
		if err := r.linearWeights(&cfg); err != nil {
			return cfg, err
		}
	}
	if c.Float64("max-drop") > 0 {
		if err := r.holdOut(&cfg); err != nil {
			return cfg, err
		}
	}
	cfg.Bytes, cfg.Frozen = r.paramBytes, c.Int("tune") == 0
	cfg.Calibration, err = r.calibration()
	return cfg, err
}

// linearWeights prepares a file that has weights and no graph.
func (r *lowrankRun) linearWeights(cfg *lowrank.Config) error {
	if r.c.IsSet("method") && cfg.Method != "svd" {
		return usagef("%s has no graph: its matrices can be factorised by --method svd only", r.in)
	}
	if r.samples != nil {
		return usagef("%s has no graph to run --data through: leave --data out", r.in)
	}
	if ext := filepath.Ext(r.out); r.out != "" && ext != ".safetensors" && ext != ".json" {
		return usagef("%s has no graph: write the factors to .safetensors", r.in)
	}
	cfg.Method, r.linear = "svd", true
	n, err := safetensors.AddLinear(r.model, cfg.Include)
	if err != nil {
		return asUsage(err)
	}
	say(r.c, "%d matrices without a graph: only the weights' own errors are known", n)
	return nil
}

// calibration returns the batches that errors are weighed with, nil for none.
func (r *lowrankRun) calibration() (lowrank.Batches, error) {
	text := r.c.String("calibrate")
	if text == "" {
		return nil, nil
	}
	name, count, _ := strings.Cut(text, ":")
	n := 1024
	if name != "random" {
		count = text
	}
	if count != "" {
		v, err := strconv.Atoi(count)
		if err != nil || v < 1 {
			return nil, usagef("--calibrate %q is neither a number of samples nor random[:N]", text)
		}
		n = v
	}
	if name == "random" {
		say(r.c, "calibrating with noise: weaker than with data, as real inputs are not like it")
		return randomBatches(r.model, n, r.c.Uint64("seed"))
	}
	some, _ := dataset.SplitAt(r.samples.train, n, r.c.Uint64("seed"))
	if b := r.model.Graph.FixedBatch(); b > 0 && some.Len()%b > 0 {
		say(r.c, "calibrating with %d samples, as the model takes %d at a time", some.Len()/b*b, b)
	}
	return setBatches(r.model, dataset.Unlabelled(some), r.samples.norm)
}

func pattern(c *cli.Context, flag string) (*regexp.Regexp, error) {
	text := c.String(flag)
	if text == "" {
		return nil, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, usagef("--%s: %w", flag, err)
	}
	return re, nil
}

// factorised is the JSON result.
type factorised struct {
	*lowrank.Report
	Output string `json:"output"`

	Tuned          *fitted  `json:"tuned,omitempty"`
	AccuracyBefore *float64 `json:"accuracy_before,omitempty"`
	Accuracy       *float64 `json:"accuracy,omitempty"` // before tuning
}

// finish measures, tunes and writes the small model.
func (r *lowrankRun) finish(small *graph.Model, res *factorised) error {
	if r.linear {
		if err := safetensors.CollectFactors(small); err != nil {
			return err
		}
		return r.write(small, res)
	}
	note(small, map[string]string{"factorised": r.in})
	noteAccuracy(small, train.Eval{}) // the original's is not this model's
	if r.samples != nil && r.samples.test.Classes() > 0 {
		if err := r.measure(small, res); err != nil {
			return err
		}
	} else {
		r.unverified()
	}
	if r.c.Int("tune") == 0 {
		return r.write(small, res)
	}
	var err error
	if res.Tuned, err = r.tune(small, res.Report); err == nil {
		res.FileBytesAfter = &res.Tuned.FileBytes
	}
	return err
}

// unverified says what nobody checked.
func (r *lowrankRun) unverified() {
	if ops := r.model.UnknownOps(); len(ops) > 0 {
		say(r.c, "not verified: accuracy, outputs, and costs behind operators that the engine cannot run: %s; each weight's own error is exact", strings.Join(ops, ", "))
		return
	}
	say(r.c, "the accuracy was not verified: give --data with labels")
}

func (r *lowrankRun) write(small *graph.Model, res *factorised) error {
	if err := r.keepsDrop(small); err != nil {
		return err
	}
	n, err := saveModel(r.c, r.out, small, r.save)
	if err == nil {
		res.FileBytesAfter = &n
	}
	return err
}

// measure adds the accuracies on the test part, before and after with the weights as they are stored.
func (r *lowrankRun) measure(small *graph.Model, res *factorised) error {
	before, err := r.accuracy(r.model)
	if err != nil {
		return err
	}
	stored, err := asStored(r.out, small, r.save)
	if err != nil {
		return err
	}
	after, err := r.accuracy(stored)
	if err != nil {
		return err
	}
	res.AccuracyBefore, res.Accuracy = &before.Accuracy, &after.Accuracy
	noteAccuracy(small, after)
	say(r.c, "test accuracy %.4f, factorised %.4f", before.Accuracy, after.Accuracy)
	return nil
}

func (r *lowrankRun) accuracy(m *graph.Model) (train.Eval, error) {
	return train.Accuracy(r.c.Context, m, r.samples.test, train.PredictConfig{Normalize: r.samples.norm})
}

func (f *factorised) text(w io.Writer) error {
	fmt.Fprint(w, f.Report.String())
	if f.AccuracyBefore != nil {
		fmt.Fprintf(w, "test accuracy %.4f, factorised %.4f", *f.AccuracyBefore, *f.Accuracy)
		if f.Tuned != nil {
			fmt.Fprintf(w, ", tuned %.4f", f.Tuned.Accuracy)
		}
		fmt.Fprintln(w)
	}
	if f.FileBytesAfter == nil {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s: %s, was %s\n", f.Output, bench.Bytes(*f.FileBytesAfter), bench.Bytes(f.FileBytesBefore))
	return err
}

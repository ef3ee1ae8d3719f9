package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/format/safetensors"
	"github.com/compress-toolkit/compress/lowrank"
	"github.com/compress-toolkit/compress/teacher"
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
		&cli.StringFlag{Name: "budget", Usage: "`SIZE` of all parameters, as 2MB"},
		&cli.Int64Flag{Name: "macs", Usage: "multiply-accumulates of the whole model for one sample"},
		&cli.Float64Flag{Name: "max-drop", Usage: "the smallest model that loses at most `POINTS` percentage points of accuracy on held-out samples of --data"},
		&cli.BoolFlag{Name: "latency", Usage: "leave sites dense that do not get faster as measured"},
		&cli.StringFlag{Name: "include", Usage: "only sites whose name matches `REGEX`"},
		&cli.StringFlag{Name: "exclude", Usage: "no sites whose name matches `REGEX`"},
		&cli.StringFlag{Name: "calibrate", Usage: "weigh errors by `N` samples of --data; random[:N] takes noise instead, which is weaker"},
		&cli.IntFlag{Name: "rank-align", Usage: "round ranks to multiples of `N`"},
		&cli.StringFlag{Name: "memory", Value: "2GiB", Usage: "`SIZE` of memory for factoring, besides the model"},
		&cli.IntFlag{Name: "tune", Usage: "`EPOCHS` of training with the original as the teacher"},
		&cli.Float64Flag{Name: "temperature", Value: 4, Usage: "T of the soft targets when tuning"},
		&cli.Float64Flag{Name: "hard-weight", Value: 0.1, Usage: "weight of the cross-entropy with the labels when tuning"},
		&cli.Float64Flag{Name: "soft-weight", Value: 0.9, Usage: "weight of the soft targets when tuning"},
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
	small, rep, err := lowrank.Run(c.Context, r.model, cfg)
	if err != nil {
		return err
	}
	res := &factorised{Report: rep, Output: r.out}
	if rep.FileBytesBefore, err = fileSize(r.in); err != nil {
		return err
	}
	if !c.Bool("dry-run") {
		if err := r.finish(small, res); err != nil {
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
	if !c.Bool("dry-run") || c.String("o") != "" {
		if r.out, err = required(c, "o"); err == nil {
			err = checkOutput(r.out)
		}
	}
	if err == nil {
		r.save, err = storage(c.String("dtype"))
	}
	if err == nil {
		r.model, err = loadModel(r.in)
	}
	if err != nil {
		return nil, err
	}
	if c.String("data") != "" {
		if r.samples, err = openSamples(c, r.model); err != nil {
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
	cfg := lowrank.Config{Method: c.String("method"), Align: c.Int("rank-align"), Seed: c.Uint64("seed"), DryRun: c.Bool("dry-run")}
	var err error
	if cfg.Include, err = pattern(c, "include"); err != nil {
		return cfg, err
	}
	if cfg.Exclude, err = pattern(c, "exclude"); err != nil {
		return cfg, err
	}
	if cfg.Memory, err = size(c.String("memory")); err != nil {
		return cfg, err
	}
	if cfg.Policy, err = policy(c); err != nil {
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
		r.holdOut(&cfg)
	}
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

// holdOut takes the validation part, or a tenth of the training samples, for --max-drop.
func (r *lowrankRun) holdOut(cfg *lowrank.Config) {
	s := r.samples
	if r.held = s.val; r.held == nil {
		const most = 5000 // enough for a standard error of 0.3 points at 95 %
		r.held, s.train = dataset.SplitAt(s.train, min(most, s.train.Len()/10), r.c.Uint64("seed"))
	}
	say(r.c, "accuracy is measured on %d samples held out of training", r.held.Len())
	cfg.Evaluate = func(ctx context.Context, m *graph.Model) (float64, error) {
		e, err := train.Accuracy(ctx, m, r.held, train.PredictConfig{Normalize: s.norm})
		return e.Accuracy, err
	}
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
	return setBatches(r.model, dataset.Unlabelled(some), r.samples.norm), nil
}

// calibrationBatch is the number of samples that run at once.
const calibrationBatch = 128

// setBatches yields a set's samples as the model's first input.
func setBatches(m *graph.Model, set dataset.Set, norm *dataset.Normalize) lowrank.Batches {
	return func(ctx context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
		return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
			l, err := dataset.NewLoader(set, dataset.LoaderConfig{Batch: min(calibrationBatch, set.Len()), Normalize: norm, Epochs: 1})
			if err != nil {
				yield(nil, err)
				return
			}
			defer l.Close()
			l.Start(ctx, dataset.Cursor{})
			for range l.BatchesPerEpoch() {
				b, err := l.Next(ctx)
				if err != nil {
					yield(nil, err)
					return
				}
				more := yield(map[graph.Value]*tensor.Tensor{m.Graph.Inputs[0].Name: b.X}, nil)
				b.Release()
				if !more {
					return
				}
			}
		}
	}
}

// randomBatches yields standard normal float inputs, small counts of others.
func randomBatches(m *graph.Model, n int, seed uint64) (lowrank.Batches, error) {
	batch := min(n, calibrationBatch)
	params := m.Graph.ParamIndex()
	in := map[graph.Value]*tensor.Tensor{}
	for _, p := range m.Graph.Inputs {
		if params[p.Name] != nil {
			continue
		}
		s, err := p.Resolve(m.Graph.Uniform(batch))
		if err != nil || p.DType != tensor.F32 {
			return nil, usagef("--calibrate random: input %q is %v%v, want float32 of a known shape", p.Name, p.DType, p.Shape)
		}
		in[p.Name] = tensor.New(tensor.F32, s)
	}
	return func(context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
		return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
			for i := range (n + batch - 1) / batch {
				for name, t := range in {
					r := tensor.NewRand(seed, "calibrate", string(name)).Sub(uint64(i))
					for j := range t.F32s() {
						t.F32s()[j] = float32(r.Normal(uint64(j)))
					}
				}
				if !yield(in, nil) {
					return
				}
			}
		}
	}, nil
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

// policyFlags are the flags of which at most one may be given.
var policyFlags = []string{"rank", "keep", "energy", "epsilon", "vbmf", "budget", "macs", "max-drop"}

// policy resolves the flag that says how ranks are chosen; half of the parameters
// are kept when none is given.
func policy(c *cli.Context) (lowrank.RankPolicy, error) {
	var given []string
	for _, f := range policyFlags {
		if c.IsSet(f) {
			given = append(given, "--"+f)
		}
	}
	if len(given) > 1 {
		return nil, usagef("%s: give one of them", strings.Join(given, " and "))
	}
	if len(given) == 0 {
		return lowrank.Keep{Fraction: 0.5, Uniform: c.Bool("uniform")}, nil
	}
	fraction := func(name string) (float64, error) {
		v := c.Float64(name)
		if !(v > 0 && v <= 1) {
			return 0, usagef("--%s %g is not above 0 and at most 1", name, v)
		}
		return v, nil
	}
	switch given[0] {
	case "--rank":
		ranks, err := parseRanks(c.String("rank"))
		return lowrank.FixedRank{Ranks: ranks}, err
	case "--keep":
		v, err := fraction("keep")
		return lowrank.Keep{Fraction: v, Uniform: c.Bool("uniform")}, err
	case "--energy":
		v, err := fraction("energy")
		return lowrank.Energy{Kept: v}, err
	case "--epsilon":
		v, err := fraction("epsilon")
		return lowrank.Epsilon{Error: v}, err
	case "--vbmf":
		return lowrank.VBMF{}, nil
	case "--budget":
		v, err := size(c.String("budget"))
		return lowrank.Budget{By: lowrank.Bytes, Total: v}, err
	case "--macs":
		if c.Int64("macs") < 1 {
			return nil, usagef("--macs %d is not positive", c.Int64("macs"))
		}
		return lowrank.Budget{By: lowrank.MACs, Total: c.Int64("macs")}, nil
	}
	if v := c.Float64("max-drop"); !(v > 0 && v <= 100) {
		return nil, usagef("--max-drop %g percentage points is not above 0 and at most 100", v)
	}
	return lowrank.MaxDrop{Points: c.Float64("max-drop")}, nil
}

func parseRanks(text string) (lowrank.Ranks, error) {
	var ranks lowrank.Ranks
	for _, part := range strings.Split(text, ",") {
		v, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || v < 1 {
			return nil, usagef("--rank %q: want positive numbers", text)
		}
		ranks = append(ranks, v)
	}
	return ranks, nil
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
	var err error
	if r.linear {
		if err := safetensors.CollectFactors(small); err != nil {
			return err
		}
	}
	if r.samples != nil && r.samples.test.Classes() > 0 {
		if err := r.measure(small, res); err != nil {
			return err
		}
	} else if !r.linear {
		say(r.c, "the accuracy was not verified: give --data with labels")
	}
	if small.Meta == nil {
		small.Meta = map[string]string{}
	}
	if !r.linear {
		small.Meta["factorised"] = r.in
	}
	if r.c.Int("tune") > 0 {
		if res.Tuned, err = r.tune(small); err != nil {
			return err
		}
		res.FileBytesAfter = res.Tuned.FileBytes
		return nil
	}
	res.FileBytesAfter, err = saveModel(r.c, r.out, small, r.save)
	return err
}

// measure adds the accuracies on the test part, before and after.
func (r *lowrankRun) measure(small *graph.Model, res *factorised) error {
	for m, to := range map[*graph.Model]**float64{r.model: &res.AccuracyBefore, small: &res.Accuracy} {
		e, err := train.Accuracy(r.c.Context, m, r.samples.test, train.PredictConfig{Normalize: r.samples.norm})
		if err != nil {
			return err
		}
		*to = &e.Accuracy
	}
	say(r.c, "test accuracy %.4f, factorised %.4f", *res.AccuracyBefore, *res.Accuracy)
	return nil
}

// tune trains the factorised model with the original as its teacher.
func (r *lowrankRun) tune(small *graph.Model) (*fitted, error) {
	classes, err := classesOf(r.model, r.in)
	if err != nil {
		return nil, err
	}
	norm := r.samples.norm
	net := &teacher.Network{Name: r.in, Model: r.model, Normalize: norm, Batches: norm}
	ens, err := teacher.NewEnsemble([]*teacher.Network{net}, nil, "")
	if err != nil {
		return nil, err
	}
	obj, err := distillObjective(r.c, ens, classes, r.samples, distill.SoftTargets{})
	if err != nil {
		return nil, err
	}
	say(r.c, "objective: %s", obj.Describe())
	return fit(r.c, small, obj, r.samples, r.out)
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
	if f.FileBytesAfter == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s: %s, was %s\n", f.Output, bench.Bytes(f.FileBytesAfter), bench.Bytes(f.FileBytesBefore))
	return err
}

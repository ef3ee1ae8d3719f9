package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/format"
)

// fitDefaults are the training flags' defaults, which differ between commands.
type fitDefaults struct {
	epochs    int
	optimizer string
	lr        float64
	schedule  string
}

// fitFlags are the flags of every command that trains.
func fitFlags(d fitDefaults) []cli.Flag {
	return append(watchFlags(), []cli.Flag{
		&cli.IntFlag{Name: "epochs", Value: d.epochs, Usage: "passes over the training samples; train with 0 writes the fresh weights"},
		&cli.IntFlag{Name: "batch", Value: 128, Usage: "samples of one update"},
		&cli.IntFlag{Name: "accumulate", Value: 1, Usage: "parts that a batch is cut into to save memory"},
		&cli.StringFlag{Name: "optimizer", Value: d.optimizer, Usage: "one of " + fmt.Sprint(optim.Names())},
		&cli.Float64Flag{Name: "lr", Value: d.lr, Usage: "learning rate"},
		&cli.Float64Flag{Name: "momentum", Usage: "of momentum and nesterov; 0.9 when 0"},
		&cli.StringFlag{Name: "schedule", Value: d.schedule, Usage: "constant, step:EPOCH,..,GAMMA, exp:G, cosine[:FLOOR], linear[:FLOOR], onecycle[:PEAK]; warmup:EPOCHS;... in front"},
		&cli.Float64Flag{Name: "weight-decay", Usage: "L2 penalty on weights, not on biases and normalisation"},
		&cli.Float64Flag{Name: "max-norm", Usage: "limit on the norm of the weights into one unit; 0 is none"},
		&cli.Float64Flag{Name: "clip-norm", Usage: "limit on the norm of the gradient; 0 is none"},
		&cli.StringFlag{Name: "augment", Usage: "as crop=4,flip or jitter=2; views=N repeats after N epochs; behind them mixup, cutmix or both, for distillation without labels"},
		&cli.StringFlag{Name: "checkpoint", Usage: "`DIR` for the run's state"},
		&cli.DurationFlag{Name: "checkpoint-every", Value: 30 * time.Second, Usage: "time between checkpoints within an epoch; there is one after every epoch too"},
		&cli.BoolFlag{Name: "resume", Usage: "go on from the checkpoint, if there is one"},
		&cli.IntFlag{Name: "patience", Usage: "stop after so many epochs without a better validation accuracy; needs ;val= in --data"},
		&cli.StringFlag{Name: "dtype", Usage: "storage of weights: f32, f16, bf16 or int8"},
	}...)
}

// samples is the data of a run.
type samples struct {
	spec             dataset.Spec
	train, val, test dataset.Set // val may be nil
	norm             *dataset.Normalize
}

// openSamples opens the parts of --data. Without mean= and std= the
// normalisation is that of ref, or is measured when ref is nil.
func openSamples(c *cli.Context, ref *graph.Model) (*samples, error) {
	text, err := required(c, "data")
	if err != nil {
		return nil, err
	}
	s := &samples{}
	if s.spec, err = dataset.Parse(text); err != nil {
		return nil, err
	}
	if s.train, s.val, err = s.spec.OpenTraining(dirs(c)); err != nil {
		return nil, err
	}
	if s.test, err = s.spec.Open(dataset.Test, dirs(c)); err != nil {
		return nil, err
	}
	if ref != nil {
		s.norm, err = normalization(ref, s.spec)
		return s, err
	}
	if s.norm, err = s.spec.Normalize(); err != nil || s.norm != nil {
		return s, err
	}
	const enough = 10000 // samples for a mean and a standard deviation
	n, err := dataset.Measure(s.train, enough)
	s.norm = &n
	return s, err
}

// fitted is the JSON result of train and distill.
type fitted struct {
	Version          int     `json:"version"`
	Epochs           int     `json:"epochs"`
	Steps            int     `json:"steps"`
	TrainLoss        float64 `json:"train_loss"`
	Accuracy         float64 `json:"accuracy"`
	Correct          int     `json:"correct"`
	Total            int     `json:"total"`
	SamplesPerSecond float64 `json:"samples_per_second"`
	Seconds          float64 `json:"seconds"`
	FileBytes        int64   `json:"file_bytes"`

	Output  string        `json:"output"`
	Data    string        `json:"data"`
	Formula string        `json:"objective"`
	History []epochResult `json:"history"`
}

func (f *fitted) text(w io.Writer) error {
	accuracy := "no labels to measure accuracy"
	if f.Total > 0 {
		accuracy = fmt.Sprintf("accuracy %.4f (%d of %d)", f.Accuracy, f.Correct, f.Total)
	}
	_, err := fmt.Fprintf(w, "%s: %s, %s, train loss %.4g, %d epochs in %.1f s (%.0f samples/s)\n",
		f.Output, bench.Bytes(f.FileBytes), accuracy, f.TrainLoss, f.Epochs, f.Seconds, f.SamplesPerSecond)
	return err
}

// trainConfig resolves the training flags.
func trainConfig(c *cli.Context, m *graph.Model, obj train.Objective, s *samples) (train.Config, error) {
	cfg := train.Config{
		Model: m, Objective: obj, Data: s.train, Normalize: s.norm,
		Epochs: epochs(c), Batch: c.Int("batch"), Accumulate: c.Int("accumulate"),
		LR: c.Float64("lr"), WeightDecay: c.Float64("weight-decay"), MaxNorm: c.Float64("max-norm"),
		ClipNorm: c.Float64("clip-norm"), Patience: c.Int("patience"), Seed: c.Uint64("seed"),
		Checkpoint: checkpoint(c),
	}
	if cfg.Epochs < 1 || cfg.Batch < 1 {
		return cfg, usagef("%d epochs, batches of %d: both must be at least 1", cfg.Epochs, cfg.Batch)
	}
	err := checkResume(cfg)
	if err != nil {
		return cfg, err
	}
	if cfg.Augment, err = dataset.ParseAugments(c.String("augment")); err != nil {
		return cfg, asUsage(err)
	}
	if cfg.Optimizer, err = optim.New(optim.Config{Name: c.String("optimizer"), Momentum: c.Float64("momentum")}); err != nil {
		return cfg, asUsage(err)
	}
	if cfg.Schedule, err = optim.ParseSchedule(c.String("schedule")); err != nil {
		return cfg, asUsage(err)
	}
	if err := cutBatches(&cfg); err != nil {
		return cfg, err
	}
	err = s.validate(&cfg)
	return cfg, err
}

// cutBatches cuts batches into parts of the number of samples that the model takes, where it takes no other.
func cutBatches(cfg *train.Config) error {
	n := cfg.Model.Graph.FixedBatch()
	if n == 0 {
		return nil
	}
	if cfg.Data.Len() < n {
		return usagef("%d samples to train on: the model takes %d at a time", cfg.Data.Len(), n)
	}
	if cfg.Batch = min(cfg.Batch, cfg.Data.Len()/n*n); cfg.Batch%n != 0 {
		return usagef("--batch %d is no multiple of %d, the number of samples that the model takes at a time", cfg.Batch, n)
	}
	cfg.Accumulate, cfg.DropLast = cfg.Batch/n, true
	return nil
}

// checkpoint says where and how often the run's state is kept.
func checkpoint(c *cli.Context) train.Checkpoint {
	return train.Checkpoint{Dir: c.String("checkpoint"), Every: c.Duration("checkpoint-every"), Resume: c.Bool("resume")}
}

// checkResume rejects --resume without a checkpoint.
func checkResume(cfg train.Config) error {
	if cfg.Checkpoint.Resume && cfg.Checkpoint.Dir == "" {
		return usagef("--resume needs --checkpoint DIR")
	}
	return nil
}

// epochs is --epochs, or --tune of the command that tunes.
func epochs(c *cli.Context) int {
	if n := c.Int("tune"); n > 0 {
		return n
	}
	return c.Int("epochs")
}

// progressHooks shows a run on the bar.
func progressHooks(c *cli.Context) train.Hooks {
	b := bar(c)
	begin := time.Now()
	return train.Hooks{
		Step: func(i train.StepInfo) {
			b.Update(i.Epoch/i.Epochs, func() string {
				rate := float64(i.Samples) / time.Since(begin).Seconds()
				return fmt.Sprintf("epoch %.2f/%.0f loss %.4f lr %.3g %.0f samples/s", i.Epoch, i.Epochs, i.Loss, i.LR, rate)
			})
		},
		Epoch: func(i train.EpochInfo) {
			line := fmt.Sprintf("epoch %d: train loss %.4f", i.Epoch, i.TrainLoss)
			if i.Eval != nil {
				line += fmt.Sprintf(", validation accuracy %.4f", i.Eval.Accuracy)
			}
			b.Println(line)
		},
	}
}

// fit trains m, measures it on the test part and writes it to out; with 0 epochs it writes m as it is.
func fit(c *cli.Context, m *graph.Model, obj train.Objective, s *samples, out string) (*fitted, error) {
	save, err := storage(c.String("dtype"))
	if err != nil {
		return nil, err
	}
	if c.Int("epochs") == 0 {
		return finishFit(c, m, obj, s, out, save, nil)
	}
	cfg, err := trainConfig(c, m, obj, s)
	if err != nil {
		return nil, err
	}
	res, err := runTraining(c, cfg)
	if err != nil {
		return nil, err
	}
	return finishFit(c, m, obj, s, out, save, []*train.Result{res})
}

// runTraining trains with progress on the bar.
func runTraining(c *cli.Context, cfg train.Config) (*train.Result, error) {
	cfg.Hooks = progressHooks(c)
	w, err := watch(c, cfg.Checkpoint.Resume)
	if err != nil {
		return nil, err
	}
	if w != nil {
		defer w.close()
		cfg.Hooks = w.wrap(cfg.Hooks)
	}
	res, err := train.Run(c.Context, cfg)
	if errors.Is(err, context.Canceled) && cfg.Checkpoint.Dir != "" {
		return nil, withHint(fmt.Errorf("interrupted, checkpoint saved in %s: %w", cfg.Checkpoint.Dir, err), "run the same command with --resume")
	}
	return res, err
}

// finishFit measures the trained model, its weights as they are stored, on the test part and writes it to out.
func finishFit(c *cli.Context, m *graph.Model, obj train.Objective, s *samples, out string, save format.SaveOptions, runs []*train.Result) (*fitted, error) {
	var eval train.Eval
	if s.test.Classes() > 0 {
		stored, err := asStored(out, m, save)
		if err == nil {
			eval, err = train.Accuracy(c.Context, stored, s.test, train.PredictConfig{Normalize: s.norm})
		}
		if err != nil {
			return nil, err
		}
	}
	describe(m, s, eval)
	bytes, err := saveModel(c, out, m, save)
	if err != nil {
		return nil, err
	}
	f := &fitted{
		Version: 1, Accuracy: eval.Accuracy, Correct: eval.Correct, Total: eval.Total, FileBytes: bytes,
		Output: out, Data: s.spec.String(),
	}
	f.count(runs)
	if d, ok := obj.(train.Described); ok {
		f.Formula = d.Describe()
	}
	return f, nil
}

// count adds up what the runs of all stages took; the loss is the last one's.
func (f *fitted) count(runs []*train.Result) {
	samples := 0
	for i, r := range runs {
		f.Epochs, f.Steps, f.Seconds = f.Epochs+r.Epochs, f.Steps+r.Steps, f.Seconds+r.Seconds
		f.TrainLoss = r.TrainLoss
		samples += r.Samples
		for _, e := range r.History {
			f.History = append(f.History, epochResult{EpochInfo: e, Stage: stageNumber(i, len(runs))})
		}
	}
	if f.Seconds > 0 {
		f.SamplesPerSecond = float64(samples) / f.Seconds
	}
}

// stageNumber is i+1, or 0 where there is but one stage.
func stageNumber(i, of int) int {
	if of == 1 {
		return 0
	}
	return i + 1
}

// epochResult is an epoch of a stage.
type epochResult struct {
	train.EpochInfo
	Stage int `json:"stage,omitempty"`
}

// note adds to what the model says about itself.
func note(m *graph.Model, what map[string]string) {
	if m.Meta == nil {
		m.Meta = map[string]string{}
	}
	maps.Copy(m.Meta, what)
}

// describe notes in the model what its user must know.
func describe(m *graph.Model, s *samples, e train.Eval) {
	note(m, nil)
	if s.norm != nil {
		m.Meta[metaNormalize] = s.norm.String()
	}
	m.Meta["data"] = s.spec.String()
	noteAccuracy(m, e)
}

// noteAccuracy replaces the accuracy that the model tells of by that of e; without samples it tells of none.
func noteAccuracy(m *graph.Model, e train.Eval) {
	delete(m.Meta, metaAccuracy)
	if e.Total > 0 {
		note(m, map[string]string{metaAccuracy: fmt.Sprintf("%.4f (%d of %d)", e.Accuracy, e.Correct, e.Total)})
	}
}

// plan is the JSON result of a dry run.
type plan struct {
	Version         int               `json:"version"`
	Config          map[string]string `json:"config"`
	Params          int64             `json:"params"`
	ParamBytes      int64             `json:"param_bytes"`
	MACs            int64             `json:"macs"`
	TrainingBytes   int64             `json:"training_bytes"` // parameters, gradients, optimizer state, activations
	Updates         int               `json:"updates"`
	SecondsEstimate float64           `json:"seconds_estimate"`
	Recipe          string            `json:"recipe,omitempty"` // the resolved stages
}

// dryRun compiles and times a few training steps of each stage on copies, and writes
// nothing. The costs are those of the last stage's network.
func dryRun(c *cli.Context, stages []train.Config, recipe string) error {
	m := stages[len(stages)-1].Model
	cost, _, err := m.Cost(m.Graph.Uniform(1))
	if err != nil {
		return err
	}
	p := plan{Version: 1, Config: flagValues(c), Recipe: recipe, Params: cost.Params, ParamBytes: 4 * cost.Params, MACs: cost.MACs}
	for _, cfg := range stages {
		if err := p.try(c.Context, cfg); err != nil {
			return err
		}
	}
	return emit(c, p, p.text)
}

// try adds the estimates for one stage.
func (p *plan) try(ctx context.Context, cfg train.Config) error {
	const updates = 8
	trial := cfg
	trial.Model, trial.Checkpoint, trial.Evaluate, trial.KeepBest, trial.Patience = cfg.Model.DeepClone(), train.Checkpoint{}, nil, false, 0
	trial.Data, trial.Epochs = dataset.Limit(cfg.Data, updates*cfg.Batch), 1
	res, err := train.Run(ctx, trial)
	if err != nil {
		return err
	}
	n := (cfg.Data.Len() + cfg.Batch - 1) / cfg.Batch * cfg.Epochs
	p.TrainingBytes = max(p.TrainingBytes, res.MemoryBytes)
	p.Updates += n
	p.SecondsEstimate += res.Seconds / float64(res.Steps) * float64(n)
	return nil
}

// flagValues returns the resolved flags.
func flagValues(c *cli.Context) map[string]string {
	out := map[string]string{}
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		switch v := c.Value(name).(type) {
		case nil:
		case cli.StringSlice:
			out[name] = strings.Join(v.Value(), " ")
		default:
			out[name] = fmt.Sprint(v)
		}
	}
	return out
}

func (p plan) text(w io.Writer) error {
	for _, name := range sortedKeys(p.Config) {
		if v := p.Config[name]; v != "" {
			fmt.Fprintf(w, "%s: %s\n", name, v)
		}
	}
	_, err := fmt.Fprintf(w, "\n%d parameters (%s), %s MACs for one sample, %s while training, %d updates, about %s\n",
		p.Params, bench.Bytes(p.ParamBytes), bench.Count(p.MACs), bench.Bytes(p.TrainingBytes), p.Updates,
		time.Duration(p.SecondsEstimate*float64(time.Second)).Round(time.Second))
	return err
}

package train

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"time"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Objective is what a run minimises.
type Objective interface {
	// Build adds the loss, a value with one element, and the inputs it needs to
	// the training copy of the model, and returns it. The model's first input is
	// fed by the loop.
	Build(b *graph.Builder, m *graph.Model) (loss graph.Value, err error)
	// Feed fills the objective's inputs for a batch.
	Feed(ctx context.Context, batch *dataset.Batch, at At, in Feeds) error
}

// Metered is an Objective that wants values with one element, such as the parts
// of its loss, averaged and reported under these names.
type Metered interface {
	Metrics() map[string]graph.Value
}

// Labelled is an Objective that says whether a sample without a label is of no use to it.
type Labelled interface{ NeedsLabels() bool }

// Described is an Objective whose settings a resumed run must share.
type Described interface{ Describe() string }

// Feeds gives the tensor behind an input, to be filled.
type Feeds interface {
	Tensor(graph.Value) *tensor.Tensor
}

// At is a point of a run, for schedules.
type At struct {
	Step, Steps   int     // updates done and planned
	Epoch, Epochs float64 // with fractions
}

// Config describes a run. Model, Objective, Data and Optimizer are required.
type Config struct {
	Model     *graph.Model // trained in place
	Objective Objective
	Data      dataset.Set
	Augment   []dataset.Augment
	Normalize *dataset.Normalize

	Epochs     int // 1 when zero
	Batch      int // samples of one update, 128 when zero
	Accumulate int // parts that a batch is cut into to save memory; 1 when zero
	Sequential bool
	DropLast   bool // leave out the last, smaller batch of an epoch

	Optimizer   optim.Optimizer
	LR          float64
	Schedule    optim.Schedule // constant when nil
	WeightDecay float64
	DecayAll    bool                      // decay biases and normalisation parameters too, not only tensors of rank 2 and more
	LRScale     func(graph.Value) float64 // factor on a parameter's learning rate; 0 freezes it; nil means 1
	MaxNorm     float64                   // limit on the norm of the weights into one unit; 0 is none
	ClipNorm    float64                   // limit on the gradient's global norm; 0 is none
	ClipValue   float64                   // limit on each gradient's absolute value; 0 is none

	Evaluate func(context.Context, *graph.Model) (Eval, error) // after every epoch when set
	KeepBest bool                                              // end with the weights of the best evaluation
	Patience int                                               // stop after so many epochs without a better evaluation; 0 is never
	Hooks    Hooks
	Seed     uint64
	Pool     *kernel.Pool
	Checkpoint
}

// Checkpoint says where a run's state is kept.
type Checkpoint struct {
	Dir    string        // none when empty
	Every  time.Duration // between checkpoints within an epoch; 30 s when zero. One is written after every epoch too
	Steps  int           // also after so many updates; for tests
	Resume bool          // go on from the checkpoint in Dir, if there is one
	// Of is what else a resumed run must share, by names for people, such as a teacher's hash.
	Of map[string]string
}

// Hooks carry progress out; nil ones are skipped.
type Hooks struct {
	Step  func(StepInfo)
	Epoch func(EpochInfo)
}

// StepInfo is what is known after an update.
type StepInfo struct {
	At
	Loss, LR, GradNorm float64
	Samples            int // since the run or its resumption began
}

// EpochInfo is what is known after an epoch.
type EpochInfo struct {
	Epoch     int                `json:"epoch"` // from 1
	TrainLoss float64            `json:"train_loss"`
	Metrics   map[string]float64 `json:"metrics,omitempty"`
	LR        float64            `json:"lr"`
	Eval      *Eval              `json:"eval,omitempty"`
	Best      bool               `json:"best,omitempty"`
}

// Result is what a run leaves besides the trained model.
type Result struct {
	Epochs, Steps    int
	TrainLoss        float64 // mean over the last epoch
	Best             *Eval   // the best evaluation
	BestEpoch        int
	History          []EpochInfo
	Samples          int     // seen in this process
	Seconds          float64 // spent training in this process, evaluation not counted
	StoppedEarly     bool
	ResumedFromEpoch float64
	MemoryBytes      int64 // parameters, gradients, optimizer state and activations of a step
}

// ErrDiverged is wrapped by the error of a run whose loss or gradient stopped
// being finite; the model keeps the weights from before that step.
var ErrDiverged = errors.New("training diverged")

// ErrConfig is wrapped by errors that another configuration avoids.
var ErrConfig = errors.New("bad training configuration")

// configError is an ErrConfig with a text of its own.
type configError struct{ error }

func (configError) Is(target error) bool { return target == ErrConfig }

func badConfig(format string, args ...any) error {
	return configError{fmt.Errorf("train: "+format, args...)}
}

// withDefaults fills zero values and rejects what cannot work.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Model == nil || c.Objective == nil || c.Data == nil || c.Optimizer == nil:
		return c, badConfig("Model, Objective, Data and Optimizer are required")
	case len(c.Model.Graph.Inputs) == 0:
		return c, badConfig("the model has no input")
	case c.Data.Len() == 0:
		return c, badConfig("data set %s is empty", c.Data.Name())
	}
	if err := c.checkNumbers(); err != nil {
		return c, err
	}
	c.Epochs, c.Batch, c.Accumulate = max(c.Epochs, 1), orInt(c.Batch, 128), max(c.Accumulate, 1)
	c.Batch = min(c.Batch, c.Data.Len())
	if c.Batch%c.Accumulate != 0 {
		return c, badConfig("a batch of %d cannot be cut into %d equal parts", c.Batch, c.Accumulate)
	}
	if c.Schedule == nil {
		c.Schedule = optim.Constant{}
	}
	if c.Pool == nil {
		c.Pool = kernel.Default()
	}
	if c.Checkpoint.Every == 0 {
		c.Checkpoint.Every = 30 * time.Second
	}
	if l, ok := c.Objective.(Labelled); ok && l.NeedsLabels() {
		if dataset.IsMixed(c.Augment) {
			return c, badConfig("augmentation %s: a mixture has no label; distil it without the loss on labels (hard weight 0)", dataset.AugmentsString(c.Augment))
		}
		if err := c.checkClasses(); err != nil {
			return c, err
		}
	}
	if (c.KeepBest || c.Patience > 0) && c.Evaluate == nil {
		return c, badConfig("KeepBest and Patience need Evaluate")
	}
	return c, nil
}

// checkClasses rejects labels beyond the classes of the model's first output, N x K.
func (c Config) checkClasses() error {
	inf, err := c.Model.InferAny()
	if err != nil || len(c.Model.Graph.Outputs) == 0 {
		return nil // building says so
	}
	out := c.Model.Graph.Outputs[0].Name
	if s := inf.Specs[out].Shape; len(s) == 2 && c.Data.Classes() > s[1] {
		return badConfig("data set %s has %d classes, the model's output %q %d", c.Data.Name(), c.Data.Classes(), out, s[1])
	}
	return nil
}

// Check rejects what no run can begin with, as Run does.
func (c Config) Check() error {
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	l, err := c.loader()
	if err == nil {
		l.Close()
	}
	return err
}

// loader returns the loader of a configuration with defaults.
func (c Config) loader() (*dataset.Loader, error) {
	return dataset.NewLoader(c.Data, dataset.LoaderConfig{
		Batch: c.Batch / c.Accumulate, Seed: c.Seed, Shuffle: !c.Sequential, DropLast: c.DropLast,
		Augment: c.Augment, Normalize: c.Normalize,
	})
}

// checkNumbers rejects numbers out of their range.
func (c Config) checkNumbers() error {
	if !(c.LR > 0) || math.IsInf(c.LR, 0) {
		return badConfig("learning rate %g is not a positive number", c.LR)
	}
	if c.Epochs < 0 || c.Batch < 0 || c.Accumulate < 0 || c.Patience < 0 {
		return badConfig("Epochs, Batch, Accumulate and Patience must not be negative")
	}
	for _, n := range []struct {
		name  string
		value float64
	}{{"weight-decay", c.WeightDecay}, {"max-norm", c.MaxNorm}, {"clip-norm", c.ClipNorm}, {"clip-value", c.ClipValue}} {
		if !notNegative(n.value) {
			return badConfig("%s %g is not a number of at least 0", n.name, n.value)
		}
	}
	return c.checkScales()
}

// checkScales rejects factors on the learning rate that leave nothing to train, or are none.
func (c Config) checkScales() error {
	if c.LRScale == nil {
		return nil
	}
	trains := false
	for _, p := range c.Model.Graph.Params {
		f := c.LRScale(p.Name)
		if p.Trainable && !notNegative(f) {
			return badConfig("the learning rate of %q times %g: the factor is not a number of at least 0", p.Name, f)
		}
		trains = trains || p.Trainable && f != 0
	}
	if !trains {
		return badConfig("all parameters are frozen: nothing is left to train")
	}
	return nil
}

func notNegative(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }

func orInt(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// fingerprint lists what a resumed run must share with the one that wrote the checkpoint.
func (r *run) fingerprint() map[string]string {
	c := r.c
	f := map[string]string{
		"data": c.Data.Name(), "samples": fmt.Sprint(c.Data.Len()), "augment": fmt.Sprint(c.Augment),
		"epochs": fmt.Sprint(c.Epochs), "batch": fmt.Sprint(c.Batch, c.Accumulate, c.Sequential, c.DropLast),
		"optimizer": fmt.Sprintf("%s %+v", c.Optimizer.Name(), c.Optimizer), "lr": fmt.Sprint(c.LR),
		"schedule": fmt.Sprintf("%T %+v", c.Schedule, c.Schedule), "seed": fmt.Sprint(c.Seed),
		"regularisation": fmt.Sprint(c.WeightDecay, c.DecayAll, c.MaxNorm, c.ClipNorm, c.ClipValue),
	}
	if c.Normalize != nil {
		f["normalisation"] = fmt.Sprintf("%+v", *c.Normalize)
	}
	if d, ok := c.Objective.(Described); ok {
		f["objective"] = d.Describe()
	}
	if text := r.scales(); text != "" {
		f["learning-rate factors"] = text
	}
	maps.Copy(f, c.Checkpoint.Of)
	return f
}

// scales identifies the factors on the learning rate, "" when all are 1.
func (r *run) scales() string {
	h := fnv.New64a()
	frozen, scaled := 0, 0
	for _, p := range r.copy.Graph.Params {
		f := r.lrScale(p.Name)
		switch {
		case !p.Trainable || f == 1:
			continue
		case f == 0:
			frozen++
		default:
			scaled++
		}
		fmt.Fprintf(h, "%q %v\n", p.Name, f)
	}
	if frozen+scaled == 0 {
		return ""
	}
	return fmt.Sprintf("%d frozen, %d scaled (%x)", frozen, scaled, h.Sum64())
}

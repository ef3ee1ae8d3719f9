package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

const runSamples, runClasses = 72, 4

// runNets are networks with what makes resuming hard: dropout, running statistics,
// augmentation, and wide enough that every kernel splits its work.
var runNets = map[string]struct {
	shape   tensor.Shape
	augment []dataset.Augment
	build   func(n *nn.Net, x graph.Value) graph.Value
}{
	"mlp": {tensor.Shape{1, 12, 12}, []dataset.Augment{dataset.Jitter{Pixels: 2}}, func(n *nn.Net, x graph.Value) graph.Value {
		h := n.Relu(n.Dense("fc1", n.Dropout("in", n.Flatten(x), 0.2), 300, nn.Dense{}))
		return n.Dense("fc2", n.Dropout("hidden", h, 0.5), runClasses, nn.Dense{})
	}},
	"conv": {tensor.Shape{3, 12, 12}, []dataset.Augment{dataset.Crop{Pad: 2}, dataset.Flip{}}, func(n *nn.Net, x graph.Value) graph.Value {
		h := n.Relu(n.BatchNorm("bn", n.Conv("conv", x, 24, nn.Conv{Kernel: 3, Same: true, NoBias: true})))
		h = n.BasicBlock("block", h, 32, 2, nn.ProjectShortcut)
		return n.Dense("fc", n.GlobalAveragePool(h), runClasses, nn.Dense{})
	}},
	"lstm": {tensor.Shape{9, 16}, nil, func(n *nn.Net, x graph.Value) graph.Value {
		return n.Dense("fc", n.Recurrent("lstm", x, 40, nn.Recurrent{}), runClasses, nn.Dense{})
	}},
}

// runConfig returns a run of three epochs of five updates, the last one smaller.
func runConfig(t *testing.T, name string) train.Config {
	t.Helper()
	net := runNets[name]
	n := nn.New(name, 1)
	dims := []any{"N"}
	for _, d := range net.shape {
		dims = append(dims, d)
	}
	n.Output(net.build(n, n.Input("x", tensor.F32, dims...)))
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	opt, err := optim.New(optim.Config{Name: "adam"})
	if err != nil {
		t.Fatal(err)
	}
	return train.Config{
		Model: m, Objective: train.CrossEntropy{}, Data: dataset.Random(runSamples, net.shape, runClasses, 1),
		Augment: net.augment, Epochs: 3, Batch: 16, Optimizer: opt, LR: 0.01, Schedule: optim.Cosine{},
		WeightDecay: 1e-3, MaxNorm: 3, ClipNorm: 1, Seed: 7,
	}
}

// bits returns every parameter and running statistic of a model, constants of rank 0
// left out.
func bits(m *graph.Model) map[string][]uint32 {
	out := map[string][]uint32{}
	for _, p := range m.Graph.Params {
		if p.DType != tensor.F32 || len(p.Shape) == 0 {
			continue
		}
		for _, v := range p.Data.F32s() {
			out[string(p.Name)] = append(out[string(p.Name)], math.Float32bits(v))
		}
	}
	return out
}

func sameBits(t *testing.T, what string, got, want map[string][]uint32) {
	t.Helper()
	for name := range want {
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s: the bits of %s differ", what, name)
		}
	}
}

func mustRun(t *testing.T, c train.Config) *train.Result {
	t.Helper()
	res, err := train.Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestSameBitsForEveryNumberOfThreads trains with one, two and three threads.
func TestSameBitsForEveryNumberOfThreads(t *testing.T) {
	for name := range runNets {
		t.Run(name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
			var want map[string][]uint32
			for _, threads := range []int{1, 2, 3} {
				runtime.GOMAXPROCS(threads)
				c := runConfig(t, name)
				c.Pool = kernel.NewPool(threads)
				mustRun(t, c)
				c.Pool.Close()
				if got := bits(c.Model); want == nil {
					want = got
				} else {
					sameBits(t, fmt.Sprintf("%d threads", threads), got, want)
				}
			}
		})
	}
}

// TestResumeAnywhere stops a run after every possible number of updates, within and
// between epochs, and goes on in a fresh model of other weights: weights, running
// statistics and history end as those of the uninterrupted run.
func TestResumeAnywhere(t *testing.T) {
	for name := range runNets {
		for _, accumulate := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", name, accumulate), func(t *testing.T) {
				whole := runConfig(t, name)
				whole.Accumulate = accumulate
				res := mustRun(t, whole)
				want, history := bits(whole.Model), fmt.Sprint(res.History)
				for stop := 1; stop < res.Steps; stop += 2 {
					c := runConfig(t, name)
					c.Accumulate, c.Checkpoint.Dir = accumulate, t.TempDir()
					interrupt(t, c, stop)
					r := runConfig(t, name)
					r.Accumulate, r.Checkpoint = accumulate, train.Checkpoint{Dir: c.Checkpoint.Dir, Resume: true}
					for _, p := range r.Model.Graph.Params {
						if p.Trainable {
							p.Data.Zero()
						}
					}
					got := mustRun(t, r)
					sameBits(t, fmt.Sprintf("stopped after %d updates", stop), bits(r.Model), want)
					if h := fmt.Sprint(got.History); got.Steps != res.Steps || len(got.History) != len(res.History) {
						t.Errorf("%d steps, history %s, want %d and %s", got.Steps, h, res.Steps, history)
					}
					for i, e := range got.History {
						if e.TrainLoss != res.History[i].TrainLoss {
							t.Errorf("stopped after %d updates: loss %v of epoch %d, want %v", stop, e.TrainLoss, i+1, res.History[i].TrainLoss)
						}
					}
				}
			})
		}
	}
}

// interrupt cancels the run after so many updates.
func interrupt(t *testing.T, c train.Config, after int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	steps := 0
	c.Hooks.Step = func(train.StepInfo) {
		if steps++; steps == after {
			cancel()
		}
	}
	res, err := train.Run(ctx, c)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled run ends with %v", err)
	}
	if res.Steps != after {
		t.Fatalf("%d updates, cancelled after %d", res.Steps, after)
	}
}

// cutObjective cancels the run when it is fed for the n-th time.
type cutObjective struct {
	train.CrossEntropy
	feeds  *int
	at     int
	cancel func()
}

func (o cutObjective) Feed(ctx context.Context, b *dataset.Batch, at train.At, in train.Feeds) error {
	if *o.feeds++; *o.feeds == o.at {
		o.cancel()
		return context.Canceled
	}
	return o.CrossEntropy.Feed(ctx, b, at, in)
}

// TestCancelledBetweenParts stops between the two parts of a batch: the running
// statistics of the first part must not count twice.
func TestCancelledBetweenParts(t *testing.T) {
	whole := runConfig(t, "conv")
	whole.Accumulate = 2
	mustRun(t, whole)
	c := runConfig(t, "conv")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.Accumulate, c.Checkpoint.Dir = 2, t.TempDir()
	c.Objective = cutObjective{feeds: new(int), at: 6, cancel: cancel}
	if _, err := train.Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r := runConfig(t, "conv")
	r.Accumulate, r.Checkpoint = 2, train.Checkpoint{Dir: c.Checkpoint.Dir, Resume: true}
	mustRun(t, r)
	sameBits(t, "cancelled between the parts of a batch", bits(r.Model), bits(whole.Model))
}

// TestResumeAfterStoppingEarly leaves a run that patience ended as it is.
func TestResumeAfterStoppingEarly(t *testing.T) {
	dir := t.TempDir()
	patient := func() (train.Config, *train.Result) {
		c := runConfig(t, "mlp")
		c.Patience, c.KeepBest, c.Epochs, c.Checkpoint = 1, true, 9, train.Checkpoint{Dir: dir, Resume: true}
		evals := 0
		c.Evaluate = func(context.Context, *graph.Model) (train.Eval, error) {
			evals++
			return train.Eval{Accuracy: 1 / float64(evals)}, nil // the first is the best
		}
		return c, mustRun(t, c)
	}
	first, want := patient()
	again, got := patient()
	if !want.StoppedEarly || want.Epochs != 2 || !got.StoppedEarly || got.Epochs != 2 || got.BestEpoch != 1 {
		t.Errorf("stopped at %d, resumed to %d with the best at %d; want 2, 2, 1", want.Epochs, got.Epochs, got.BestEpoch)
	}
	sameBits(t, "resumed after it stopped early", bits(again.Model), bits(first.Model))
}

// TestResumeOfAnotherRun is refused, and names what differs.
func TestResumeOfAnotherRun(t *testing.T) {
	c := runConfig(t, "mlp")
	c.Checkpoint.Dir, c.Checkpoint.Of = t.TempDir(), map[string]string{"teacher": "a"}
	interrupt(t, c, 3)
	for want, change := range map[string]func(*train.Config){
		"lr":                      func(c *train.Config) { c.LR = 0.02 },
		"seed":                    func(c *train.Config) { c.Seed = 8 },
		"augment":                 func(c *train.Config) { c.Augment = nil },
		"epochs":                  func(c *train.Config) { c.Epochs = 4 },
		"data":                    func(c *train.Config) { c.Data = dataset.Random(runSamples, tensor.Shape{1, 12, 12}, runClasses, 2) },
		`teacher was "a", is "b"`: func(c *train.Config) { c.Checkpoint.Of = map[string]string{"teacher": "b"} },
		`teacher was "a", is ""`:  func(c *train.Config) { c.Checkpoint.Of = nil },
		`learning-rate factors was "", is "1 frozen, 0 scaled`: func(c *train.Config) {
			c.LRScale = func(v graph.Value) float64 {
				if v == "fc1/weight" {
					return 0
				}
				return 1
			}
		},
	} {
		r := runConfig(t, "mlp")
		r.Checkpoint = train.Checkpoint{Dir: c.Checkpoint.Dir, Resume: true, Of: c.Checkpoint.Of}
		change(&r)
		before := bits(r.Model)
		if _, err := train.Run(context.Background(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("another %s: %v", want, err)
		}
		sameBits(t, "after a refused resumption", bits(r.Model), before)
	}
}

// A model that takes a fixed number of samples gives the rows of one that takes any, for all samples.
func TestPredictFixedBatch(t *testing.T) {
	c := runConfig(t, "lstm")
	var want []float32
	var total int
	for _, n := range []int{0, 1, 7, 100} { // of 72 samples
		m := c.Model.DeepClone()
		if n > 0 {
			m.Graph.Inputs[0].Shape[0] = graph.Dim{N: n}
		}
		var got []float32
		err := train.Predict(context.Background(), m, c.Data, train.PredictConfig{Batch: 16}, func(b *dataset.Batch, out []*tensor.Tensor) error {
			got = append(got, out[0].F32s()...)
			return nil
		})
		if err != nil {
			t.Fatalf("batches of %d: %v", n, err)
		}
		e, err := train.Accuracy(context.Background(), m, c.Data, train.PredictConfig{})
		if err != nil {
			t.Fatalf("batches of %d: %v", n, err)
		}
		if n == 0 {
			want, total = got, e.Total
		}
		if len(got) != len(want) || e.Total != total {
			t.Fatalf("batches of %d: %d values and %d samples, want %d and %d", n, len(got), e.Total, len(want), total)
		}
		for i, v := range got {
			if math.Abs(float64(v-want[i])) > 1e-5 {
				t.Fatalf("batches of %d: value %d is %g, want %g", n, i, v, want[i])
			}
		}
	}
}

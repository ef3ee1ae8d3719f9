package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// poisoned is a set of which one sample is not a number.
type poisoned struct {
	dataset.Set
	bad int
}

func (p poisoned) Read(i int, x []float32) (int64, error) {
	y, err := p.Set.Read(i, x)
	if i == p.bad {
		for j := range x { // all, because dropout hides some
			x[j] = float32(math.NaN())
		}
	}
	return y, err
}

// TestDivergence poisons training and checks that the run stops before the update,
// names the culprit, and leaves weights and running statistics as they were, in the
// model and in the checkpoint.
func TestDivergence(t *testing.T) {
	const badStep = 4
	for name := range runNets {
		good := runConfig(t, name)
		good.Sequential, good.Augment = true, nil
		snapshots := []map[string][]uint32{bits(good.Model)}
		good.Hooks.Step = func(train.StepInfo) { snapshots = append(snapshots, bits(good.Model)) }
		mustRun(t, good)

		bad := runConfig(t, name)
		bad.Sequential, bad.Augment, bad.Checkpoint.Dir = true, nil, t.TempDir()
		bad.Data = poisoned{bad.Data, (badStep-1)*bad.Batch + 5}
		res, err := train.Run(context.Background(), bad)
		if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), fmt.Sprintf("step %d", badStep)) || !strings.Contains(err.Error(), "input batch") {
			t.Fatalf("%s: %v", name, err)
		}
		if res.Steps != badStep-1 {
			t.Errorf("%s: %d updates, want %d", name, res.Steps, badStep-1)
		}
		sameBits(t, name+" after divergence", bits(bad.Model), snapshots[badStep-1])
		sameBits(t, name+", its checkpoint", saved(t, bad.Checkpoint.Dir), snapshots[badStep-1])
	}
}

// saved returns the parameters of a checkpoint.
func saved(t *testing.T, dir string) map[string][]uint32 {
	t.Helper()
	es, err := npy.ReadZipFile(filepath.Join(dir, "checkpoint.npz"))
	if err != nil {
		t.Fatal(err)
	}
	m := &graph.Model{Graph: &graph.Graph{}}
	for _, e := range es {
		if name, ok := strings.CutPrefix(e.Name, "param/"); ok {
			m.Graph.Params = append(m.Graph.Params, &graph.Param{Name: graph.Value(name), DType: e.Tensor.DType(), Shape: e.Tensor.Shape(), Data: e.Tensor})
		}
	}
	return bits(m)
}

// TestDivergenceByLearningRate ends with finite weights.
func TestDivergenceByLearningRate(t *testing.T) {
	c := runConfig(t, "mlp")
	c.Optimizer, c.LR, c.ClipNorm, c.MaxNorm, c.Schedule = optim.SGD{}, 1e30, 0, 0, nil
	_, err := train.Run(context.Background(), c)
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "not finite") {
		t.Fatalf("%v", err)
	}
	for _, p := range c.Model.Graph.Params {
		for _, v := range p.Data.F32s() {
			if v-v != 0 {
				t.Fatalf("%s holds %g after divergence", p.Name, v)
			}
		}
	}
}

// rootLoss is the mean of the square roots of the logits' absolute values: 0 for
// zero logits, where its gradient is not finite.
type rootLoss struct{}

func (rootLoss) Build(b *graph.Builder, m *graph.Model) (graph.Value, error) {
	r := b.Node("root", "Sqrt", nil, b.Node("abs", "Abs", nil, m.Graph.Outputs[0].Name))
	return b.Node("mean", "ReduceMean", graph.Attrs{"keepdims": int64(0)}, r), nil
}

func (rootLoss) Feed(context.Context, *dataset.Batch, train.At, train.Feeds) error { return nil }

// TestGradientThatIsNotFinite has a finite loss; the parameter is named.
func TestGradientThatIsNotFinite(t *testing.T) {
	c := runConfig(t, "lstm")
	c.Objective = rootLoss{}
	for _, p := range c.Model.Graph.Params {
		if p.DType == tensor.F32 {
			p.Data.Zero()
		}
	}
	before := bits(c.Model)
	_, err := train.Run(context.Background(), c)
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "the gradient of \"") {
		t.Fatalf("%v", err)
	}
	sameBits(t, "after a gradient that is not finite", bits(c.Model), before)
}

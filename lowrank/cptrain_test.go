package lowrank

import (
	"context"
	"math"
	"regexp"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// byCP factorises convolutions of ResNet-20's last stage by converged least squares at rank 32.
func byCP(t *testing.T, slack float64) *graph.Model {
	t.Helper()
	m := resnet20(t)
	sites, err := Find(m, Selection{Include: regexp.MustCompile("(?i)layer3.[12].conv2")})
	if err != nil {
		t.Fatal(err)
	}
	d := cp{nd.CPOpts{Ridge: 1e-15, Sweeps: 1000, Tol: 1e-8, Starts: -1, Slack: slack}}
	var rs []Replacement
	for _, s := range sites {
		w, err := s.Load()
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Factor(context.Background(), &Problem{Site: s, W: w}, Ranks{32})
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, Replacement{Site: s, Factors: f})
	}
	if err := Apply(m, rs); err != nil {
		t.Fatal(err)
	}
	return m
}

// losses trains m and returns the loss of every update, the last +Inf where training failed.
func losses(t *testing.T, m *graph.Model, set dataset.Set, lr float64) (all []float64) {
	t.Helper()
	o, err := optim.New(optim.Config{Name: "nesterov"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = train.Run(context.Background(), train.Config{Model: m, Objective: train.CrossEntropy{}, Data: set, Batch: 64, LR: lr, Optimizer: o,
		Seed: 1, Hooks: train.Hooks{Step: func(i train.StepInfo) { all = append(all, i.Loss) }}})
	if err != nil {
		t.Log(err)
		all = append(all, math.Inf(1))
	}
	return all
}

// The corrected CP trains at a learning rate that the dense network bears, where components that
// cancel, as plain alternating least squares leaves them, make it diverge at once.
func TestCorrectedCPTrains(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of factoring and training")
	}
	const batch, updates, rate = 64, 12, 1e-3
	im := cifar(t, "data_batch_1.bin.xz", batch*updates)
	y := tensor.New(tensor.I64, tensor.Shape{len(im.labels)})
	for i, l := range im.labels {
		y.I64s()[i] = int64(l)
	}
	set, err := dataset.FromTensors("images", im.batch(0, len(im.labels)), y, 10)
	if err != nil {
		t.Fatal(err)
	}
	dense, plain, corrected := losses(t, resnet20(t), set, rate), losses(t, byCP(t, -1), set, rate), losses(t, byCP(t, 0), set, rate)
	t.Logf("first and last loss: dense %.3f %.3f, plain %.3g %.3g (%d updates), corrected %.3f %.3f", dense[0], dense[len(dense)-1],
		plain[0], plain[len(plain)-1], len(plain), corrected[0], corrected[len(corrected)-1])
	if last := dense[len(dense)-1]; !(last < 0.5) {
		t.Errorf("the dense network's loss is %g after %d updates", last, len(dense))
	}
	if last := corrected[len(corrected)-1]; !(last < 0.5) {
		t.Errorf("the corrected network's loss is %g after %d updates", last, len(corrected))
	}
	if last := plain[len(plain)-1]; !math.IsInf(last, 1) {
		t.Errorf("plain least squares do not diverge: a loss of %g after %d updates", last, len(plain))
	}
}

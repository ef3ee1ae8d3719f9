package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/train"
)

// scaled is a set whose numbers are multiplied.
type scaled struct {
	dataset.Set
	by float32
}

func (s scaled) Read(i int, x []float32) (int64, error) {
	y, err := s.Set.Read(i, x)
	for j := range x {
		x[j] *= s.by
	}
	return y, err
}

// fuseConfig returns a run whose weights are updated in the backward pass unless
// apart: a limit on the gradient's norm that is never reached keeps them from that.
func fuseConfig(t *testing.T, o optim.Optimizer, by float32, apart bool) train.Config {
	c := runConfig(t, "mlp")
	c.Optimizer, c.ClipNorm, c.Augment = o, 0, nil
	c.Data = scaled{c.Data, by}
	if c.LR = 0.01; by > 1 {
		c.LR = 1e-30
	}
	if apart {
		c.ClipNorm = math.MaxFloat64
	}
	return c
}

// TestUpdatesInBackwardPass compares updates that the backward pass takes with ones
// after it, bit by bit, also where inputs are so large that they must not be taken.
func TestUpdatesInBackwardPass(t *testing.T) {
	for _, o := range []optim.Optimizer{optim.Momentum{Mu: 0.9}, optim.Nesterov{Mu: 0.9}} {
		for _, by := range []float32{1, 1e8} {
			want := fuseConfig(t, o, by, true)
			mustRun(t, want)
			for _, threads := range []int{1, 2, 3} {
				c := fuseConfig(t, o, by, false)
				c.Pool = kernel.NewPool(threads)
				mustRun(t, c)
				c.Pool.Close()
				sameBits(t, fmt.Sprintf("%s, inputs times %g, %d threads", o.Name(), by, threads), bits(c.Model), bits(want.Model))
			}
		}
	}
}

// TestDivergenceInBackwardPass makes gradients overflow while the loss is finite: no
// weight changes.
func TestDivergenceInBackwardPass(t *testing.T) {
	c := fuseConfig(t, optim.Momentum{Mu: 0.9}, 1e25, false)
	before := bits(c.Model)
	if _, err := train.Run(context.Background(), c); !errors.Is(err, train.ErrDiverged) {
		t.Fatalf("got %v, want a diverged run", err)
	}
	sameBits(t, "after divergence", bits(c.Model), before)
}

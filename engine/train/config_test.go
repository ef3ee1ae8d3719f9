package train_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// TestCheckNumbers wants every number out of its range to be refused by its name.
func TestCheckNumbers(t *testing.T) {
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
		for want, change := range map[string]func(*train.Config){
			"learning rate": func(c *train.Config) { c.LR = bad },
			"weight-decay":  func(c *train.Config) { c.WeightDecay = bad },
			"max-norm":      func(c *train.Config) { c.MaxNorm = bad },
			"clip-norm":     func(c *train.Config) { c.ClipNorm = bad },
			"clip-value":    func(c *train.Config) { c.ClipValue = bad },
			"times":         func(c *train.Config) { c.LRScale = func(graph.Value) float64 { return bad } },
		} {
			c := runConfig(t, "mlp")
			change(&c)
			if err := c.Check(); !errors.Is(err, train.ErrConfig) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %g: %v", want, bad, err)
			}
		}
	}
	c := runConfig(t, "mlp")
	c.LRScale = func(graph.Value) float64 { return 0 }
	if err := c.Check(); !errors.Is(err, train.ErrConfig) || !strings.Contains(err.Error(), "nothing is left to train") {
		t.Errorf("all parameters frozen: %v", err)
	}
	c.LRScale = func(v graph.Value) float64 {
		if v == "fc1/weight" {
			return 1
		}
		return 0
	}
	if err := c.Check(); err != nil {
		t.Errorf("some parameters frozen: %v", err)
	}
}

// TestCheck finds without a run what a run refuses.
func TestCheck(t *testing.T) {
	if err := runConfig(t, "mlp").Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*train.Config){
		"parts":   func(c *train.Config) { c.Accumulate = 3 },
		"vectors": func(c *train.Config) { c.Data = dataset.Random(20, tensor.Shape{5}, runClasses, 1) },
		"classes": func(c *train.Config) { c.Data = dataset.Random(20, c.Data.Shape(), runClasses+1, 1) },
	} {
		c := runConfig(t, "mlp")
		change(&c)
		if err := c.Check(); !errors.Is(err, train.ErrConfig) && !errors.Is(err, dataset.ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

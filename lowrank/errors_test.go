package lowrank

import (
	"context"
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
)

// The report gives the reasons of the plan that was taken, not of others that were looked at.
func TestReasons(t *testing.T) {
	spoilt := func(_ context.Context, m *graph.Model) ([]bool, error) { // by any factor
		right := make([]bool, 1000)
		for i := range right {
			right[i] = m.Graph.Node("fc1/gemm") != nil && m.Graph.Node("fc2/gemm") != nil && m.Graph.Node("fc3/gemm") != nil
		}
		return right, nil
	}
	for want, c := range map[string]Config{
		"svd at rank [0-9]+ has [0-9]+ parameters, the dense weight [0-9]+": {Policy: FixedRank{Ranks{100}}, Tradeoff: true},
		"no smaller form has an error of at most 1e-05":                     {Policy: Epsilon{1e-5}, Tradeoff: true},
		"no smaller model .* within 3 percentage points":                    {Policy: MaxDrop{Points: 3}, Evaluate: spoilt},
	} {
		c.Method = "svd"
		_, rep := mustRun(t, mlp(t), c)
		for _, l := range rep.Sites {
			if !regexp.MustCompile(want).MatchString(l.Skipped) {
				t.Errorf("%T: %s: %q, want %q", c.Policy, l.Name, l.Skipped, want)
			}
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	m := mlp(t)
	bad := mlp(t)
	w := bad.Graph.Param("fc2/weight").Data.F32s()
	w[7] = float32(math.NaN())
	for _, c := range []struct {
		m    *graph.Model
		c    Config
		is   error
		want string
	}{
		{m, Config{Method: "svdd"}, ErrConfig, "svd"},
		{m, Config{Method: "cp"}, ErrConfig, "no selected site suits the method"},
		{m, Config{Policy: FixedRank{Ranks{0}}}, ErrConfig, "ranks start at 1"},
		{m, Config{Policy: FixedRank{}}, ErrConfig, "ranks start at 1"},
		{m, Config{Method: "svd", Policy: FixedRank{Ranks{4, 4}}}, ErrConfig, "takes 1 ranks"},
		{m, Config{Policy: Keep{Fraction: 1}}, ErrConfig, "above 0 and below 1"},
		{m, Config{Policy: Epsilon{}}, ErrConfig, "above 0 and below 1"},
		{m, Config{Policy: Budget{Params, 10}}, ErrBudget, "the smallest forms need"},
		{m, Config{Selection: Selection{Include: regexp.MustCompile("nothing")}}, ErrConfig, "include"},
		{m, Config{Modes: map[string]Modes{"fc9": {}}}, ErrConfig, "fc9"},
		{m, Config{Method: "tt", Modes: map[string]Modes{"fc1/gemm": {[]int{5, 5}, []int{4, 5}}}}, ErrConfig, "do not multiply"},
		{bad, Config{}, ErrModel, `"fc2/gemm": 1 of 768 values`},
	} {
		_, _, err := Run(context.Background(), c.m, c.c)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q with %q", c.c.Policy, err, c.is, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Run(ctx, m, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

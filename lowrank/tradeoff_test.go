package lowrank

import (
	"context"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
)

func TestTradeoff(t *testing.T) {
	_, rep, err := Run(context.Background(), mlp(t), Config{Method: "svd", Tradeoff: true, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	last := len(rep.Tradeoff) - 1
	if last < 5 || rep.Tradeoff[last] != (Tradeoff{rep.ParamsBefore, 0}) {
		t.Fatalf("curve %v, want it to end at %d parameters without error", rep.Tradeoff, rep.ParamsBefore)
	}
	for i, p := range rep.Tradeoff[1:] {
		if was := rep.Tradeoff[i]; p.Params <= was.Params || p.Error > was.Error {
			t.Errorf("from %v to %v: want more parameters and less error", was, p)
		}
	}
}

// Left to auto, a site has no point that multiplies more than its dense weight; a named method may.
func TestAutoLimitsMACs(t *testing.T) {
	sites, err := Find(mlp(t), Selection{})
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]int{"": 1, "auto": 1, "svd, auto": 1, "tt": 2} {
		cfg := Config{Method: method}
		c := &Candidate{Site: sites[0], fewMACs: cfg.limitsMACs()}
		dense := c.Site.Cost()
		c.points = []Point{{Cost: graph.Cost{Params: 10, MACs: dense.MACs + 1}}, {Cost: graph.Cost{Params: 20, MACs: dense.MACs}}}
		if c.limit(); len(c.points) != want {
			t.Errorf("method %q: %d points are left, want %d", method, len(c.points), want)
		}
	}
	c := &Candidate{Site: sites[0], fewMACs: true, points: []Point{{Cost: graph.Cost{Params: 10, MACs: 1 << 40}}}}
	if c.limit(); len(c.points) != 0 || c.reason == "" {
		t.Errorf("%d points are left, reason %q", len(c.points), c.reason)
	}
	if (&Config{AllowMACs: true}).limitsMACs() {
		t.Error("more is limited although it is allowed")
	}
}

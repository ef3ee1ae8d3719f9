package main

import (
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/lowrank"
)

// policyFlags are the flags of which at most one may be given, but for --max-drop beside
// --budget or --macs: then those are met, and the drop is what they may cost.
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
	if bounded(c) && len(given) == 2 {
		given = given[:1]
	}
	if len(given) > 1 {
		return nil, usagef("%s: give one of them", strings.Join(given, " and "))
	}
	if v := c.Float64("max-drop"); c.IsSet("max-drop") && !(v > 0 && v <= 100) {
		return nil, usagef("--max-drop %g percentage points is not above 0 and at most 100", v)
	}
	if len(given) == 0 {
		return lowrank.Keep{Fraction: 0.5, Uniform: c.Bool("uniform")}, nil
	}
	fraction := func(name string) (float64, error) {
		v := c.Float64(name)
		if !(v > 0 && v < 1) {
			return 0, usagef("--%s %g is not above 0 and below 1", name, v)
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
	return maxDrop(c), nil
}

// paramBytes returns the bytes of parameters as they will be written.
func (r *lowrankRun) paramBytes(m *graph.Model) map[*graph.Param]int64 {
	bytes := r.save.ParamBytes(m)
	if storesAsComputed(r.out) {
		for p := range bytes {
			bytes[p] = p.Count() * int64(p.DType.Size())
		}
	}
	return bytes
}

func maxDrop(c *cli.Context) lowrank.MaxDrop { return lowrank.MaxDrop{Points: c.Float64("max-drop")} }

// bounded reports whether --max-drop stands beside a budget.
func bounded(c *cli.Context) bool {
	return c.IsSet("max-drop") && (c.IsSet("budget") || c.IsSet("macs"))
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

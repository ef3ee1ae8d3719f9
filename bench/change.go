package bench

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// LatencyChange is a quantile of one model's latency over that of another, from
// interleaved runs in one process.
type LatencyChange struct {
	Ratio     float64 `json:"ratio"`
	Low, High float64 // 99 % bootstrap interval of the ratio
	Noise     float64 // how far a second copy of the other model, timed alike, may be from 1: the noise floor
	Rounds    int
}

// Verdict judges the ratio against a limit: "fail" when even the interval's low end,
// less the noise, exceeds it; "pass" when the high end does not, or when the ratio is
// below by more than the noise; else "inconclusive".
func (c LatencyChange) Verdict(limit float64) string {
	switch {
	case c.Low > limit*(1+c.Noise):
		return "fail"
	case c.High <= limit, c.Ratio*(1+c.Noise) <= limit:
		return "pass"
	}
	return "inconclusive"
}

func (c LatencyChange) String() string {
	return fmt.Sprintf("99 %% interval %.3fx to %.3fx, noise %.1f %%, %d rounds", c.Low, c.High, 100*c.Noise, c.Rounds)
}

// A comparison has rounds with one run of either model and one of the copy: a first
// block of them, then more until the median's ratio is known to within a few per cent,
// or so many rounds or so much time are used.
const (
	rounds     = 300
	maxRounds  = 20_000
	maxCompare = 30 * time.Second
	sharp      = 0.04 // the width of the interval that is enough
	quiet      = 0.02 // the noise that is low enough
)

// settled reports whether more rounds would tell little more about the median.
func (c LatencyChange) settled() bool { return c.High-c.Low <= sharp*c.Ratio && c.Noise <= quiet }

// CompareLatency times m against of: in every round each model runs once, and a second
// session of the other too, in an order that turns. The ratios at the median and at the
// 99th percentile, of turns of at least 0.2 ms, come with intervals from resampled
// rounds; the second session's own ratio tells the noise floor.
func CompareLatency(ctx context.Context, m, of Model, o Options) (p50, p99 LatencyChange, err error) {
	start := time.Now()
	var run [3]func() error
	for i, x := range []Model{m, of, of} {
		s, err := o.ready(x)
		if err != nil {
			return p50, p99, err
		}
		run[i] = s.Forward
	}
	return compareRuns(ctx, run, func() time.Duration { return time.Since(start) })
}

// compareRuns is CompareLatency with the runs and the clock given.
func compareRuns(ctx context.Context, run [3]func() error, now func() time.Duration) (p50, p99 LatencyChange, err error) {
	begin := now()
	x := interleaved{run: run, now: now, repeats: 1}
	if err := x.warmUp(ctx); err != nil {
		return p50, p99, err
	}
	for n := rounds; ; n = len(x.times[0]) / 2 {
		if err := x.rounds(ctx, n); err != nil {
			return p50, p99, err
		}
		p50 = changeAt(x.times, 0.5)
		if n := len(x.times[0]); p50.settled() || n >= maxRounds || now()-begin > maxCompare {
			return p50, changeAt(x.times, 0.99), nil
		}
	}
}

// turn is how long one run of a round takes at least: shorter models run several times
// in it, for clocks are coarse.
const turn = 200 * time.Microsecond

// interleaved runs three models in turning order and keeps the times of each round.
type interleaved struct {
	run     [3]func() error
	now     func() time.Duration
	repeats int // runs in a turn
	turns   int
	times   [3][]float64
}

// warmUp runs a few rounds that do not count, and finds how often a turn must run.
func (x *interleaved) warmUp(ctx context.Context) error {
	for range warmups {
		if err := x.rounds(ctx, 1); err != nil {
			return err
		}
		if took := time.Duration(x.times[1][0]); took < turn {
			x.repeats = min(x.repeats*int(turn/max(took, 1)+1), maxRepeats)
		}
		x.times = [3][]float64{}
	}
	return nil
}

func (x *interleaved) rounds(ctx context.Context, n int) error {
	for range n {
		x.turns++
		for k := range x.run {
			i := (k + x.turns) % len(x.run)
			if err := ctx.Err(); err != nil {
				return err
			}
			begin := x.now()
			for range x.repeats {
				if err := x.run[i](); err != nil {
					return err
				}
			}
			x.times[i] = append(x.times[i], float64(x.now()-begin))
		}
	}
	return nil
}

// maxRepeats bounds the runs of one turn.
const maxRepeats = 1 << 12

// resamples of the bootstrap.
const resamples = 200

// changeAt returns the change of the q-quantile of times 0 against 1, with 2 as the copy
// of 1. Rounds are resampled whole, in blocks of neighbours, for what disturbs a machine
// lasts longer than one.
func changeAt(times [3][]float64, q float64) LatencyChange {
	n := len(times[0])
	series := [3]ranked{rank(times[0]), rank(times[1]), rank(times[2])}
	ratios, noises := make([]float64, resamples), make([]float64, resamples)
	weights := make([]int, n)
	r := tensor.NewRand(1, "bootstrap")
	for b := range resamples {
		clear(weights)
		for k := 0; k*block < n; k++ {
			at := r.Intn(uint64(b*n+k), n)
			for j := range block {
				weights[(at+j)%n]++
			}
		}
		base := series[1].quantile(weights, q)
		ratios[b] = series[0].quantile(weights, q) / base
		noises[b] = math.Abs(math.Log(series[2].quantile(weights, q) / base))
	}
	slices.Sort(ratios)
	slices.Sort(noises)
	for i := range weights {
		weights[i] = 1
	}
	return LatencyChange{
		Ratio: series[0].quantile(weights, q) / series[1].quantile(weights, q),
		Low:   quantile(ratios, 0.005), High: quantile(ratios, 0.995), Noise: math.Expm1(quantile(noises, 0.95)), Rounds: n,
	}
}

// block is how many neighbouring rounds are resampled together.
const block = 10

// ranked is a series with the order of its values.
type ranked struct {
	values []float64
	order  []int
}

func rank(values []float64) ranked {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	return ranked{values, order}
}

// quantile returns the q-quantile, by the nearest rank, where each value counts weight times.
func (r ranked) quantile(weights []int, q float64) float64 {
	total := 0
	for _, w := range weights {
		total += w
	}
	left := max(int(math.Ceil(q*float64(total))), 1)
	for _, i := range r.order {
		if left -= weights[i]; left <= 0 {
			return r.values[i]
		}
	}
	return r.values[r.order[len(r.order)-1]]
}

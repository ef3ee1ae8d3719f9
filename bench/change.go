package bench

import (
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

// rounds of a comparison, each with one run of either model and one of the copy.
const rounds = 300

// CompareLatency times m against of: in every round each model runs once, and a second
// session of the other too, in an order that turns. The ratios at the median and at the
// 99th percentile, of turns of at least 0.2 ms, come with intervals from resampled rounds; the second session's own
// ratio tells the noise floor.
func CompareLatency(ctx context.Context, m, of Model, o Options) (p50, p99 LatencyChange, err error) {
	start := time.Now()
	var run [3]func() error
	for i, x := range []Model{m, of, of} {
		s, err := o.session(x)
		if err != nil {
			return p50, p99, err
		}
		if err := o.feed(s, 1); err != nil {
			return p50, p99, fmt.Errorf("%s: %w", x.Path, err)
		}
		run[i] = s.Forward
	}
	times, err := interleave(ctx, run, func() time.Duration { return time.Since(start) })
	if err != nil {
		return p50, p99, err
	}
	return changeAt(times, 0.5), changeAt(times, 0.99), nil
}

// turn is how long one run of a round takes at least: shorter models run several times
// in it, for clocks are coarse.
const turn = 200 * time.Microsecond

// interleave runs all, in turning order, and returns the times of each round.
func interleave(ctx context.Context, run [3]func() error, now func() time.Duration) (times [3][]float64, err error) {
	repeats := 1
	for round := range rounds + warmups {
		for k := range run {
			i := (k + round) % len(run)
			if err := ctx.Err(); err != nil {
				return times, err
			}
			begin := now()
			for range repeats {
				if err := run[i](); err != nil {
					return times, err
				}
			}
			took := now() - begin
			if round >= warmups {
				times[i] = append(times[i], float64(took))
			} else if i == 1 && took < turn {
				repeats = min(repeats*int(turn/max(took, 1)+1), maxRepeats)
			}
		}
	}
	return times, nil
}

// maxRepeats bounds the runs of one turn.
const maxRepeats = 1 << 12

// resamples of the bootstrap.
const resamples = 400

// changeAt returns the change of the q-quantile of times 0 against 1, with 2 as the copy
// of 1. Rounds are resampled whole, in blocks of neighbours, for what disturbs a machine
// lasts longer than one.
func changeAt(times [3][]float64, q float64) LatencyChange {
	n := len(times[0])
	ratios, noises := make([]float64, resamples), make([]float64, resamples)
	var sample [3][]float64
	for i := range sample {
		sample[i] = make([]float64, 0, n+block)
	}
	r := tensor.NewRand(1, "bootstrap")
	for b := range resamples {
		for i := range sample {
			sample[i] = sample[i][:0]
		}
		for k := 0; k*block < n; k++ {
			at := r.Intn(uint64(b*n+k), n)
			for j := range block {
				for i := range sample {
					sample[i] = append(sample[i], times[i][(at+j)%n])
				}
			}
		}
		for i := range sample {
			slices.Sort(sample[i])
		}
		ratios[b] = quantile(sample[0], q) / quantile(sample[1], q)
		noises[b] = math.Abs(math.Log(quantile(sample[2], q) / quantile(sample[1], q)))
	}
	slices.Sort(ratios)
	slices.Sort(noises)
	whole := [3][]float64{slices.Sorted(slices.Values(times[0])), slices.Sorted(slices.Values(times[1]))}
	return LatencyChange{
		Ratio: quantile(whole[0], q) / quantile(whole[1], q), Low: quantile(ratios, 0.005), High: quantile(ratios, 0.995),
		Noise: math.Expm1(quantile(noises, 0.95)), Rounds: n,
	}
}

// block is how many neighbouring rounds are resampled together.
const block = 10

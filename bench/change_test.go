package bench

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// machine is a clock on which runs take time as on a shared machine: a log-normal
// spread, now and then a stolen slice, and a drift that all runs share.
type machine struct {
	r     tensor.Rand
	draws uint64
	now   time.Duration
}

func (m *machine) run(cost time.Duration) func() error {
	return func() error {
		m.draws++
		at := 3 * m.draws
		factor := math.Exp(0.08*m.r.Normal(at)) * (1 + 0.2*math.Sin(float64(m.draws)/100))
		if m.r.Float64(at+1) < 0.03 {
			factor *= 1 + 3*m.r.Float64(at+2)
		}
		m.now += time.Duration(float64(cost) * factor)
		return nil
	}
}

// compare is CompareLatency on the machine of a seed, where the model takes ratio times
// as long as the other.
func compare(t *testing.T, seed uint64, ratio float64) (p50, p99 LatencyChange) {
	t.Helper()
	m := &machine{r: tensor.NewRand(seed, "machine")}
	cost := 3 * time.Millisecond
	run := [3]func() error{m.run(time.Duration(float64(cost) * ratio)), m.run(cost), m.run(cost)}
	p50, p99, err := compareRuns(context.Background(), run, func() time.Duration { return m.now })
	if err != nil {
		t.Fatal(err)
	}
	return p50, p99
}

// TestVerdictsOfEqualModels wants no failure in 100 checks of a model against itself,
// and 95 of 100 for one that takes 20 % longer, at a limit of 5 %.
func TestVerdictsOfEqualModels(t *testing.T) {
	count := map[string]int{}
	for seed := range uint64(100) {
		p50, p99 := compare(t, seed, 1)
		for _, c := range []LatencyChange{p50, p99} {
			if c.Verdict(1.05) == "fail" {
				t.Errorf("seed %d: a model fails against itself: %v", seed, c)
			}
			if !(c.Low <= c.Ratio && c.Ratio <= c.High) || c.Rounds < rounds {
				t.Errorf("seed %d: the ratio %g is outside its interval: %v", seed, c.Ratio, c)
			}
		}
		slow, _ := compare(t, seed, 1.2)
		count[p50.Verdict(1.05)]++
		count["slow "+slow.Verdict(1.05)]++
	}
	if count["slow fail"] < 95 || count["pass"] < 90 {
		t.Errorf("verdicts %v", count)
	}
	t.Logf("verdicts %v", count)
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		low, ratio, high, noise float64
		want                    string
	}{
		{1.08, 1.1, 1.12, 0.01, "fail"}, {1.08, 1.1, 1.12, 0.05, "inconclusive"}, {0.99, 1, 1.02, 0.01, "pass"},
		{0.9, 0.95, 1.2, 0.02, "pass"}, {1.0, 1.04, 1.2, 0.02, "inconclusive"},
	} {
		l := LatencyChange{Low: c.low, Ratio: c.ratio, High: c.high, Noise: c.noise}
		if got := l.Verdict(1.05); got != c.want {
			t.Errorf("%+v: %s, want %s", c, got, c.want)
		}
	}
}

// TestShortRunsRepeat wants turns of a run shorter than the clock's use to hold many.
func TestShortRunsRepeat(t *testing.T) {
	var now time.Duration
	run := func() error { now += time.Microsecond; return nil }
	x := interleaved{run: [3]func() error{run, run, run}, now: func() time.Duration { return now }, repeats: 1}
	if err := x.warmUp(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := x.rounds(context.Background(), 2); err != nil || len(x.times[0]) != 2 || x.times[0][0] < float64(turn) {
		t.Errorf("%v, %d rounds, the first of %v", err, len(x.times[0]), time.Duration(x.times[0][0]))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := compareRuns(ctx, x.run, x.now); err == nil {
		t.Error("a cancelled comparison goes on")
	}
}

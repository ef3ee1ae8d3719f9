package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/compress-toolkit/compress/engine/graph"
)

// warmups are the runs of each model that are not counted.
const warmups = 3

// latencies times all models in turn, one run each, o.Runs times, on random inputs.
func latencies(ctx context.Context, models []Model, o Options) ([]Latency, error) {
	sessions := make([]*graph.Session, len(models))
	for i, m := range models {
		s, err := o.ready(m)
		if err != nil {
			return nil, err
		}
		sessions[i] = s
	}
	times := make([][]float64, len(models))
	for run := range o.Runs + warmups {
		for i, s := range sessions {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			begin := time.Now()
			if err := s.Forward(); err != nil {
				return nil, fmt.Errorf("%s: %w", models[i].Path, err)
			}
			if run >= warmups {
				times[i] = append(times[i], time.Since(begin).Seconds()*1e3)
			}
		}
	}
	out := make([]Latency, len(models))
	for i, t := range times {
		slices.Sort(t)
		out[i] = Latency{P50: quantile(t, 0.5), P99: quantile(t, 0.99)}
	}
	return out, nil
}

// quantile returns the q-quantile of sorted values by the nearest rank.
func quantile(sorted []float64, q float64) float64 {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(i, 0)]
}

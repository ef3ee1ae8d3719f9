package main

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/lowrank"
)

// holdOut takes the validation part, or a tenth of the training samples, for --max-drop.
func (r *lowrankRun) holdOut(cfg *lowrank.Config) error {
	s := r.samples
	if s.train.Classes() == 0 {
		return usagef("--max-drop needs --data with labels")
	}
	if r.held = s.val; r.held == nil {
		const most = 5000 // enough for a standard error of 0.3 points at 95 %
		r.held, s.train = dataset.SplitAt(s.train, min(most, s.train.Len()/10), r.c.Uint64("seed"))
	}
	say(r.c, "accuracy is measured on %d samples held out of training", r.held.Len())
	if err := maxDrop(r.c).Resolves(r.held.Len()); err != nil {
		return &usage{err: err, hint: "hold out more with ;val=N in --data, or allow a larger drop"}
	}
	if !bounded(r.c) {
		cfg.Evaluate = r.stored
	}
	return nil
}

// right tells which of the held-out samples m gets right.
func (r *lowrankRun) right(ctx context.Context, m *graph.Model) ([]bool, error) {
	return bench.Correct(ctx, bench.Model{Path: r.in, Model: m, Normalize: r.samples.norm}, r.held)
}

// stored is right for m as the output will have it, but for the dense model, which is compared with.
func (r *lowrankRun) stored(ctx context.Context, m *graph.Model) ([]bool, error) {
	if m == r.model {
		return r.right(ctx, m)
	}
	stored, err := asStored(r.out, m, r.save)
	if err != nil {
		return nil, err
	}
	return r.right(ctx, stored)
}

// keepsDrop fails when the small model, tuned or not, loses more than --max-drop allows. Nothing is written then.
func (r *lowrankRun) keepsDrop(small *graph.Model) error {
	if r.held == nil {
		return nil
	}
	base, err := r.right(r.c.Context, r.model)
	if err != nil {
		return err
	}
	now, err := r.stored(r.c.Context, small)
	if err != nil {
		return err
	}
	most := r.c.Float64("max-drop")
	drop := 100 * lowrank.UpperDrop(base, now)
	say(r.c, "accuracy on the held-out samples falls by at most %.2f points at 95 %% confidence", drop)
	if drop > most {
		hint := "recover accuracy with --tune EPOCHS and --calibrate N, or allow a larger model or drop"
		if r.c.Int("tune") > 0 {
			hint = "tune for longer or with a smaller --lr, or allow a larger model or drop"
		}
		return withHint(fmt.Errorf("%w: the model may lose %.2f percentage points on held-out samples, --max-drop is %g; nothing was written", errBudget, drop, most), hint)
	}
	return nil
}

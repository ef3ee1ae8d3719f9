package teacher_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/teacher"
)

// counted is a source that counts its runs; its logits are those of one teacher.
type counted struct {
	teacher.Source
	runs   int
	wanted []graph.Value // in the last run
}

func (c *counted) NeedsTemperature() bool { return false }

func (c *counted) Logits(ctx context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error) {
	c.runs++
	c.wanted = values
	return c.Source.Logits(ctx, b, temperature, values)
}

// learn asks for the values of all batches from a place on, as a run that was resumed
// there, and returns a copy of everything that it got.
func learn(seat *teacher.Seat, set dataset.Set, from dataset.Cursor, seed uint64, temperature float64, values ...graph.Value) (all []float32, err error) {
	defer seat.Leave()
	l, err := dataset.NewLoader(set, dataset.LoaderConfig{Batch: 6, Shuffle: true, Seed: seed})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	ctx := context.Background()
	for l.Start(ctx, from); ; {
		b, err := l.Next(ctx)
		if err != nil || b.At.Epoch == 2 {
			return all, err
		}
		z, hints, err := seat.Logits(ctx, b, temperature, values)
		if err != nil {
			return all, err
		}
		all = append(all, z.F32s()...)
		for _, h := range hints {
			all = append(all, h.F32s()...)
		}
		b.Release()
	}
}

// TestShared: students that share a teacher get what it gives each alone, and it runs
// once for every batch; one that begins earlier than the others is served alone first.
func TestShared(t *testing.T) {
	set := dataset.Random(20, shape, 5, 1) // 4 batches an epoch
	students := []struct {
		from        dataset.Cursor
		temperature float64
		values      []graph.Value
	}{
		{dataset.Cursor{Epoch: 1}, 4, nil},
		{dataset.Cursor{Batch: 2}, 1, []graph.Value{"hidden"}},
		{dataset.Cursor{Epoch: 1}, 2, []graph.Value{"fc1/gemm", "hidden"}},
	}
	source := &counted{Source: ensemble(t, nil, "", 1)}
	shared := teacher.NewShared(source)
	var seats []*teacher.Seat
	for range students {
		seats = append(seats, shared.Seat())
	}
	got, errs := make([][]float32, len(students)), make([]error, len(students))
	var wg sync.WaitGroup
	for i, s := range students {
		wg.Go(func() { got[i], errs[i] = learn(seats[i], set, s.from, 7, s.temperature, s.values...) })
	}
	wg.Wait()
	for i, s := range students {
		alone, err := learn(teacher.NewShared(ensemble(t, nil, "", 1)).Seat(), set, s.from, 7, s.temperature, s.values...)
		if err != nil || errs[i] != nil || len(alone) == 0 || !near(got[i], alone) {
			t.Errorf("student %d: %d numbers, alone %d; %v, %v", i, len(got[i]), len(alone), errs[i], err)
		}
	}
	if want := 2 + 4; source.runs != want || len(source.wanted) != 2 {
		t.Errorf("%d runs, want %d; the last for %v", source.runs, want, source.wanted)
	}
}

// near allows for the rounding that differs with what is fused, so with what is wanted.
func near(a, b []float32) bool {
	for i := range a {
		if len(a) != len(b) || math.Abs(float64(a[i]-b[i])) > 1e-5 {
			return false
		}
	}
	return true
}

// TestSharedErrors: students that see other samples, an error of the teacher, and a seat
// that was left.
func TestSharedErrors(t *testing.T) {
	set := dataset.Random(20, shape, 5, 1)
	for want, values := range map[string][2]graph.Value{"different samples": {"hidden", "hidden"}, "nothing": {"hidden", "nothing"}} {
		shared := teacher.NewShared(ensemble(t, nil, "", 1))
		seats := []*teacher.Seat{shared.Seat(), shared.Seat()}
		var errs [2]error
		var wg sync.WaitGroup
		for i, seat := range seats {
			seed := uint64(1)
			if want == "different samples" {
				seed += uint64(i)
			}
			wg.Go(func() { _, errs[i] = learn(seat, set, dataset.Cursor{}, seed, 1, values[i]) })
		}
		wg.Wait()
		if !strings.Contains(fmt.Sprint(errs), want) {
			t.Errorf("%v: want it to say %q", errs, want)
		}
		if _, err := learn(seats[0], set, dataset.Cursor{}, 1, 1); err == nil || !strings.Contains(err.Error(), "has left") {
			t.Errorf("after leaving: %v", err)
		}
	}
}

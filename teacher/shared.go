package teacher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Shared runs a teacher once for several students that are trained at the same time, in
// a goroutine each, and see the same batches: runs with the same data, batch size,
// augmentation and seed. Students wait for one another at every batch; one that is
// behind, after a resumption, is served first.
//
//	shared := teacher.NewShared(ensemble)
//	seats := []*teacher.Seat{shared.Seat(), shared.Seat()}	// all of them before the first run
//	go func() { defer seats[0].Leave(); train.Run(.. Teacher: seats[0] ..) }()
type Shared struct {
	source Source

	mu    sync.Mutex
	ready sync.Cond
	seats []*Seat // of students that are still trained
}

// Seat is the teacher of one student. Its methods are for one goroutine.
type Seat struct {
	shared *Shared
	asked  *request // while the student waits
}

// request is what a student wants, and then what it got.
type request struct {
	batch       *dataset.Batch
	temperature float64
	values      []graph.Value

	logits *tensor.Tensor
	hints  []*tensor.Tensor
	err    error
}

// NewShared returns the source for students that share it.
func NewShared(source Source) *Shared {
	s := &Shared{source: source}
	s.ready.L = &s.mu
	return s
}

// Seat adds a student. Every other student waits for it until it has left.
func (s *Shared) Seat() *Seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	seat := &Seat{shared: s}
	s.seats = append(s.seats, seat)
	return seat
}

// Leave tells that the student needs no more; the others no longer wait for it.
func (t *Seat) Leave() {
	s := t.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seats = slices.DeleteFunc(s.seats, func(o *Seat) bool { return o == t })
	s.serve(context.Background())
}

// errLeft is the error of a seat that is used after Leave.
var errLeft = errors.New("teacher: the student has left")

// Logits implements Source. What it returns is valid until the student asks for more or
// leaves.
func (t *Seat) Logits(ctx context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error) {
	s := t.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.seats, t) {
		return nil, nil, errLeft
	}
	mine := &request{batch: b, temperature: temperature, values: values}
	t.asked = mine
	s.serve(ctx)
	for t.asked != nil {
		s.ready.Wait()
	}
	return mine.logits, mine.hints, mine.err
}

// serve runs the source when all students wait, for the earliest batch that is asked
// for, and wakes those who asked for it.
func (s *Shared) serve(ctx context.Context) {
	if len(s.seats) == 0 || slices.ContainsFunc(s.seats, func(t *Seat) bool { return t.asked == nil }) {
		return
	}
	first := slices.MinFunc(s.seats, func(a, b *Seat) int { return earlier(a.asked.batch.At, b.asked.batch.At) }).asked
	temperature := s.temperature(first)
	var round []*Seat
	var values []graph.Value
	for _, t := range s.seats {
		if t.asked.batch.At == first.batch.At && s.temperature(t.asked) == temperature {
			round = append(round, t)
			values = union(values, t.asked.values)
		}
	}
	logits, hints, err := s.source.Logits(ctx, first.batch, temperature, values)
	for _, t := range round {
		t.asked.fill(first, logits, hints, values, err)
		t.asked = nil
	}
	s.ready.Broadcast()
}

// temperature is what the source is asked for: 1 where all temperatures have the same logits.
func (s *Shared) temperature(r *request) float64 {
	if n, ok := s.source.(interface{ NeedsTemperature() bool }); ok && !n.NeedsTemperature() {
		return 1
	}
	return r.temperature
}

// fill takes the request's share of the outputs for a batch that must be its own.
func (r *request) fill(of *request, logits *tensor.Tensor, hints []*tensor.Tensor, values []graph.Value, err error) {
	switch {
	case err != nil:
		r.err = err
		return
	case !slices.Equal(r.batch.Index, of.batch.Index):
		r.err = fmt.Errorf("teacher: students that share it see different samples in batch %d of epoch %d; give them the same data, batch size and seed", r.batch.At.Batch, r.batch.At.Epoch)
		return
	}
	r.logits = logits
	for _, v := range r.values {
		r.hints = append(r.hints, hints[slices.Index(values, v)])
	}
}

func earlier(a, b dataset.Cursor) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Batch, b.Batch))
}

// union adds to a, in their order, the values of b that it lacks.
func union(a, b []graph.Value) []graph.Value {
	for _, v := range b {
		if !slices.Contains(a, v) {
			a = append(a, v)
		}
	}
	return a
}

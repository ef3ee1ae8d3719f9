package lowrank

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// runner runs a model on batches, compiling again when their shapes change.
type runner struct {
	m      *graph.Model
	o      graph.Options
	s      *graph.Session
	shapes string
	value  graph.Value
}

// newRunner returns a runner that computes one value.
func newRunner(m *graph.Model, v graph.Value) *runner {
	return &runner{m: m, o: graph.Options{Fetch: []graph.Value{v}, Only: true}, value: v}
}

// run returns the value, valid until the next run.
func (r *runner) run(feeds map[graph.Value]*tensor.Tensor) (*tensor.Tensor, error) {
	if err := r.feed(feeds); err != nil {
		return nil, err
	}
	if err := r.s.Forward(); err != nil {
		return nil, err
	}
	t := r.s.Tensor(r.value)
	if t == nil {
		return nil, fmt.Errorf("lowrank: calibration did not compute %q", r.value)
	}
	return t, nil
}

func (r *runner) feed(feeds map[graph.Value]*tensor.Tensor) error {
	if now := fmt.Sprint(feeds); r.s == nil || now != r.shapes {
		r.shapes = now
		r.o.Shapes = map[graph.Value]tensor.Shape{}
		for v, t := range feeds {
			r.o.Shapes[v] = t.Shape()
		}
		s, err := graph.Compile(r.m, r.o)
		if err != nil {
			return fmt.Errorf("lowrank: compiling the model for calibration: %w", err)
		}
		r.s = s
	}
	for _, v := range r.s.Inputs() {
		t, ok := feeds[v]
		if !ok {
			return fmt.Errorf("lowrank: calibration batch has no input %q", v)
		}
		if err := r.s.Feed(v, t); err != nil {
			return err
		}
	}
	return nil
}

// eachBatch runs m over all batches.
func eachBatch(ctx context.Context, m *graph.Model, bs Batches, o graph.Options, f func(*graph.Session) error) error {
	r := &runner{m: m, o: o}
	for feeds, err := range bs(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = r.feed(feeds)
		}
		if err == nil {
			err = r.s.Forward()
		}
		if err == nil {
			err = f(r.s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

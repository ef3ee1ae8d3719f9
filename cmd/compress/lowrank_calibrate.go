package main

import (
	"context"
	"iter"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank"
)

// calibrationBatch is the number of samples that run at once.
const calibrationBatch = 128

// setBatches yields a set's samples as the model's first input; where the model takes a fixed number at once, as
// many as fill batches of it.
func setBatches(m *graph.Model, set dataset.Set, norm *dataset.Normalize) (lowrank.Batches, error) {
	c := dataset.LoaderConfig{Batch: min(calibrationBatch, set.Len()), Normalize: norm, Epochs: 1}
	if n := m.Graph.FixedBatch(); n > 0 {
		c.Batch, c.DropLast = n, true
		if set.Len() < n {
			return nil, usagef("calibration with %d samples: the model takes %d at a time, give at least as many", set.Len(), n)
		}
	}
	return func(ctx context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
		return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
			l, err := dataset.NewLoader(set, c)
			if err != nil {
				yield(nil, err)
				return
			}
			defer l.Close()
			l.Start(ctx, dataset.Cursor{})
			for range l.BatchesPerEpoch() {
				b, err := l.Next(ctx)
				if err != nil {
					yield(nil, err)
					return
				}
				more := yield(map[graph.Value]*tensor.Tensor{m.Graph.Inputs[0].Name: b.X}, nil)
				b.Release()
				if !more {
					return
				}
			}
		}
	}, nil
}

// randomBatches yields standard normal float inputs, small counts of others.
func randomBatches(m *graph.Model, n int, seed uint64) (lowrank.Batches, error) {
	batch := min(n, calibrationBatch)
	params := m.Graph.ParamIndex()
	in := map[graph.Value]*tensor.Tensor{}
	for _, p := range m.Graph.Inputs {
		if params[p.Name] != nil {
			continue
		}
		s, err := p.Resolve(m.Graph.Uniform(batch))
		if err != nil || p.DType != tensor.F32 {
			return nil, usagef("--calibrate random: input %q is %v%v, want float32 of a known shape", p.Name, p.DType, p.Shape)
		}
		in[p.Name] = tensor.New(tensor.F32, s)
	}
	return func(context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
		return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
			for i := range (n + batch - 1) / batch {
				for name, t := range in {
					r := tensor.NewRand(seed, "calibrate", string(name)).Sub(uint64(i))
					for j := range t.F32s() {
						t.F32s()[j] = float32(r.Normal(uint64(j)))
					}
				}
				if !yield(in, nil) {
					return
				}
			}
		}
	}, nil
}

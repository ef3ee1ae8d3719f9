package main

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/bench"
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

// randomBatches yields n samples of random inputs, or more where the model takes a fixed number at a time.
func randomBatches(m *graph.Model, n int, seed uint64) (lowrank.Batches, error) {
	in, atOnce, err := blankInputs(m, min(n, calibrationBatch))
	if err != nil {
		return nil, err
	}
	return func(context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
		return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
			for i := range (n + atOnce - 1) / atOnce {
				for name, t := range in {
					bench.FillRandom(t, tensor.NewRand(seed, "calibrate", string(name)).Sub(uint64(i)))
				}
				if !yield(in, nil) {
					return
				}
			}
		}
	}, nil
}

// randomDims are the extents of random inputs. At the smallest that a model takes a window would see no more than
// its middle, so that what is no batch is larger where it can be.
func randomDims(m *graph.Model, batch int) graph.Dims {
	const extent = 32
	dims, fixed := m.Graph.Uniform(extent), m.Graph.BatchDims(batch, nil)
	maps.Copy(dims, fixed)
	if _, err := m.Infer(dims); err != nil {
		return m.AnyDims(fixed)
	}
	return dims
}

// randomTypes are those of inputs that random numbers, or false, stand for.
var randomTypes = []tensor.DType{tensor.F32, tensor.F64, tensor.I32, tensor.I64, tensor.Bool}

// blankInputs returns tensors for the model's inputs with so many samples, or as many as it takes, and their number.
func blankInputs(m *graph.Model, batch int) (in map[graph.Value]*tensor.Tensor, samples int, err error) {
	params, dims := m.Graph.ParamIndex(), randomDims(m, batch)
	in = map[graph.Value]*tensor.Tensor{}
	for _, p := range m.Graph.Inputs {
		if params[p.Name] != nil {
			continue
		}
		s, err := p.Resolve(dims)
		if err != nil || p.Shape == nil || !slices.Contains(randomTypes, p.DType) {
			return nil, 0, usagef("--calibrate random: input %q is %v%v, want a known shape and one of the types %v: calibrate with --data", p.Name, p.DType, p.Shape, randomTypes)
		}
		if in[p.Name] = tensor.New(p.DType, s); samples == 0 && len(s) > 0 {
			samples = s[0]
		}
	}
	return in, max(samples, 1), nil
}

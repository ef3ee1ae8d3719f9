package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// Correct says of every sample, in order, whether the largest of the model's first
// output, N x K, is at the label.
func Correct(ctx context.Context, m Model, set dataset.Set) ([]bool, error) {
	right := make([]bool, set.Len())
	err := Predictions(ctx, m, set, func(i int, predicted, label int64) error {
		if label < 0 {
			return fmt.Errorf("sample %d of %s has no label", i, set.Name())
		}
		right[i] = predicted == label
		return nil
	})
	return right, err
}

// Predictions calls visit with the number, the predicted class and the label of every
// sample.
func Predictions(ctx context.Context, m Model, set dataset.Set, visit func(i int, predicted, label int64) error) error {
	c := train.PredictConfig{Normalize: m.Normalize, Fetch: m.Model.Graph.OutputValues()[:1]}
	err := train.Predict(ctx, m.Model, set, c, func(b *dataset.Batch, out []*tensor.Tensor) error {
		n := b.X.Dim(0)
		if out[0].DType() != tensor.F32 || out[0].Len() < n || out[0].Len()%n != 0 {
			return fmt.Errorf("output %v is not one row of logits for each of %d samples", out[0], n)
		}
		k := out[0].Len() / n
		for i, at := range b.Index {
			row := out[0].F32s()[i*k : (i+1)*k]
			if err := visit(at, int64(train.ArgMax(row)), b.Y.I64s()[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	return nil
}

// ParamBytes returns the bytes of all parameters in memory.
func ParamBytes(m *graph.Model) (n int64) {
	for _, p := range m.AllParams() {
		n += int64(p.Shape.Size() * p.DType.Size())
	}
	return n
}

// PeakRAM returns the bytes that inference needs at the given extents: parameters,
// inputs, outputs, and the planned memory of a session.
func PeakRAM(m Model, d graph.Dims) (int64, error) {
	s, err := graph.Compile(m.Model, graph.Options{Dims: d})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", m.Path, err)
	}
	inf, err := m.Model.Infer(d)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", m.Path, err)
	}
	n := ParamBytes(m.Model) + int64(s.MemoryBytes())
	for _, v := range slices.Concat(s.Inputs(), s.Outputs()) {
		if spec, ok := inf.Specs[v]; ok {
			n += int64(spec.Shape.Size() * spec.DType.Size())
		}
	}
	return n, nil
}

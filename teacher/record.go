package teacher

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Recording holds an ensemble's logits for every sample of a set, as the samples
// are without augmentation. It stands in for the ensemble only where every epoch
// shows the same samples: the caller must not augment.
type Recording struct {
	set         string
	temperature float64
	logits      *tensor.Tensor // Len x K
	out         *tensor.Tensor
}

// Record runs the ensemble once over the set, whose batches are normalised with norm.
func Record(ctx context.Context, e *Ensemble, set dataset.Set, norm *dataset.Normalize, temperature float64) (*Recording, error) {
	const batch = 256
	l, err := dataset.NewLoader(set, dataset.LoaderConfig{Batch: min(batch, set.Len()), Normalize: norm})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.Start(ctx, dataset.Cursor{})
	r := &Recording{set: set.Name(), temperature: temperature}
	for range l.BatchesPerEpoch() {
		b, err := l.Next(ctx)
		if err != nil {
			return nil, err
		}
		z, _, err := e.Logits(ctx, b, temperature, nil)
		if err != nil {
			return nil, err
		}
		if r.logits == nil {
			r.logits = tensor.New(tensor.F32, tensor.Shape{set.Len(), z.Dim(-1)})
		}
		k := z.Dim(-1)
		for i, at := range b.Index {
			copy(r.logits.F32s()[at*k:(at+1)*k], z.F32s()[i*k:(i+1)*k])
		}
		b.Release()
	}
	return r, nil
}

// Logits returns the recorded logits of the batch's samples.
func (r *Recording) Logits(_ context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error) {
	if len(values) > 0 {
		return nil, nil, fmt.Errorf("teacher: a recording has logits only, not %v", values)
	}
	if temperature != r.temperature {
		return nil, nil, fmt.Errorf("teacher: recorded at temperature %g, asked at %g", r.temperature, temperature)
	}
	k := r.logits.Dim(1)
	if r.out == nil || r.out.Dim(0) != len(b.Index) {
		r.out = tensor.New(tensor.F32, tensor.Shape{len(b.Index), k})
	}
	for i, at := range b.Index {
		if at < 0 || at >= r.logits.Dim(0) {
			return nil, nil, fmt.Errorf("teacher: sample %d is outside the recording of %s (%d samples)", at, r.set, r.logits.Dim(0))
		}
		copy(r.out.F32s()[i*k:(i+1)*k], r.logits.F32s()[at*k:(at+1)*k])
	}
	return r.out, nil, nil
}

package lowrank

import (
	"context"
	"iter"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Batches yields the model's inputs, batch by batch. It is run several times and must
// yield the same batches each time.
type Batches func(ctx context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error]

func (r *run) calibrate(ctx context.Context) error { return nil }

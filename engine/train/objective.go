package train

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// CrossEntropy is the objective of learning from labels: the mean over the batch
// of -log softmax(logits)[label], where the logits are the model's first output.
type CrossEntropy struct {
	Aux map[graph.Value]float64 // further logits, of auxiliary heads, and the weights of their losses
}

// Labels is the name of the input, int64 of shape N, that holds the labels.
const Labels graph.Value = "labels"

// Build implements Objective.
func (c CrossEntropy) Build(b *graph.Builder, m *graph.Model) (graph.Value, error) {
	if len(m.Graph.Outputs) == 0 {
		return "", fmt.Errorf("train: the model has no output")
	}
	labels := LabelInput(b)
	loss := HardLoss(b, m.Graph.Outputs[0].Name, labels)
	for _, v := range slices.Sorted(maps.Keys(c.Aux)) {
		w := b.Const("aux_weight", tensor.Scalar(float32(c.Aux[v])))
		loss = b.Node("aux_add", "Add", nil, loss, b.Node("aux_scaled", "Mul", nil, HardLoss(b, v, labels), w))
	}
	return loss, nil
}

// Feed implements Objective.
func (CrossEntropy) Feed(_ context.Context, batch *dataset.Batch, _ At, in Feeds) error {
	return FeedLabels(batch, in)
}

// NeedsLabels implements Labelled.
func (CrossEntropy) NeedsLabels() bool { return true }

// Describe implements Described.
func (c CrossEntropy) Describe() string { return fmt.Sprintf("cross-entropy aux %v", c.Aux) }

// LabelInput declares the input that FeedLabels fills.
func LabelInput(b *graph.Builder) graph.Value {
	return b.Input(string(Labels), tensor.I64, b.Samples())
}

// HardLoss adds the mean cross-entropy of logits, N x K, with labels.
func HardLoss(b *graph.Builder, logits, labels graph.Value) graph.Value {
	return b.Node("hard_loss", "SoftmaxCrossEntropyLoss", graph.Attrs{"reduction": "mean"}, logits, labels)
}

// FeedLabels fills the labels of a batch; samples without one are an error.
func FeedLabels(batch *dataset.Batch, in Feeds) error {
	dst := in.Tensor(Labels).I64s()
	for i, y := range batch.Y.I64s() {
		if y < 0 {
			return fmt.Errorf("train: sample %d has no label", batch.Index[i])
		}
		dst[i] = y
	}
	return nil
}

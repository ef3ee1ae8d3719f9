package distill

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// Feed implements train.Objective.
func (o *Objective) Feed(ctx context.Context, batch *dataset.Batch, at train.At, in train.Feeds) error {
	for _, p := range o.parts {
		if p.input != "" {
			in.Tensor(p.input).F32s()[0] = float32(p.weight.At(at.Epoch, at.Epochs))
		}
	}
	if labels := in.Tensor(train.Labels); labels != nil {
		if err := o.feedLabels(batch, labels, in); err != nil {
			return err
		}
	}
	return o.feedTargets(ctx, batch, in)
}

// feedLabels copies the labels; only the cross-entropy cannot do without one.
func (o *Objective) feedLabels(batch *dataset.Batch, labels *tensor.Tensor, in train.Feeds) error {
	if o.Mixed || o.Hard.most() == 0 {
		labels.CopyFrom(batch.Y)
		return nil
	}
	if err := train.FeedLabels(batch, in); err != nil {
		return fmt.Errorf("%w; for data without labels set the hard weight to 0, or give that data as unlabelled", err)
	}
	return nil
}

// feedTargets runs the teacher once for each temperature; its values come with the first.
func (o *Objective) feedTargets(ctx context.Context, batch *dataset.Batch, in train.Feeds) error {
	runs := o.logits
	if len(runs) == 0 && len(o.values) > 0 {
		runs = valuesOnly
	}
	for i, t := range runs {
		z, values, err := o.Teacher.Logits(ctx, batch, t.temperature, o.values)
		if err != nil {
			return err
		}
		if t.temperature > 0 {
			if err := fill(in.Tensor(t.input), z, "logits"); err != nil {
				return err
			}
		}
		for j, v := range values {
			if i > 0 {
				break
			}
			if err := fill(in.Tensor(o.valueInputs[j]), v, string(o.values[j])); err != nil {
				return err
			}
		}
	}
	return nil
}

// valuesOnly asks for no logits.
var valuesOnly = []target{{}}

func fill(dst, src *tensor.Tensor, what string) error {
	if !src.Shape().Equal(dst.Shape()) {
		return fmt.Errorf("distill: the teacher gives %s as %v for a batch, want %v", what, src, dst)
	}
	dst.CopyFrom(src)
	return nil
}

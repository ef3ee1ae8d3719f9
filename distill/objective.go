package distill

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Teacher gives the targets of a batch.
type Teacher interface {
	// Logits returns N x K logits z of which softmax(z/T) is the teacher's
	// distribution at temperature T, and the given intermediate values. They
	// need to be valid until the next call only.
	Logits(ctx context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error)
}

// Loss compares the student's logits with the teacher's.
type Loss interface {
	Name() string
	// Formula is what Build computes, for people.
	Formula() string
	// Build adds the loss, one element, to the graph.
	Build(b *graph.Builder, in LogitLoss) graph.Value
}

// LogitLoss is what a loss on logits is built from.
type LogitLoss struct {
	Student, Teacher graph.Value // N x K
	Labels           graph.Value // int64, N; empty when the run has no labels
	Classes          int         // K
	Temperature      float64
}

var losses = registry.New[Loss]("distillation loss")

// Register adds a loss and panics when its name is taken.
func Register(l Loss) { losses.Add(l.Name(), l) }

// GetLoss returns the loss of the given name.
func GetLoss(name string) (Loss, error) { return losses.Get(name) }

// Losses lists the losses' names.
func Losses() []string { return losses.Names() }

// Objective is the weighted sum of the cross-entropy with the labels and of a
// distillation loss (Hinton, Vinyals, Dean 2015, section 2):
//
//	HardWeight CE(softmax(z_s), y) + SoftWeight loss(z_s, z_t)
//
// For soft targets the loss is T^2 KL(softmax(z_t/T) || softmax(z_s/T)), summed over
// classes, mean over the batch; T^2 keeps the size of its gradient when T changes.
type Objective struct {
	Teacher     Teacher
	Loss        Loss // soft targets when nil
	Temperature float64
	HardWeight  float64
	SoftWeight  float64
	Classes     int // K, of the teacher

	hard, soft graph.Value
}

// teacherLogits is the input that Feed fills.
const teacherLogits graph.Value = "teacher_logits"

// Validate rejects settings that cannot work.
func (o *Objective) Validate() error {
	bad := func(v float64) bool { return v < 0 || math.IsNaN(v) || math.IsInf(v, 0) }
	switch {
	case o.Teacher == nil:
		return errors.New("distill: no teacher")
	case bad(o.Temperature) || o.Temperature == 0:
		return fmt.Errorf("distill: temperature %g is not positive", o.Temperature)
	case bad(o.HardWeight) || bad(o.SoftWeight) || o.HardWeight+o.SoftWeight == 0:
		return fmt.Errorf("distill: weights %g (hard) and %g (soft) must not be negative, nor both zero", o.HardWeight, o.SoftWeight)
	}
	return nil
}

func (o *Objective) loss() Loss {
	if o.Loss == nil {
		return SoftTargets{}
	}
	return o.Loss
}

// Build implements train.Objective.
func (o *Objective) Build(b *graph.Builder, m *graph.Model) (graph.Value, error) {
	if err := o.Validate(); err != nil {
		return "", err
	}
	z := m.Graph.Outputs[0].Name
	s := b.Shape(z)
	if b.Err() != nil {
		return "", b.Err()
	}
	if len(s) != 2 || s[1] != o.Classes {
		return "", fmt.Errorf("distill: the student's output %q is N x %v, the teacher has %d classes", z, s[1:], o.Classes)
	}
	in := LogitLoss{Student: z, Classes: o.Classes, Temperature: o.Temperature}
	var parts []graph.Value
	if o.HardWeight > 0 {
		in.Labels = train.LabelInput(b)
		o.hard = train.HardLoss(b, z, in.Labels)
		parts = append(parts, scaled(b, o.hard, o.HardWeight))
	}
	if o.SoftWeight > 0 {
		in.Teacher = b.Input(string(teacherLogits), tensor.F32, "N", o.Classes)
		o.soft = o.loss().Build(b, in)
		parts = append(parts, scaled(b, o.soft, o.SoftWeight))
	}
	if len(parts) == 1 {
		return parts[0], b.Err()
	}
	return b.Node("loss", "Add", nil, parts...), b.Err()
}

// scaled multiplies v, one element, by w.
func scaled(b *graph.Builder, v graph.Value, w float64) graph.Value {
	return b.Node("scaled", "Mul", nil, v, b.Const("weight", tensor.Scalar(float32(w))))
}

// Feed implements train.Objective.
func (o *Objective) Feed(ctx context.Context, batch *dataset.Batch, _ train.At, in train.Feeds) error {
	if o.HardWeight > 0 {
		if err := train.FeedLabels(batch, in); err != nil {
			return fmt.Errorf("%w; for unlabelled data set the hard weight to 0", err)
		}
	}
	if o.SoftWeight == 0 {
		return nil
	}
	z, _, err := o.Teacher.Logits(ctx, batch, o.Temperature, nil)
	if err != nil {
		return err
	}
	dst := in.Tensor(teacherLogits)
	if !z.Shape().Equal(dst.Shape()) {
		return fmt.Errorf("distill: the teacher gives %v for a batch, want %v", z, dst)
	}
	dst.CopyFrom(z)
	return nil
}

// Metrics implements train.Metered.
func (o *Objective) Metrics() map[string]graph.Value {
	m := map[string]graph.Value{}
	if o.hard != "" {
		m["hard_loss"] = o.hard
	}
	if o.soft != "" {
		m["soft_loss"] = o.soft
	}
	return m
}

// Describe implements train.Described: the resolved formula.
func (o *Objective) Describe() string {
	return fmt.Sprintf("%g * CE(softmax(z_s), y) + %g * %s, T = %g", o.HardWeight, o.SoftWeight, o.loss().Formula(), o.Temperature)
}

package distill

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// OutputTeacher gives all outputs of a network that need not be a classifier.
type OutputTeacher interface {
	// All returns the outputs for a batch, in order. They need to be valid until
	// the next call only.
	All(ctx context.Context, b *dataset.Batch) ([]*tensor.Tensor, error)
}

// Outputs is the objective of a student that repeats the outputs y_t of a network of
// any kind, with the same outputs, without labels: the sum over floating-point
// outputs of
//
//	mean((y_s - y_t)^2) / (mean(y_t^2) + 1e-12)
//
// the means over all elements of a batch.
type Outputs struct {
	Teacher OutputTeacher
	Sample  tensor.Shape // of one sample of the data

	targets []graph.Value // one for each output of the student, "" for one of no float
}

// Build implements train.Objective.
func (o *Outputs) Build(b *graph.Builder, m *graph.Model) (loss graph.Value, err error) {
	o.targets = make([]graph.Value, len(m.Graph.Outputs))
	shapes, err := o.shapes(m)
	if err != nil {
		return "", err
	}
	for i, out := range m.Graph.Outputs {
		if out.DType != tensor.F32 {
			continue
		}
		o.targets[i] = b.Input(fmt.Sprintf("teacher_output_%d", i), tensor.F32, shapes[i]...)
		part := relativeSquare(b, out.Name, o.targets[i])
		if loss == "" {
			loss = part
		} else {
			loss = b.Node("loss", "Add", nil, loss, part)
		}
	}
	if loss == "" {
		return "", fmt.Errorf("distill: the student has no floating-point output to compare")
	}
	return loss, b.Err()
}

// shapes returns the outputs' dimensions, "N" for those that are the number of samples.
func (o *Outputs) shapes(m *graph.Model) ([][]any, error) {
	var at [2]*graph.Inferred
	for i, n := range []int{2, 3} {
		var err error
		if at[i], err = m.Infer(m.Graph.DimsOf(append(tensor.Shape{n}, o.Sample...))); err != nil {
			return nil, err
		}
	}
	all := make([][]any, len(m.Graph.Outputs))
	for i, out := range m.Graph.Outputs {
		two, ok := at[0].Specs[out.Name]
		three := at[1].Specs[out.Name]
		if !ok || len(two.Shape) != len(three.Shape) {
			return nil, fmt.Errorf("distill: the shape of the student's output %q is not known before it runs", out.Name)
		}
		for d, n := range two.Shape {
			switch {
			case n == three.Shape[d]:
				all[i] = append(all[i], n)
			case n == 2 && three.Shape[d] == 3:
				all[i] = append(all[i], "N")
			default:
				return nil, fmt.Errorf("distill: dimension %d of the student's output %q is %d for 2 samples and %d for 3", d, out.Name, n, three.Shape[d])
			}
		}
	}
	return all, nil
}

// Feed implements train.Objective.
func (o *Outputs) Feed(ctx context.Context, batch *dataset.Batch, _ train.At, in train.Feeds) error {
	outs, err := o.Teacher.All(ctx, batch)
	if err != nil {
		return err
	}
	if len(outs) != len(o.targets) {
		return fmt.Errorf("distill: the teacher has %d outputs, the student %d", len(outs), len(o.targets))
	}
	for i, v := range o.targets {
		if v == "" {
			continue
		}
		dst := in.Tensor(v)
		if !outs[i].Shape().Equal(dst.Shape()) || outs[i].DType() != dst.DType() {
			return fmt.Errorf("distill: the teacher's output %d is %v, the student's %v", i, outs[i], dst)
		}
		dst.CopyFrom(outs[i])
	}
	return nil
}

// Describe implements train.Described.
func (o *Outputs) Describe() string {
	return "sum over outputs of mean((y_s - y_t)^2) / mean(y_t^2)"
}

func relativeSquare(b *graph.Builder, y, target graph.Value) graph.Value {
	c := calc{b}
	return c.div(c.mean(c.square(c.sub(y, target))), c.plus(c.mean(c.square(target)), 1e-12))
}

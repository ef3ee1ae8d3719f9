package bench

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// session compiles m for the given inputs and extents.
func (o Options) session(m Model) (*graph.Session, error) {
	g := graph.Options{Dims: o.Extents(m.Model), Shapes: map[graph.Value]tensor.Shape{}, Pool: o.Pool}
	for _, p := range m.Model.Graph.Inputs {
		if t := o.Inputs[p.Name]; t != nil {
			g.Shapes[p.Name] = t.Shape()
		}
	}
	s, err := graph.Compile(m.Model, g)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path, err)
	}
	for name := range o.Inputs {
		if !slices.Contains(s.Inputs(), name) {
			return nil, fmt.Errorf("%s: the model has no input %q (inputs: %v)", m.Path, name, s.Inputs())
		}
	}
	return s, nil
}

// ready returns a session of m that is fed.
func (o Options) ready(m Model) (*graph.Session, error) {
	s, err := o.session(m)
	if err != nil {
		return nil, err
	}
	if err := o.feed(s, 1); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path, err)
	}
	return s, nil
}

// feed sets the inputs: those given, the others to random values, the same for
// every model whose inputs have the same order and shapes.
func (o Options) feed(s *graph.Session, seed uint64) error {
	for i, v := range s.Inputs() {
		if t := o.Inputs[v]; t == nil {
			FillRandom(s.Tensor(v), tensor.NewRand(seed, fmt.Sprintf("input %d", i)))
		} else if err := s.Feed(v, t); err != nil {
			return err
		}
	}
	return nil
}

// FillRandom draws the elements: floating-point numbers are standard normal, integers 0 or 1,
// which every table has rows for. Other types are left as they are.
func FillRandom(t *tensor.Tensor, r tensor.Rand) {
	switch t.DType() {
	case tensor.F32:
		fill(t.F32s(), func(i int) float32 { return float32(r.Normal(uint64(i))) })
	case tensor.F64:
		fill(tensor.Data[float64](t), func(i int) float64 { return r.Normal(uint64(i)) })
	case tensor.I64:
		fill(tensor.Data[int64](t), func(i int) int64 { return int64(r.Uint64(uint64(i)) & 1) })
	case tensor.I32:
		fill(tensor.Data[int32](t), func(i int) int32 { return int32(r.Uint64(uint64(i)) & 1) })
	}
}

func fill[T any](data []T, at func(int) T) {
	for i := range data {
		data[i] = at(i)
	}
}

// randomAgreement compares all floating-point outputs of every model with the
// first model's over o.Random draws of the inputs.
func randomAgreement(ctx context.Context, models []Model, o Options, res []Result) error {
	sessions := make([]*graph.Session, len(models))
	for i, m := range models {
		s, err := o.session(m)
		if err != nil {
			return err
		}
		if len(s.Outputs()) != len(models[0].Model.Graph.Outputs) {
			return fmt.Errorf("%s has %d outputs, %s has %d: they cannot be compared", m.Path, len(s.Outputs()), models[0].Path, len(models[0].Model.Graph.Outputs))
		}
		sessions[i] = s
	}
	sums := make([]differences, len(models))
	for n := range o.Random {
		for i, s := range sessions {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := o.forward(s, uint64(n)+1); err != nil {
				return fmt.Errorf("%s: %w", models[i].Path, err)
			}
			if err := sums[i].outputs(s, sessions[0]); err != nil {
				return fmt.Errorf("%s: %w", models[i].Path, err)
			}
		}
	}
	for i := range models {
		maxAbs, rel := sums[i].result()
		res[i].MaxAbsDiff, res[i].RelError = &maxAbs, &rel
	}
	return nil
}

func (o Options) forward(s *graph.Session, seed uint64) error {
	if err := o.feed(s, seed); err != nil {
		return err
	}
	return s.Forward()
}

// differences sums how outputs a differ from reference outputs b.
type differences struct {
	maxAbs   float64 // max |a-b|
	num, den float64 // sum of (a-b)^2 and of b^2
}

// outputs counts all outputs of s against those of ref.
func (d *differences) outputs(s, ref *graph.Session) error {
	for j, v := range s.Outputs() {
		if err := d.add(s.Tensor(v), ref.Tensor(ref.Outputs()[j])); err != nil {
			return fmt.Errorf("output %q: %w", v, err)
		}
	}
	return nil
}

// add counts one output; integers do not count.
func (d *differences) add(a, b *tensor.Tensor) error {
	if !a.Shape().Equal(b.Shape()) || a.DType() != b.DType() {
		return fmt.Errorf("it is %v, the first model's is %v: they cannot be compared", a, b)
	}
	if a.DType() != tensor.F32 {
		return nil
	}
	d.addF32(a.F32s(), b.F32s())
	if math.IsNaN(d.num) {
		return fmt.Errorf("it is not finite")
	}
	return nil
}

func (d *differences) addF32(a, b []float32) {
	for i := range a {
		diff := math.Abs(float64(a[i]) - float64(b[i]))
		d.maxAbs = math.Max(d.maxAbs, diff)
		d.num += diff * diff
		d.den += float64(b[i]) * float64(b[i])
	}
}

// result returns max |a-b| and ||a-b|| / ||b||.
func (d *differences) result() (maxAbs, rel float64) {
	if d.num == 0 {
		return d.maxAbs, 0
	}
	return d.maxAbs, math.Sqrt(d.num / d.den)
}

// Package teacher obtains what a student learns from: a trained network or an
// ensemble of them, run beside the student or recorded once.
//
// A teacher sees the very batch that the student sees, augmentation included;
// where its normalisation differs from the student's, the batch is converted.
package teacher

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// Network is one trained network as a teacher.
type Network struct {
	Name      string // for messages: the file
	Model     *graph.Model
	Normalize *dataset.Normalize // what the network was trained with
	Batches   *dataset.Normalize // what the batches are normalised with
	Pool      *kernel.Pool

	p       *train.Predictor
	scratch []float32
}

// Outputs runs the network on a batch and returns its logits, N x K, and the
// given values. They are valid until the next call.
func (n *Network) Outputs(_ context.Context, x *tensor.Tensor, values []graph.Value) (logits *tensor.Tensor, hints []*tensor.Tensor, err error) {
	if len(n.Model.Graph.Outputs) == 0 {
		return nil, nil, fmt.Errorf("teacher %s has no output", n.Name)
	}
	out, err := n.fetch(x, append([]graph.Value{n.Model.Graph.Outputs[0].Name}, values...))
	if err != nil {
		return nil, nil, err
	}
	return out[0], out[1:], nil
}

// fetch runs what the values need.
func (n *Network) fetch(x *tensor.Tensor, values []graph.Value) ([]*tensor.Tensor, error) {
	if n.p == nil || !slices.Equal(n.p.Fetch, values) {
		n.p = &train.Predictor{Model: n.Model, Fetch: values, Pool: n.Pool}
	}
	out, err := n.p.Run(n.convert(x))
	if err != nil {
		return nil, fmt.Errorf("teacher %s: %w", n.Name, err)
	}
	return out, nil
}

// All runs the network on a batch and returns all its outputs, valid until the next call.
func (n *Network) All(ctx context.Context, b *dataset.Batch) ([]*tensor.Tensor, error) {
	first, rest, err := n.Outputs(ctx, b.X, n.Model.Graph.OutputValues()[1:])
	if err != nil {
		return nil, err
	}
	return append([]*tensor.Tensor{first}, rest...), nil
}

// convert undoes the batch's normalisation and applies the network's own, in one
// affine map for each channel.
func (n *Network) convert(x *tensor.Tensor) *tensor.Tensor {
	if reflect.DeepEqual(n.Normalize, n.Batches) {
		return x
	}
	if len(n.scratch) < x.Len() {
		n.scratch = make([]float32, x.Len())
	}
	y := tensor.Of(x.Shape(), n.scratch[:x.Len()])
	channels := x.Dim(1)
	plane := x.Len() / x.Dim(0) / channels
	for at := 0; at < x.Len(); at += plane {
		c := at / plane % channels
		m0, s0 := channel(n.Batches, c)
		m1, s1 := channel(n.Normalize, c)
		scale, shift := s0/s1, (m0-m1)/s1
		in, out := x.F32s()[at:at+plane], y.F32s()[at:at+plane]
		for i, v := range in {
			out[i] = v*scale + shift
		}
	}
	return y
}

// channel returns the mean and the standard deviation that n has for channel c.
func channel(n *dataset.Normalize, c int) (mean, std float32) {
	if n == nil {
		return 0, 1
	}
	return n.Mean[min(c, len(n.Mean)-1)], n.Std[min(c, len(n.Std)-1)]
}

// Combine says how an ensemble's members are put together.
type Combine string

// The ways to combine: the arithmetic mean of the members' distributions at the
// temperature, or the mean of their logits, which is the geometric mean of the
// distributions (Hinton, Vinyals, Dean 2015, section 1).
const (
	MeanProbabilities Combine = "probabilities"
	MeanLogits        Combine = "logits"
)

// Ensemble is several networks with the same classes.
type Ensemble struct {
	Members []*Network
	Weights []float64 // equal when nil; else one for each member, summing to 1
	Combine Combine   // MeanProbabilities when empty

	out *tensor.Tensor
}

// NewEnsemble checks the members and weights; weights are scaled to sum to 1.
func NewEnsemble(members []*Network, weights []float64, c Combine) (*Ensemble, error) {
	if len(members) == 0 {
		return nil, fmt.Errorf("teacher: an ensemble needs a member")
	}
	if weights != nil && len(weights) != len(members) {
		return nil, fmt.Errorf("teacher: %d weights for %d members", len(weights), len(members))
	}
	switch c {
	case "":
		c = MeanProbabilities
	case MeanProbabilities, MeanLogits:
	default:
		return nil, fmt.Errorf("teacher: cannot combine by %q (ways: %s, %s)", c, MeanProbabilities, MeanLogits)
	}
	w := make([]float64, len(members))
	sum := 0.0
	for i := range w {
		w[i] = 1
		if weights != nil {
			w[i] = weights[i]
		}
		if w[i] < 0 || math.IsNaN(w[i]) {
			return nil, fmt.Errorf("teacher: weight %g of member %d is negative", w[i], i+1)
		}
		sum += w[i]
	}
	if sum == 0 {
		return nil, fmt.Errorf("teacher: all weights are zero")
	}
	if math.IsInf(sum, 1) {
		return nil, fmt.Errorf("teacher: the weights %v are too large", weights)
	}
	for i := range w {
		w[i] /= sum
	}
	return &Ensemble{Members: members, Weights: w, Combine: c}, nil
}

// Logits returns N x K logits z with softmax(z/T) equal to the ensemble's
// distribution at temperature T, and the values of the first member. They are valid
// until the next call. At temperature 0 only the values are computed.
func (e *Ensemble) Logits(ctx context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error) {
	if temperature == 0 {
		hints, err := e.Members[0].fetch(b.X, values)
		return nil, hints, err
	}
	first, hints, err := e.Members[0].Outputs(ctx, b.X, values)
	if err != nil || len(e.Members) == 1 {
		return first, hints, err
	}
	if e.out == nil || !e.out.Shape().Equal(first.Shape()) {
		e.out = tensor.New(tensor.F32, first.Shape())
	}
	e.out.Zero()
	e.add(first, 0, temperature)
	for i, m := range e.Members[1:] {
		z, _, err := m.Outputs(ctx, b.X, nil)
		if err != nil {
			return nil, nil, err
		}
		if !z.Shape().Equal(first.Shape()) {
			return nil, nil, fmt.Errorf("teachers %s and %s give %v and %v", e.Members[0].Name, m.Name, first, z)
		}
		e.add(z, i+1, temperature)
	}
	if e.Combine == MeanProbabilities {
		toLogits(e.out.F32s(), temperature)
	}
	return e.out, hints, nil
}

// add adds a member's weighted share.
func (e *Ensemble) add(z *tensor.Tensor, member int, temperature float64) {
	w, out, in := float32(e.Weights[member]), e.out.F32s(), z.F32s()
	if e.Combine == MeanLogits {
		kernel.Axpy(out, w, in)
		return
	}
	k := z.Dim(-1)
	for at := 0; at < len(in); at += k {
		addSoftmax(out[at:at+k], in[at:at+k], temperature, float64(w))
	}
}

// addSoftmax adds w softmax(z/T) to p.
func addSoftmax(p, z []float32, temperature, w float64) {
	top := float64(z[train.ArgMax(z)])
	sum := 0.0
	for _, v := range z {
		sum += math.Exp((float64(v) - top) / temperature)
	}
	for i, v := range z {
		p[i] += float32(w * math.Exp((float64(v)-top)/temperature) / sum)
	}
}

// toLogits turns probabilities at temperature T into T log p.
func toLogits(p []float32, temperature float64) {
	const tiny = 1e-30 // the smallest probability that matters in float32
	for i, v := range p {
		p[i] = float32(temperature * math.Log(math.Max(float64(v), tiny)))
	}
}

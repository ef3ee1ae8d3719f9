package distill

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// DKD is decoupled knowledge distillation (Zhao et al. 2022, 'Decoupled Knowledge
// Distillation', equation 7):
//
//	T^2 (alpha KL(b_t || b_s) + beta KL(q_t || q_s))
//
// b = (p_y, 1 - p_y) tells the target class y from all others, q_k = p_k / (1 - p_y) is
// the distribution over the others, p = softmax(z/T). Sums are over classes, means over
// the batch. y is the label; of samples without one, the teacher's most likely class.
// The paper has alpha = 1, beta = 8 and T = 4 for ResNet-56 to ResNet-20 on CIFAR-100,
// beside the cross-entropy with weight 1.
type DKD struct{ Alpha, Beta float64 }

// Name implements Loss.
func (DKD) Name() string { return "dkd" }

// UsesLabels implements Labelled.
func (DKD) UsesLabels() {}

// Formula implements Loss.
func (l DKD) Formula() string {
	return fmt.Sprintf("T^2 * (%g * KL(b_t || b_s) + %g * KL(q_t || q_s)), b = (p_y, 1 - p_y), q = p without y", l.Alpha, l.Beta)
}

// Build implements Loss.
func (l DKD) Build(b *graph.Builder, in LogitLoss) (loss graph.Value) {
	b.Scope("dkd", func() {
		c := calc{b}
		mask := c.targets(in)
		s, t := c.decouple(in.Student, mask, in.Temperature), c.decouple(in.Teacher, mask, in.Temperature)
		target := c.add(c.weighedRatio(t.target, s.target), c.weighedRatio(t.rest, s.rest))
		others := c.over("ReduceSum", 1, c.weighedRatio(t.others, s.others))
		sum := c.add(c.times(target, l.Alpha), c.times(others, l.Beta))
		loss = c.times(c.mean(sum), in.Temperature*in.Temperature)
	})
	return loss
}

// decoupled holds log-probabilities: of the target and of the rest, N x 1, and those
// within the rest, N x K, where the target has next to none.
type decoupled struct{ target, rest, others graph.Value }

// masked is what a logit loses that shall have no probability.
const masked = 1000

func (c calc) decouple(z, mask graph.Value, temperature float64) decoupled {
	logp := logSoftmax(c.Builder, c.div(z, c.num(temperature)))
	out := c.sub(logp, c.times(mask, masked))
	return decoupled{
		target: c.over("ReduceSum", 1, c.mul(logp, mask)),
		rest:   c.over("ReduceLogSumExp", 1, out),
		others: logSoftmax(c.Builder, out),
	}
}

// weighedRatio is p_t log(p_t / p_s) of log-probabilities.
func (c calc) weighedRatio(logPt, logPs graph.Value) graph.Value {
	return c.mul(c.Node("p_t", "Exp", nil, logPt), c.sub(logPt, logPs))
}

// targets returns N x K with a one at each sample's target class.
func (c calc) targets(in LogitLoss) graph.Value {
	y := c.Node("likely", "ArgMax", graph.Attrs{"axis": int64(1), "keepdims": int64(0)}, in.Teacher)
	if in.Labels != "" {
		has := c.Node("has_label", "GreaterOrEqual", nil, in.Labels, c.Const("first_class", tensor.Scalar(int64(0))))
		y = c.Node("target", "Where", nil, has, in.Labels, y)
	}
	values := tensor.New(tensor.F32, tensor.Shape{2})
	values.F32s()[1] = 1
	return c.Node("mask", "OneHot", nil, y, c.Ints("classes", in.Classes), c.Const("values", values))
}

func init() {
	RegisterLoss("dkd", Params{"alpha": 1, "beta": 8}, func(p Params) (Loss, error) {
		return DKD{p["alpha"], p["beta"]}, nonNegative(p, "alpha", "beta")
	})
}

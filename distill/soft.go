package distill

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// SoftTargets is the loss of Hinton, Vinyals, Dean 2015:
//
//	T^2 KL(p_t || p_s) = T^2 1/N sum_n sum_k p_t (log p_t - log p_s)
type SoftTargets struct{}

// Name implements Loss.
func (SoftTargets) Name() string { return "kd" }

// Formula implements Loss.
func (SoftTargets) Formula() string { return "T^2 * KL(softmax(z_t/T) || softmax(z_s/T))" }

// Build implements Loss.
func (SoftTargets) Build(b *graph.Builder, in LogitLoss) (loss graph.Value) {
	b.Scope("kd", func() {
		t := b.Const("temperature", tensor.Scalar(float32(in.Temperature)))
		logPs := logSoftmax(b, b.Node("student", "Div", nil, in.Student, t))
		logPt := logSoftmax(b, b.Node("teacher", "Div", nil, in.Teacher, t))
		loss = kl(b, logPt, logPs)
		loss = scaled(b, loss, in.Temperature*in.Temperature)
	})
	return loss
}

func logSoftmax(b *graph.Builder, x graph.Value) graph.Value {
	return b.Node("log_softmax", "LogSoftmax", graph.Attrs{"axis": int64(-1)}, x)
}

// kl adds the Kullback-Leibler divergence of N x K log-probabilities, summed over
// K, mean over N.
func kl(b *graph.Builder, logPt, logPs graph.Value) graph.Value {
	d := b.Node("log_ratio", "Sub", nil, logPt, logPs)
	d = b.Node("terms", "Mul", nil, b.Node("p_t", "Exp", nil, logPt), d)
	d = b.Node("kl", "ReduceSum", graph.Attrs{"keepdims": int64(0)}, d, b.Ints("class_axis", 1))
	return b.Node("mean", "ReduceMean", graph.Attrs{"keepdims": int64(0)}, d)
}

func init() { Register(SoftTargets{}) }

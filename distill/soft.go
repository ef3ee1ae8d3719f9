package distill

import "github.com/compress-toolkit/compress/engine/graph"

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
		c := calc{b}
		t := c.num(in.Temperature)
		logPt, logPs := logSoftmax(b, c.div(in.Teacher, t)), logSoftmax(b, c.div(in.Student, t))
		kl := c.over("ReduceSum", 1, c.weighedRatio(logPt, logPs))
		loss = c.times(c.mean(kl), in.Temperature*in.Temperature)
	})
	return loss
}

func logSoftmax(b *graph.Builder, x graph.Value) graph.Value {
	return b.Node("log_softmax", "LogSoftmax", graph.Attrs{"axis": int64(-1)}, x)
}

func init() { Register(SoftTargets{}) }

package distill

import "github.com/compress-toolkit/compress/engine/graph"

// Logits is logit regression (Ba and Caruana 2014, equation 1, as a mean):
//
//	1/(N K) sum (z_s - z_t)^2
type Logits struct{}

// Name implements Loss.
func (Logits) Name() string { return "logits" }

// Formula implements Loss.
func (Logits) Formula() string { return "mean((z_s - z_t)^2)" }

// Build implements Loss.
func (Logits) Build(b *graph.Builder, in LogitLoss) (loss graph.Value) {
	b.Scope("logits", func() {
		d := b.Node("difference", "Sub", nil, in.Student, in.Teacher)
		loss = b.Node("mean", "ReduceMean", graph.Attrs{"keepdims": int64(0)}, b.Node("square", "Mul", nil, d, d))
	})
	return loss
}

func init() { Register(Logits{}) }

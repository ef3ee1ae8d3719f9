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
		c := calc{b}
		loss = c.mean(c.square(c.sub(in.Student, in.Teacher)))
	})
	return loss
}

func init() { Register(Logits{}) }

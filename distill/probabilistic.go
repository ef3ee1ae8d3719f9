package distill

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Probabilistic is probabilistic knowledge transfer (Passalis and Tefas 2018, 'Learning
// Deep Representations with Probabilistic Knowledge Transfer', equations 3 to 6, with the
// cosine similarity), as a mean over pairs with i itself among the j, as in the authors'
// program:
//
//	1/N^2 sum_ij P_t log((P_t + 1e-7) / (P_s + 1e-7)),  P_ij = K_ij / sum_j K_ij,  K_ij = (cos(x_i, x_j) + 1) / 2
//
// x is N x D. The usual weight is 30000, beside the cross-entropy with weight 1.
type Probabilistic struct{}

// Name implements FeatureLoss.
func (Probabilistic) Name() string { return "pkt" }

// UsualWeight implements Weighted.
func (Probabilistic) UsualWeight() float64 { return 30000 }

// Formula implements FeatureLoss.
func (Probabilistic) Formula() string {
	return "mean(P_t log(P_t/P_s)), P = rows of (cos(v_i, v_j) + 1)/2 over their sums"
}

// Build implements FeatureLoss.
func (Probabilistic) Build(n *nn.Net, fs []Features) graph.Value {
	const tiny = 1e-7
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		p := func(v graph.Value) graph.Value {
			x := c.unit(1, c.rows(v))
			k := c.plus(c.times(c.gram(x, x), 0.5), 0.5)
			return c.div(k, c.over("ReduceSum", 1, k))
		}
		log := func(p graph.Value) graph.Value { return c.Node("log", "Log", nil, c.plus(p, tiny)) }
		s, t := p(f.Student), p(f.Teacher)
		return c.mean(c.mul(t, c.sub(log(t), log(s))))
	})
}

func init() {
	RegisterFeature("pkt", nil, func(Params) (FeatureLoss, error) { return Probabilistic{}, nil })
}

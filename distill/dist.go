package distill

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
)

// DIST is Huang et al. 2022, 'Knowledge Distillation from A Stronger Teacher',
// equations 9 to 11, with the factor T^2 of the authors' program (their tau is T):
//
//	T^2 (beta (1 - 1/N sum_n rho(p_s[n,:], p_t[n,:])) + gamma (1 - 1/K sum_k rho(p_s[:,k], p_t[:,k])))
//
// p = softmax(z/T), N x K, and rho is Pearson's correlation, which scale and shift of
// either side leave as it is. The paper has beta = gamma = 2 and T = 4 for CIFAR-100,
// all 1 for ImageNet, beside the cross-entropy with weight 1.
type DIST struct{ Beta, Gamma float64 }

// Name implements Loss.
func (DIST) Name() string { return "dist" }

// Formula implements Loss.
func (l DIST) Formula() string {
	return fmt.Sprintf("T^2 * (%g * (1 - corr over classes(p_s, p_t)) + %g * (1 - corr over samples(p_s, p_t)))", l.Beta, l.Gamma)
}

// Build implements Loss.
func (l DIST) Build(b *graph.Builder, in LogitLoss) (loss graph.Value) {
	b.Scope("dist", func() {
		c := calc{b}
		p := func(z graph.Value) graph.Value {
			return c.Node("p", "Softmax", graph.Attrs{"axis": int64(-1)}, c.div(z, c.num(in.Temperature)))
		}
		s, t := p(in.Student), p(in.Teacher)
		sum := c.add(c.times(c.uncorrelated(1, s, t), l.Beta), c.times(c.uncorrelated(0, s, t), l.Gamma))
		loss = c.times(sum, in.Temperature*in.Temperature)
	})
	return loss
}

// uncorrelated is 1 less the mean of Pearson's correlations of x and y along the axis
// of N x K; the correlation with what does not vary is 0.
func (c calc) uncorrelated(axis int, x, y graph.Value) graph.Value {
	centred := func(v graph.Value) graph.Value {
		return c.unit(axis, c.sub(v, c.over("ReduceMean", axis, v)))
	}
	rho := c.over("ReduceSum", axis, c.mul(centred(x), centred(y)))
	return c.sub(c.num(1), c.mean(rho))
}

func init() {
	RegisterLoss("dist", Params{"beta": 2, "gamma": 2}, func(p Params) (Loss, error) {
		return DIST{p["beta"], p["gamma"]}, nonNegative(p, "beta", "gamma")
	})
}

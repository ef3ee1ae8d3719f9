package distill

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Contrastive is contrastive representation distillation (Tian, Krishnan, Isola 2020,
// 'Contrastive Representation Distillation') with the paper's critic and the negatives
// of the batch, without the paper's memory of all samples: InfoNCE from either side,
//
//	-1/N sum_n (log softmax_m(h(s_n, t_m))[n] + log softmax_m(h(s_m, t_n))[n])
//	h(s, t) = g_s(s) g_t(t) / tau
//
// g are dense layers to dim units, over the norm; they are trained and are not part of
// the result. Larger batches have more negatives. Values are N x D, the paper's being
// those before the classifier; dim = 128 and tau = 0.07 are the paper's, and 0.8 its
// weight beside the cross-entropy with weight 1.
type Contrastive struct {
	Dim int
	Tau float64
}

// Name implements FeatureLoss.
func (Contrastive) Name() string { return "crd" }

// UsualWeight implements Weighted.
func (Contrastive) UsualWeight() float64 { return 0.8 }

// Formula implements FeatureLoss.
func (l Contrastive) Formula() string {
	return fmt.Sprintf("InfoNCE(g_s(v_s), g_t(v_t)) of the batch, both ways, %d units, tau = %g", l.Dim, l.Tau)
}

// Build implements FeatureLoss.
func (l Contrastive) Build(n *nn.Net, fs []Features) graph.Value {
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		s := c.unit(1, n.Dense("embed_student", c.rows(f.Student), l.Dim, nn.Dense{}))
		t := c.unit(1, n.Dense("embed_teacher", c.rows(f.Teacher), l.Dim, nn.Dense{}))
		h := c.times(c.gram(s, t), 1/l.Tau)
		eye := c.eye(h)
		found := func(axis int) graph.Value { // log-probability of the own partner, along the axis
			logp := c.Node("log_softmax", "LogSoftmax", graph.Attrs{"axis": int64(axis)}, h)
			return c.mean(c.over("ReduceSum", 1-axis, c.mul(logp, eye)))
		}
		return c.times(c.add(found(1), found(0)), -1)
	})
}

func init() {
	RegisterFeature("crd", Params{"dim": 128, "tau": 0.07}, func(p Params) (FeatureLoss, error) {
		if err := whole(p, "dim", 1, 1<<16); err != nil {
			return nil, err
		}
		return Contrastive{int(p["dim"]), p["tau"]}, positive(p, "tau")
	})
}

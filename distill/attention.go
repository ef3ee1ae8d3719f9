package distill

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Attention is attention transfer (Zagoruyko and Komodakis 2017, 'Paying More Attention
// to Attention', equations 1 and 2), as the mean over N and positions that the authors'
// program has:
//
//	mean((Q_s/||Q_s|| - Q_t/||Q_t||)^2),  Q = mean_c |A_c|^p
//
// A is N x C x H x W; of maps of different sizes, the larger Q is averaged down. The
// usual p is 2 and the weight 1000, beside the cross-entropy with weight 1.
type Attention struct{ P float64 }

// Name implements FeatureLoss.
func (Attention) Name() string { return "at" }

// UsualWeight implements Weighted.
func (Attention) UsualWeight() float64 { return 1000 }

// Formula implements FeatureLoss.
func (l Attention) Formula() string {
	return fmt.Sprintf("mean((Q_s/||Q_s|| - Q_t/||Q_t||)^2), Q = mean_c |v_c|^%g", l.P)
}

// Build implements FeatureLoss.
func (l Attention) Build(n *nn.Net, fs []Features) graph.Value {
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		if !c.areMaps("at", f) {
			return ""
		}
		s, t := c.commonSize(c.attention(f.Student, l.P), c.attention(f.Teacher, l.P))
		return c.mean(c.square(c.sub(c.unit(-1, c.rows(s)), c.unit(-1, c.rows(t)))))
	})
}

// attention is mean_c |x_c|^p, N x 1 x H x W.
func (c calc) attention(x graph.Value, p float64) graph.Value {
	if p == 2 {
		x = c.square(x)
	} else {
		x = c.Node("power", "Pow", nil, c.Node("abs", "Abs", nil, x), c.num(p))
	}
	return c.over("ReduceMean", 1, x)
}

func init() {
	RegisterFeature("at", Params{"p": 2}, func(p Params) (FeatureLoss, error) {
		return Attention{p["p"]}, atLeast(p, 1, "p")
	})
}

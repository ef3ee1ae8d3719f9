package distill

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Similarity is similarity-preserving distillation (Tung and Mori 2019,
// 'Similarity-Preserving Knowledge Distillation', equations 1 to 4):
//
//	1/N^2 || G_s - G_t ||_F^2,  G = F F^T with each row over its norm
//
// F is N x D, all of a sample's value. The paper's weight is 3000, beside the
// cross-entropy with weight 1.
type Similarity struct{}

// Name implements FeatureLoss.
func (Similarity) Name() string { return "sp" }

// UsualWeight implements Weighted.
func (Similarity) UsualWeight() float64 { return 3000 }

// Formula implements FeatureLoss.
func (Similarity) Formula() string { return "mean((G_s - G_t)^2), G = rows of v v^T over their norms" }

// Build implements FeatureLoss.
func (Similarity) Build(n *nn.Net, fs []Features) graph.Value {
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		g := func(v graph.Value) graph.Value {
			v = c.rows(v)
			return c.unit(1, c.gram(v, v))
		}
		return c.mean(c.square(c.sub(g(f.Student), g(f.Teacher))))
	})
}

func init() {
	RegisterFeature("sp", nil, func(Params) (FeatureLoss, error) { return Similarity{}, nil })
}

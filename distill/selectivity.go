package distill

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Selectivity is neuron selectivity transfer (Huang and Wang 2017, 'Like What You Like:
// Knowledge Distill via Neuron Selectivity Transfer', equations 5 and 6): the squared
// maximum mean discrepancy of the channels' maps with the polynomial kernel
// k(x, y) = (x y)^2, mean over the batch:
//
//	mean_cc' k(s_c, s_c') + mean_cc' k(t_c, t_c') - 2 mean_cc' k(s_c, t_c')
//
// s_c and t_c are maps of H W elements over their norms; the larger of two maps is
// averaged down, and channels may differ. The usual weight is 50, beside the
// cross-entropy with weight 1.
type Selectivity struct{}

// Name implements FeatureLoss.
func (Selectivity) Name() string { return "nst" }

// UsualWeight implements Weighted.
func (Selectivity) UsualWeight() float64 { return 50 }

// Formula implements FeatureLoss.
func (Selectivity) Formula() string {
	return "MMD^2 of the channels of v_s and v_t with kernel (x y)^2, |x| = |y| = 1"
}

// Build implements FeatureLoss.
func (Selectivity) Build(n *nn.Net, fs []Features) graph.Value {
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		if !c.areMaps("nst", f) {
			return ""
		}
		s, t := c.commonSize(f.Student, f.Teacher)
		s, t = c.channels(s), c.channels(t)
		return c.sub(c.add(c.kernel2(s, s), c.kernel2(t, t)), c.times(c.kernel2(s, t), 2))
	})
}

// channels brings N x C x H x W to N x C x HW with channels of norm 1.
func (c calc) channels(x graph.Value) graph.Value {
	s := c.Shape(x)
	if c.Err() != nil {
		return x
	}
	return c.unit(-1, c.Node("positions", "Reshape", nil, x, c.Ints("shape", 0, s[1], s[2]*s[3])))
}

// kernel2 is the mean of (x_c y_c')^2 over samples and pairs of channels.
func (c calc) kernel2(x, y graph.Value) graph.Value {
	y = c.Node("transposed", "Transpose", graph.Attrs{"perm": graph.Ints64(0, 2, 1)}, y)
	return c.mean(c.square(c.Node("products", "MatMul", nil, x, y)))
}

func init() {
	RegisterFeature("nst", nil, func(Params) (FeatureLoss, error) { return Selectivity{}, nil })
}

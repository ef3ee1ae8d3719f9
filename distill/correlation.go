package distill

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Correlation is correlation congruence (Peng et al. 2019, 'Correlation Congruence for
// Knowledge Distillation', equations 6 to 11):
//
//	1/N^2 || C_s - C_t ||_F^2,  C_ij = sum_{q=0..order} exp(-2 gamma) (2 gamma)^q / q! (x_i x_j)^q
//
// C is the Taylor series of the Gaussian kernel exp(-gamma |x_i - x_j|^2) for rows x of
// length 1, N x D. The paper has gamma = 0.4 and order 2. The weight is in no proportion
// to other losses: the value is small, and 100 beside the cross-entropy with weight 1
// makes it count.
type Correlation struct {
	Gamma float64
	Order int
}

// Name implements FeatureLoss.
func (Correlation) Name() string { return "cc" }

// UsualWeight implements Weighted.
func (Correlation) UsualWeight() float64 { return 100 }

// Formula implements FeatureLoss.
func (l Correlation) Formula() string {
	return fmt.Sprintf("mean((C_s - C_t)^2), C = kernel exp(-%g |v_i - v_j|^2) to order %d, |v_i| = 1", l.Gamma, l.Order)
}

// Build implements FeatureLoss.
func (l Correlation) Build(n *nn.Net, fs []Features) graph.Value {
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		return c.mean(c.square(c.sub(l.kernel(c, f.Student), l.kernel(c, f.Teacher))))
	})
}

// kernel evaluates the series by Horner's rule.
func (l Correlation) kernel(c calc, v graph.Value) graph.Value {
	x := c.unit(1, c.rows(v))
	g := c.gram(x, x)
	a := make([]float64, l.Order+1)
	a[0] = math.Exp(-2 * l.Gamma)
	for q := 1; q <= l.Order; q++ {
		a[q] = a[q-1] * 2 * l.Gamma / float64(q)
	}
	sum := c.plus(c.times(g, a[l.Order]), a[l.Order-1])
	for q := l.Order - 2; q >= 0; q-- {
		sum = c.plus(c.mul(sum, g), a[q])
	}
	return sum
}

func init() {
	RegisterFeature("cc", Params{"gamma": 0.4, "order": 2}, func(p Params) (FeatureLoss, error) {
		if err := whole(p, "order", 1, 20); err != nil {
			return nil, err
		}
		return Correlation{p["gamma"], int(p["order"])}, nonNegative(p, "gamma")
	})
}

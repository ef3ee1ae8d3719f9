package distill

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Variational is variational information distillation (Ahn et al. 2019, 'Variational
// Information Distillation for Knowledge Transfer', equations 3 to 6), as a mean:
//
//	mean(1/2 ((v_t - mu(v_s))^2 / var_c + log var_c)),  var_c = log(1 + exp(alpha_c)) + 1e-5
//
// mu has three 1 x 1 convolutions (dense layers for N x D) with ReLU between, to the
// teacher's channels; mu and alpha, one for each channel, are trained and are not part
// of the result. Variances start at 5. The larger of two maps is averaged down. The
// usual weight is 1, beside the cross-entropy with weight 1.
type Variational struct{}

// Name implements FeatureLoss.
func (Variational) Name() string { return "vid" }

// Formula implements FeatureLoss.
func (Variational) Formula() string { return "mean(1/2 ((v_t - mu(v_s))^2/var_c + log var_c))" }

// Build implements FeatureLoss.
func (Variational) Build(n *nn.Net, fs []Features) graph.Value {
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		s, t := f.Student, f.Teacher
		isMap := len(c.Shape(s)) == 4 && len(c.Shape(t)) == 4
		if isMap {
			s, t = c.commonSize(s, t)
		} else {
			s, t = c.rows(s), c.rows(t)
		}
		shape := c.Shape(t)
		if c.Err() != nil {
			return ""
		}
		variance := variance(n, len(shape), shape[1])
		d := c.div(c.square(c.sub(t, meanOf(n, s, shape[1], isMap))), variance)
		return c.times(c.mean(c.add(d, c.Node("log", "Log", nil, variance))), 0.5)
	})
}

// meanOf adds mu.
func meanOf(n *nn.Net, x graph.Value, channels int, isMap bool) graph.Value {
	for i := range 3 {
		if i > 0 {
			x = n.Relu(x)
		}
		if isMap {
			x = n.Conv("mu", x, channels, nn.Conv{Kernel: 1})
		} else {
			x = n.Dense("mu", x, channels, nn.Dense{})
		}
	}
	return x
}

// variance adds the trainable variances, which broadcast over positions.
func variance(n *nn.Net, rank, channels int) graph.Value {
	const initial, least = 5, 1e-5
	shape := tensor.Shape{channels}
	for range rank - 2 {
		shape = append(shape, 1)
	}
	alpha := tensor.New(tensor.F32, shape)
	for i := range alpha.F32s() {
		alpha.F32s()[i] = float32(math.Log(math.Expm1(initial - least)))
	}
	return calc{n.Builder}.plus(n.Node("softplus", "Softplus", nil, n.Param("alpha", alpha)), least)
}

func init() {
	RegisterFeature("vid", nil, func(Params) (FeatureLoss, error) { return Variational{}, nil })
}

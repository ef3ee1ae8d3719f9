package distill

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Relational is relational knowledge distillation (Park et al. 2019, 'Relational
// Knowledge Distillation', equations 4 to 9) with Huber's loss h of threshold 1:
//
//	distance mean_ij h(d_ij^s - d_ij^t) + angle mean_ijk h(a_ijk^s - a_ijk^t)
//
// d_ij = |x_i - x_j| over its mean for i != j; a_ijk is the cosine of the angle at j
// between x_i and x_k. Means are over all N^2 pairs and N^3 triples, where those with
// equal members count 0. Both come from the Gram matrix of x, N x D, less its mean, so
// that no N x N x D tensor is needed. The paper's weights are 25 and 50, beside the
// cross-entropy with weight 1.
type Relational struct{ Distance, Angle float64 }

// Name implements FeatureLoss.
func (Relational) Name() string { return "rkd" }

// Formula implements FeatureLoss.
func (l Relational) Formula() string {
	return fmt.Sprintf("%g * mean huber(distances_s - distances_t) + %g * mean huber(cos angles_s - cos angles_t)", l.Distance, l.Angle)
}

// Build implements FeatureLoss.
func (l Relational) Build(n *nn.Net, fs []Features) graph.Value {
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		s, t := c.relate(f.Student, l.Angle > 0), c.relate(f.Teacher, l.Angle > 0)
		loss := c.times(c.huber(s.distance, t.distance), l.Distance)
		if l.Angle > 0 {
			loss = c.add(loss, c.times(c.huber(s.angle, t.angle), l.Angle))
		}
		return loss
	})
}

// relations holds distances over their mean, N x N, and cosines, N x N x N, by i, j, k.
type relations struct{ distance, angle graph.Value }

// tinySquare keeps the gradient of the distance of equal samples finite.
const tinySquare = 1e-8

func (c calc) relate(v graph.Value, angle bool) (r relations) {
	x := c.rows(v)
	x = c.sub(x, c.over("ReduceMean", 0, x))
	g := c.gram(x, x)
	eye := c.eye(g)
	other := c.sub(c.num(1), eye)
	norms := c.over("ReduceSum", 1, c.square(x)) // N x 1
	row := c.Node("row", "Transpose", graph.Attrs{"perm": graph.Ints64(1, 0)}, norms)
	d2 := c.sub(c.add(norms, row), c.times(g, 2))
	// The diagonal becomes 1, which other takes away again.
	d2 = c.Node("bounded", "Max", nil, c.add(c.mul(d2, other), eye), c.num(tinySquare))
	d := c.Node("distance", "Sqrt", nil, d2)
	sum := c.mul(d, other)
	mean := c.div(c.total(sum), c.Node("pairs", "Max", nil, c.total(other), c.num(1)))
	r.distance = c.div(sum, c.Node("bounded_mean", "Max", nil, mean, c.num(1e-12)))
	if angle {
		r.angle = c.angles(g, c.div(other, d))
	}
	return r
}

// angles returns (x_i - x_j) (x_k - x_j) / (d_ij d_jk) from Gram's matrix and the
// inverse distances, which are 0 on the diagonal.
func (c calc) angles(g, inverse graph.Value) graph.Value {
	axis := func(v graph.Value, a int) graph.Value { return c.Node("axis", "Unsqueeze", nil, v, c.Ints("at", a)) }
	square := c.over("ReduceSum", 1, c.mul(g, c.eye(g)))             // g_jj, N x 1
	ij := c.sub(c.times(square, 0.5), g)                             // [j,i] g_jj/2 - g_ij
	numerator := c.add(c.add(axis(g, 1), axis(ij, 0)), c.spread(ij)) // g_ik + .. + ..
	return c.mul(numerator, c.mul(axis(inverse, 2), axis(inverse, 0)))
}

// spread puts [j,i] at [i,j,1].
func (c calc) spread(v graph.Value) graph.Value {
	v = c.Node("by_i", "Transpose", graph.Attrs{"perm": graph.Ints64(1, 0)}, v)
	return c.Node("axis", "Unsqueeze", nil, v, c.Ints("at", 2))
}

// huber is the mean of e^2/2 where |e| < 1 and |e| - 1/2 elsewhere, e = x - y.
func (c calc) huber(x, y graph.Value) graph.Value {
	e := c.Node("abs", "Abs", nil, c.sub(x, y))
	low := c.Node("at_most_1", "Min", nil, e, c.num(1))
	return c.mean(c.mul(low, c.sub(e, c.times(low, 0.5))))
}

func init() {
	RegisterFeature("rkd", Params{"distance": 25, "angle": 50}, func(p Params) (FeatureLoss, error) {
		return Relational{p["distance"], p["angle"]}, nonNegative(p, "distance", "angle")
	})
}

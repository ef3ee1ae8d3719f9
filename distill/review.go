package distill

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Review is knowledge review (Chen et al. 2021, 'Distilling Knowledge via Knowledge
// Review', sections 3.2 to 3.4): the pairs go from the first layers to the last, and each of
// the teacher's values guides the student's value there fused with all deeper ones:
//
//	sum_i hcl(conv3x3(x_i), t_i),  x_i = a_1 u_i + a_2 up(x_{i+1}),  u_i = conv1x1(s_i)
//
// a = sigmoid(conv1x1([u_i, up(x_{i+1})])) are two attention maps; both convolutions
// have batch normalisation and are not part of the result. hcl is the hierarchical
// context loss: the mean squared difference of the maps and, with weights 1/2, 1/4, 1/8,
// of the maps averaged to 4 x 4, 2 x 2 and 1 x 1 where that is smaller, over the sum of
// the weights. Vectors, N x D, are maps of one position. mid is the channels of x, 64 in the
// paper's CIFAR networks, where the weight is 0.6 to 5 and rises from 0 over 20 epochs.
type Review struct{ Mid int }

// Name implements FeatureLoss.
func (Review) Name() string { return "review" }

// Formula implements FeatureLoss.
func (l Review) Formula() string {
	return fmt.Sprintf("sum_i hcl(abf(v_s,i .. v_s,last), v_t,i), %d channels", l.Mid)
}

// Build implements FeatureLoss.
func (l Review) Build(n *nn.Net, fs []Features) (sum graph.Value) {
	c := calc{n.Builder}
	var deeper graph.Value
	for i := len(fs) - 1; i >= 0; i-- {
		s, t := c.asMap(fs[i].Student), c.asMap(fs[i].Teacher)
		if !c.areMaps("review", Features{Teacher: t, Student: s}) {
			return ""
		}
		n.Scope(fmt.Sprintf("level%d", i+1), func() {
			deeper = l.fuse(n, s, deeper)
			shape := c.Shape(t)
			out := n.BatchNorm("out_bn", n.Conv("out", c.resize(deeper, shape[2], shape[3]), shape[1], nn.Conv{Kernel: 3, Pad: 1, NoBias: true}))
			part := c.hierarchical(out, t)
			if sum != "" {
				part = c.add(sum, part)
			}
			sum = part
		})
	}
	return sum
}

// fuse is x_i; there is nothing deeper at the last level.
func (l Review) fuse(n *nn.Net, s, deeper graph.Value) graph.Value {
	c := calc{n.Builder}
	u := n.BatchNorm("in_bn", n.Conv("in", s, l.Mid, nn.Conv{Kernel: 1, NoBias: true}))
	if deeper == "" {
		return u
	}
	shape := c.Shape(u)
	if c.Err() != nil {
		return u
	}
	deeper = c.resize(deeper, shape[2], shape[3])
	both := c.Node("both", "Concat", graph.Attrs{"axis": int64(1)}, u, deeper)
	a := c.Node("sigmoid", "Sigmoid", nil, n.Conv("attention", both, 2, nn.Conv{Kernel: 1}))
	as := c.Nodes("attentions", "Split", graph.Attrs{"axis": int64(1), "num_outputs": int64(2)}, 2, a)
	return c.add(c.mul(u, as[0]), c.mul(deeper, as[1]))
}

// asMap brings N x D to N x D x 1 x 1.
func (c calc) asMap(v graph.Value) graph.Value {
	if len(c.Shape(v)) != 2 {
		return v
	}
	return c.Node("as_map", "Unsqueeze", nil, v, c.Ints("axes", 2, 3))
}

// resize repeats or leaves out rows and columns.
func (c calc) resize(x graph.Value, h, w int) graph.Value {
	if s := c.Shape(x); c.Err() != nil || s[2] == h && s[3] == w {
		return x
	}
	return c.Node("resize", "Resize", graph.Attrs{
		"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", "axes": graph.Ints64(2, 3),
	}, x, "", "", c.Ints("sizes", h, w))
}

// hierarchical is the hierarchical context loss of maps of one shape.
func (c calc) hierarchical(x, y graph.Value) graph.Value {
	s := c.Shape(x)
	if c.Err() != nil {
		return x
	}
	d := c.sub(x, y) // averages are linear
	sum, weight, weights := c.mean(c.square(d)), 1.0, 1.0
	for _, size := range []int{4, 2, 1} {
		if size >= s[2] || size >= s[3] {
			continue
		}
		weight /= 2
		weights += weight
		sum = c.add(sum, c.times(c.mean(c.square(c.averageTo(d, size, size))), weight))
	}
	return c.times(sum, 1/weights)
}

func init() {
	RegisterFeature("review", Params{"mid": 64}, func(p Params) (FeatureLoss, error) {
		return Review{int(p["mid"])}, whole(p, "mid", 1, 1<<16)
	})
}

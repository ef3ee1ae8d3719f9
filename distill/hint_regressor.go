package distill

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// regressor maps the student's value v to the shape t of the teacher's, whose first
// extent is a sample's (Romero et al. 2015, section 2.2). Of maps with s and t rows
// (or columns) it is a convolution
//
//	with kernel s - t + 1 and no padding, where s >= t, which 1 x 1 is a case of;
//	transposed, with kernel t - s + 1, where s < t,
//
// to the teacher's channels; of sequences with the same steps and of vectors it is a
// dense layer on the last axis. Values of different ranks are compared as vectors.
func regressor(n *nn.Net, v graph.Value, t tensor.Shape) graph.Value {
	s := n.Shape(v)
	if n.Err() != nil {
		return ""
	}
	switch {
	case len(s) == 4 && len(t) == 4:
		return mapRegressor(n, v, s, t)
	case len(s) == 3 && len(t) == 3 && s[1] == t[1], len(s) == 2 && len(t) == 2:
		return n.Dense("regressor", v, t[len(t)-1], nn.Dense{Init: nn.XavierUniform})
	}
	if len(s) > 2 {
		v = n.Flatten(v)
	}
	y := n.Dense("regressor", v, t[1:].Size(), nn.Dense{Init: nn.XavierUniform})
	if len(t) == 2 {
		return y
	}
	shape := []int{0}
	return n.Node("like_teacher", "Reshape", nil, y, n.Ints("shape", append(shape, t[1:]...)...))
}

// mapRegressor handles N x C x H x W. Where one axis is larger in the student and the
// other in the teacher, a convolution is followed by a transposed one.
func mapRegressor(n *nn.Net, v graph.Value, s, t tensor.Shape) graph.Value {
	down := []int{max(s[2]-t[2], 0) + 1, max(s[3]-t[3], 0) + 1}
	up := []int{max(t[2]-s[2], 0) + 1, max(t[3]-s[3], 0) + 1}
	grows := up[0] > 1 || up[1] > 1
	if !grows || down[0] > 1 || down[1] > 1 {
		v = regressorLayer(n, "Conv", v, tensor.Shape{t[1], s[1], down[0], down[1]}, t[1])
		s = tensor.Shape{s[0], t[1], s[2] - down[0] + 1, s[3] - down[1] + 1}
	}
	if grows {
		v = regressorLayer(n, "ConvTranspose", v, tensor.Shape{s[1], t[1], up[0], up[1]}, t[1])
	}
	return v
}

// regressorLayer adds a convolution or its transpose with weights of the given shape
// and a bias.
func regressorLayer(n *nn.Net, op string, v graph.Value, w tensor.Shape, out int) (y graph.Value) {
	n.Scope("regressor", func() {
		weight := tensor.New(tensor.F32, w)
		name := n.Param("weight", weight)
		// Xavier with the units' true fans: a transposed kernel has its inputs first.
		area := w[2] * w[3]
		a := math.Sqrt(6 / float64((w[0]+w[1])*area))
		nn.Uniform(-a, a)(tensor.NewRand(n.Seed, string(name)), weight.F32s(), w, 0, 0)
		bias := n.Param("bias", tensor.New(tensor.F32, tensor.Shape{out}))
		y = n.Node("regressor", op, graph.Attrs{"kernel_shape": graph.Ints64(w[2], w[3])}, v, name, bias)
	})
	return y
}

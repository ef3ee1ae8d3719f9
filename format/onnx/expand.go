package onnx

import (
	"errors"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// expansion says an operator by older ones, for versions before it existed. It
// emits all of them before n and returns what takes the place of n's first output.
type expansion func(a *adapter, n *graph.Node) (graph.Value, error)

// expansions lists them with the version from which they are not needed.
var expansions = map[string]struct {
	until int
	f     expansion
}{
	"Gelu":               {20, expandGelu},
	"GroupNormalization": {21, expandGroupNorm},
	"HardSwish":          {14, expandHardSwish},
	"LayerNormalization": {17, expandLayerNorm},
	"Mish":               {18, expandMish},
	"GreaterOrEqual":     {12, expandOr("Greater")},
	"LessOrEqual":        {12, expandOr("Less")},
}

// expandGelu: x (1 + erf(x / sqrt 2)) / 2, or with tanh (Hendrycks and Gimpel 2016):
// x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.
func expandGelu(a *adapter, n *graph.Node) (graph.Value, error) {
	x := n.In[0]
	num := func(v float64) graph.Value { return a.float(n, "c", x, float32(v)) }
	var t graph.Value
	if n.Attrs.Str("approximate", "none") == "tanh" {
		cube := a.prepend(n, "Mul", nil, a.prepend(n, "Mul", nil, x, x), x)
		sum := a.prepend(n, "Add", nil, x, a.prepend(n, "Mul", nil, cube, num(0.044715)))
		t = a.prepend(n, "Tanh", nil, a.prepend(n, "Mul", nil, sum, num(math.Sqrt(2/math.Pi))))
	} else {
		t = a.prepend(n, "Erf", nil, a.prepend(n, "Div", nil, x, num(math.Sqrt2)))
	}
	half := a.prepend(n, "Mul", nil, x, num(0.5))
	return a.prepend(n, "Mul", nil, half, a.prepend(n, "Add", nil, t, num(1))), nil
}

// expandHardSwish: x max(0, min(1, x/6 + 1/2)).
func expandHardSwish(a *adapter, n *graph.Node) (graph.Value, error) {
	h := a.prepend(n, "HardSigmoid", graph.Attrs{"alpha": float32(1. / 6), "beta": float32(0.5)}, n.In[0])
	return a.prepend(n, "Mul", nil, n.In[0], h), nil
}

// expandMish: x tanh(softplus(x)).
func expandMish(a *adapter, n *graph.Node) (graph.Value, error) {
	t := a.prepend(n, "Tanh", nil, a.prepend(n, "Softplus", nil, n.In[0]))
	return a.prepend(n, "Mul", nil, n.In[0], t), nil
}

// expandOr: a comparison that includes equality.
func expandOr(op string) expansion {
	return func(a *adapter, n *graph.Node) (graph.Value, error) {
		return a.prepend(n, "Or", nil, a.prepend(n, op, nil, n.In...), a.prepend(n, "Equal", nil, n.In...)), nil
	}
}

// expandLayerNorm: (x - mean) / sqrt(var + epsilon) * scale + bias over the axes
// from axis on (Ba, Kiros and Hinton 2016).
func expandLayerNorm(a *adapter, n *graph.Node) (graph.Value, error) {
	x := n.In[0]
	rank, ok := a.rank(x)
	axis := n.Attrs.Int("axis", -1)
	switch {
	case output(n, 1) != "" || output(n, 2) != "":
		return "", errors.New("mean and deviation are outputs")
	case !ok && axis != -1:
		return "", errRank
	case axis < 0 && ok:
		axis += rank
	case !ok:
		rank = 0
	}
	axes := []int{}
	for i := axis; i < rank; i++ {
		axes = append(axes, i-rank)
	}
	mean := func(v graph.Value) graph.Value {
		return a.prepend(n, "ReduceMean", nil, v, a.ints(n, "axes", axes...))
	}
	d := a.prepend(n, "Sub", nil, x, mean(x))
	variance := mean(a.prepend(n, "Mul", nil, d, d))
	eps := a.float(n, "epsilon", x, float32(n.Attrs.Float("epsilon", 1e-5)))
	y := a.prepend(n, "Div", nil, d, a.prepend(n, "Sqrt", nil, a.prepend(n, "Add", nil, variance, eps)))
	y = a.prepend(n, "Mul", nil, y, n.In[1])
	if b := input(n, 2); b != "" {
		y = a.prepend(n, "Add", nil, y, b)
	}
	return y, nil
}

// expandGroupNorm normalises each group of channels as an instance (Wu and He 2018).
func expandGroupNorm(a *adapter, n *graph.Node) (graph.Value, error) {
	s, ok := a.spec(n.In[0])
	if !ok || len(s.Shape) < 2 {
		return "", errRank
	}
	groups := n.Attrs.Int("num_groups", 1)
	one, zero := tensor.New(tensor.F32, tensor.Shape{groups}), tensor.New(tensor.F32, tensor.Shape{groups})
	for i := range one.F32s() {
		one.F32s()[i] = 1
	}
	x := a.prepend(n, "Reshape", nil, n.In[0], a.ints(n, "groups", 0, groups, -1))
	eps := graph.Attrs{"epsilon": float32(n.Attrs.Float("epsilon", 1e-5))}
	y := a.prepend(n, "InstanceNormalization", eps, x, a.constant(n, "one", one), a.constant(n, "zero", zero))
	y = a.prepend(n, "Reshape", nil, y, a.prepend(n, "Shape", nil, n.In[0]))
	column := make([]int, len(s.Shape)-1)
	for i := range column {
		column[i] = 1
	}
	column[0] = -1
	for i, op := range []string{"Mul", "Add"} {
		c := a.prepend(n, "Reshape", nil, n.In[i+1], a.ints(n, "column", column...))
		y = a.prepend(n, op, nil, y, c)
	}
	return y, nil
}

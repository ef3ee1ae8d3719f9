package student

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
)

// widthRule ties the axes of a node's inputs, parameters and outputs.
type widthRule func(w *widths, n *graph.Node) error

// widthRules has the operators that channels are followed through.
var widthRules = map[string]widthRule{
	"Conv": convWidth, "ConvTranspose": convTransposeWidth, "Gemm": gemmWidth, "MatMul": matmulWidth,
	"BatchNormalization": normWidth, "InstanceNormalization": normWidth, "LayerNormalization": layerNormWidth,
	"Concat": concatWidth, "Transpose": transposeWidth, "Pad": padWidth, "Slice": sliceWidth,
	"Reshape": reshapeWidth, "Flatten": reshapeWidth, "Squeeze": reshapeWidth, "Unsqueeze": reshapeWidth,
	"LSTM": recurrentWidth(4), "GRU": recurrentWidth(3), "RNN": recurrentWidth(1),
}

func init() {
	for _, op := range []string{"Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "Tanh", "Gelu", "HardSigmoid", "HardSwish",
		"Mish", "Softplus", "Softsign", "ThresholdedRelu", "Erf", "Exp", "Log", "Sqrt", "Neg", "Abs", "Reciprocal", "Clip",
		"Identity", "Dropout", "Cast", "Softmax", "LogSoftmax", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "LRN"} {
		widthRules[op] = likeInput
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sum", "PRelu"} {
		widthRules[op] = broadcastWidth
	}
	for _, op := range []string{"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"} {
		widthRules[op] = reduceWidth
	}
}

// likeInput is for outputs whose channels are the first input's.
func likeInput(w *widths, n *graph.Node) error {
	in := w.of(n.In[0])
	for _, v := range n.Out {
		if v == "" {
			continue
		}
		ls := w.full(v)
		for i := range ls {
			if i < len(in) && ls[i].len() == in[i].len() {
				ls[i] = in[i]
			}
		}
		w.axes[v] = ls
	}
	return nil
}

// broadcastWidth ties axes that stand at the same place from the end.
func broadcastWidth(w *widths, n *graph.Node) error {
	out := w.full(n.Out[0])
	for i := range out {
		out[i] = nil
	}
	for _, v := range n.In {
		if w.m.Graph.Param(v) != nil {
			continue // its axes follow the values'
		}
		if err := align(out, w.of(v)); err != nil {
			return err
		}
	}
	for i, l := range out {
		if l == nil {
			out[i] = fixedAxis(w.shape(n.Out[0])[i])
		}
	}
	for _, v := range n.In {
		p := w.m.Graph.Param(v)
		if p == nil {
			continue
		}
		ls := make([]layout, len(p.Shape))
		for i, d := range p.Shape {
			if ls[i] = out[len(out)-len(p.Shape)+i]; d == 1 {
				ls[i] = fixedAxis(1)
			}
		}
		if err := w.set(v, ls); err != nil {
			return err
		}
	}
	w.axes[n.Out[0]] = out
	return nil
}

// align ties the axes of a broadcast value to those of the result.
func align(out, in []layout) error {
	for i, l := range in {
		at := len(out) - len(in) + i
		if l.len() == 1 && l.fixed() {
			continue
		}
		if out[at] == nil {
			out[at] = l
		} else if err := unify(out[at], l); err != nil {
			return err
		}
	}
	return nil
}

// vector ties a parameter of one axis to l.
func (w *widths) vector(n *graph.Node, i int, l layout) error {
	if i >= len(n.In) || n.In[i] == "" {
		return nil
	}
	if w.m.Graph.Param(n.In[i]) == nil {
		l.pin()
		return nil
	}
	return w.set(n.In[i], []layout{l})
}

// convWidth: X is N C .., W is M C/G .., the bias M. A depthwise convolution has one
// input channel in each group; other groups keep their size.
func convWidth(w *widths, n *graph.Node) error {
	x, p, groups := w.of(n.In[0]), w.m.Graph.Param(n.In[1]), n.Attrs.Int("group", 1)
	if p == nil {
		w.pin(n)
		return nil
	}
	depthwise := groups > 1 && groups == x[1].len() && p.Shape[0] == groups
	if groups > 1 && !depthwise {
		w.pin(n)
		return nil
	}
	ls := w.full(n.In[1])
	if ls[0], ls[1] = fresh(p.Shape[0]), x[1]; depthwise {
		ls[0], ls[1] = x[1], fixedAxis(1)
		w.then = append(w.then, func() { n.Attrs["group"] = int64(x[1].keptLen()) })
	}
	w.units[n.In[1]] = 0
	return w.conv(n, ls, ls[0])
}

// convTransposeWidth: X is N C .., W is C M .., the bias M.
func convTransposeWidth(w *widths, n *graph.Node) error {
	p := w.m.Graph.Param(n.In[1])
	if p == nil || n.Attrs.Int("group", 1) != 1 {
		w.pin(n)
		return nil
	}
	ls := w.full(n.In[1])
	ls[0], ls[1] = w.of(n.In[0])[1], fresh(p.Shape[1])
	w.units[n.In[1]] = 1
	return w.conv(n, ls, ls[1])
}

// conv sets the weights' axes, the bias and the output with the channels out.
func (w *widths) conv(n *graph.Node, weight []layout, out layout) error {
	if err := w.set(n.In[1], weight); err != nil {
		return err
	}
	y := w.full(n.Out[0])
	y[0], y[1] = w.of(n.In[0])[0], out
	w.axes[n.Out[0]] = y
	return w.vector(n, 2, out)
}

// gemmWidth: A is N K, B is M K with transB, else K M.
func gemmWidth(w *widths, n *graph.Node) error {
	a := w.of(n.In[0])
	p := w.m.Graph.Param(n.In[1])
	if p == nil || n.Attrs.Bool("transA", false) {
		w.pin(n)
		return nil
	}
	k, m := 0, 1
	if n.Attrs.Bool("transB", false) {
		k, m = 1, 0
	}
	ls := make([]layout, 2)
	ls[k], ls[m] = a[1], fresh(p.Shape[m])
	if err := w.set(n.In[1], ls); err != nil {
		return err
	}
	w.units[n.In[1]] = m
	w.axes[n.Out[0]] = []layout{a[0], ls[m]}
	if len(n.In) < 3 || n.In[2] == "" {
		return nil
	}
	if s := w.shape(n.In[2]); len(s) == 1 && s[0] == p.Shape[m] {
		return w.vector(n, 2, ls[m])
	}
	ls[m].pin()
	return nil
}

// matmulWidth: A is .. N K, B is .. K M; a parameter may be either.
func matmulWidth(w *widths, n *graph.Node) error {
	free := func(v graph.Value) []layout {
		p := w.m.Graph.Param(v)
		if p == nil || len(p.Shape) != 2 || w.axes[v] != nil {
			return w.of(v)
		}
		ls := []layout{fresh(p.Shape[0]), fresh(p.Shape[1])}
		w.axes[v] = ls
		return ls
	}
	a, b := free(n.In[0]), free(n.In[1])
	if len(a) < 2 || len(b) < 2 {
		w.pin(n)
		return nil
	}
	if err := unify(a[len(a)-1], b[len(b)-2]); err != nil {
		return err
	}
	if w.m.Graph.Param(n.In[1]) != nil && len(b) == 2 {
		w.units[n.In[1]] = 1
	}
	out := make([]layout, len(w.shape(n.Out[0])))
	if err := align(out[:len(out)-2], a[:len(a)-2]); err != nil {
		return err
	}
	if err := align(out[:len(out)-2], b[:len(b)-2]); err != nil {
		return err
	}
	for i := range out[:len(out)-2] {
		if out[i] == nil {
			out[i] = fixedAxis(w.shape(n.Out[0])[i])
		}
	}
	out[len(out)-2], out[len(out)-1] = a[len(a)-2], b[len(b)-1]
	w.axes[n.Out[0]] = out
	return nil
}

// normWidth: parameters for each channel of axis 1.
func normWidth(w *widths, n *graph.Node) error {
	c := w.of(n.In[0])[1]
	for i := 1; i < len(n.In); i++ {
		if err := w.vector(n, i, c); err != nil {
			return err
		}
	}
	return likeInput(w, n)
}

// layerNormWidth: parameters for the axes from axis on.
func layerNormWidth(w *widths, n *graph.Node) error {
	x := w.of(n.In[0])
	axis := n.Attrs.Int("axis", -1)
	if axis < 0 {
		axis += len(x)
	}
	for _, v := range n.In[1:] {
		if v == "" {
			continue
		}
		if len(w.shape(v)) != len(x)-axis {
			w.pin(n)
			return nil
		}
		if err := w.set(v, x[axis:]); err != nil {
			return err
		}
	}
	return likeInput(w, n)
}

// recurrentWidth: X is T N K, W is D gH K, R is D gH H, B is D 2gH; Y is T D N H.
func recurrentWidth(gates int) widthRule {
	return func(w *widths, n *graph.Node) error {
		x := w.of(n.In[0])
		h := n.Attrs.Int("hidden_size", 0)
		for i, v := range n.In {
			if i > 3 && v != "" || (i == 1 || i == 2) && w.m.Graph.Param(v) == nil || n.Attrs.Int("layout", 0) != 0 {
				w.pin(n)
				return nil
			}
		}
		units := fresh(h)
		d := fixedAxis(w.shape(n.In[1])[0])
		var all layout
		for range gates {
			all = append(all, units...)
		}
		w.units[n.In[1]], w.units[n.In[2]] = 1, 1
		if err := w.set(n.In[1], []layout{d, all, x[2]}); err != nil {
			return err
		}
		if err := w.set(n.In[2], []layout{d, all, units}); err != nil {
			return err
		}
		if len(n.In) > 3 && n.In[3] != "" {
			if err := w.set(n.In[3], []layout{d, append(slices.Clone(all), all...)}); err != nil {
				return err
			}
		}
		w.then = append(w.then, func() { n.Attrs["hidden_size"] = int64(units.keptLen()) })
		for i, v := range n.Out {
			switch {
			case v == "":
			case i == 0:
				w.axes[v] = []layout{x[0], d, x[1], units}
			default:
				w.axes[v] = []layout{d, x[1], units}
			}
		}
		return nil
	}
}

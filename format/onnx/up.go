package onnx

import (
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// toInput moves an attribute's integers to the i-th input.
func (a *adapter) toInput(n *graph.Node, attr string, i int) {
	v := n.Attrs.Ints(attr)
	if _, ok := take(n, attr); ok {
		setInput(n, i, a.ints(n, attr, v...))
	}
}

// axesUp: Squeeze, Unsqueeze and the reductions take their axes as an input.
func axesUp(a *adapter, n *graph.Node) error {
	a.toInput(n, "axes", 1)
	return nil
}

// clipUp: min and max become inputs.
func clipUp(a *adapter, n *graph.Node) error {
	for i, name := range []string{"min", "max"} {
		v := n.Attrs.Float(name, 0)
		if _, ok := take(n, name); ok {
			setInput(n, i+1, a.float(n, name, n.In[0], float32(v)))
		}
	}
	return nil
}

// concatUp: the axis has no default any more.
func concatUp(_ *adapter, n *graph.Node) error {
	if !n.Attrs.Has("axis") {
		setAttr(n, "axis", int64(1))
	}
	return nil
}

// castUp: the target type is a number, not a name.
func castUp(_ *adapter, n *graph.Node) error {
	names := []string{"UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64"}
	i := slices.Index(names, n.Attrs.Str("to", ""))
	if i < 1 {
		return errOpaque
	}
	n.Attrs["to"] = int64(i)
	return nil
}

// spatialUp: statistics are per channel always.
func spatialUp(_ *adapter, n *graph.Node) error {
	if v, ok := take(n, "spatial"); ok && v == int64(0) {
		return errOpaque
	}
	return nil
}

// trainingUp: a node with more outputs than one was in training; the saved
// statistics are no outputs any more.
func trainingUp(_ *adapter, n *graph.Node) error {
	if output(n, 3) != "" || output(n, 4) != "" {
		return errOpaque
	}
	n.Out = n.Out[:min(len(n.Out), 3)]
	if output(n, 1) != "" || output(n, 2) != "" {
		setAttr(n, "training_mode", int64(1))
	} else {
		n.Out = n.Out[:1]
	}
	return nil
}

// maskUp: the mask changes its type.
func maskUp(_ *adapter, n *graph.Node) error {
	if output(n, 1) != "" {
		return errOpaque
	}
	return nil
}

// dropoutUp: the ratio becomes an input.
func dropoutUp(a *adapter, n *graph.Node) error {
	ratio := n.Attrs.Float("ratio", 0.5)
	take(n, "ratio")
	setInput(n, 1, a.constant(n, "ratio", tensor.Scalar(float32(ratio))))
	return nil
}

// dftUp: the axis becomes an input.
func dftUp(a *adapter, n *graph.Node) error {
	axis := n.Attrs.Int("axis", 1)
	take(n, "axis")
	setInput(n, 2, a.constant(n, "axis", tensor.Scalar(int64(axis))))
	return nil
}

// gridUp: the modes have new names.
func gridUp(_ *adapter, n *graph.Node) error {
	to := map[string]string{"bilinear": "linear", "bicubic": "cubic"}
	if s, ok := to[n.Attrs.Str("mode", "bilinear")]; ok {
		setAttr(n, "mode", s)
	}
	return nil
}

// groupUp: scale and bias were per group [G] and become per channel [C].
func groupUp(a *adapter, n *graph.Node) error {
	s, ok := a.spec(n.In[0])
	groups := n.Attrs.Int("num_groups", 0)
	if !ok || len(s.Shape) < 2 || groups < 1 || s.Shape[1]%groups != 0 {
		return errOpaque
	}
	per := s.Shape[1] / groups
	for i := 1; i <= 2; i++ {
		col := a.prepend(n, "Reshape", nil, n.In[i], a.ints(n, "column", groups, 1))
		wide := a.prepend(n, "Expand", nil, col, a.ints(n, "wide", groups, per))
		n.In[i] = a.prepend(n, "Reshape", nil, wide, a.ints(n, "channels", groups*per))
	}
	return nil
}

// preluUp: the slope [C] of NC... inputs broadcasts as NumPy does now.
func preluUp(a *adapter, n *graph.Node) error { return alignUp(a, n, 1) }

// broadcastUp: until 6, B was aligned with A from an axis on, and only when the
// node said so.
func broadcastUp(a *adapter, n *graph.Node) error {
	flag := n.Attrs.Bool("broadcast", false)
	axis, has := n.Attrs.Int("axis", 0), n.Attrs.Has("axis")
	delete(n.Attrs, "broadcast")
	delete(n.Attrs, "axis")
	if !flag || !has {
		return nil
	}
	return alignUp(a, n, axis)
}

// alignUp gives B trailing dimensions of 1, so that its first one meets A's axis.
func alignUp(a *adapter, n *graph.Node, axis int) error {
	sb, ok := a.spec(n.In[1])
	if ok && sb.Shape.Size() == 1 && len(sb.Shape) < 2 {
		return nil
	}
	ra, okA := a.rank(n.In[0])
	if !ok || !okA {
		return errOpaque
	}
	if axis < 0 {
		axis += ra
	}
	tail := ra - axis - len(sb.Shape)
	if tail < 0 || axis < 0 {
		return errOpaque
	}
	if tail > 0 {
		axes := make([]int, tail)
		for i := range axes {
			axes[i] = len(sb.Shape) + i
		}
		n.In[1] = a.prepend(n, "Unsqueeze", nil, n.In[1], a.ints(n, "axes", axes...))
	}
	return nil
}

// padUp: pads and value become inputs.
func padUp(a *adapter, n *graph.Node) error {
	a.toInput(n, "pads", 1)
	v := n.Attrs.Float("value", 0)
	if _, ok := take(n, "value"); ok && v != 0 {
		setInput(n, 2, a.float(n, "value", n.In[0], float32(v)))
	}
	return nil
}

// reshapeUp: the shape becomes an input.
func reshapeUp(a *adapter, n *graph.Node) error {
	a.toInput(n, "shape", 1)
	delete(n.Attrs, "consumed_inputs")
	return nil
}

// scalesUp: Upsample takes its scales as an input.
func scalesUp(a *adapter, n *graph.Node) error {
	v := n.Attrs.Floats("scales")
	if _, ok := take(n, "scales"); !ok {
		return errOpaque
	}
	setInput(n, 1, a.constant(n, "scales", tensor.Vec(v...)))
	return nil
}

// resizeUp: X, scales become X, roi, scales, and the rule that maps coordinates
// has a name. The old rule for "nearest" rounds down, or up when the result is smaller.
func resizeUp(a *adapter, n *graph.Node) error {
	scales := input(n, 1)
	if scales == "" {
		return errOpaque
	}
	n.In = []graph.Value{n.In[0], "", scales}
	if n.Attrs.Str("mode", "nearest") == "bilinear" {
		setAttr(n, "mode", "linear")
	}
	setAttr(n, "coordinate_transformation_mode", "asymmetric")
	if n.Attrs.Str("mode", "nearest") != "nearest" {
		return nil
	}
	round := "floor"
	if t, err := a.constTensor(n, 2); err == nil && t != nil && t.DType() == tensor.F32 && slices.Min(append(t.F32s(), 1)) < 1 {
		round = "ceil"
	}
	setAttr(n, "nearest_mode", round)
	return nil
}

// resizeInputsUp: what is not used is omitted instead of empty.
func resizeInputsUp(a *adapter, n *graph.Node) error {
	for i := 1; i < len(n.In) && i < 3; i++ {
		if p := a.param(n.In[i]); p != nil && p.Shape.Size() == 0 {
			n.In[i] = ""
		}
	}
	return nil
}

// roiUp: the default of the coordinate rule changed.
func roiUp(_ *adapter, n *graph.Node) error {
	setAttr(n, "coordinate_transformation_mode", "output_half_pixel")
	return nil
}

// sliceUp: starts, ends and axes become inputs.
func sliceUp(a *adapter, n *graph.Node) error {
	for i, name := range []string{"starts", "ends", "axes"} {
		v := n.Attrs.Ints(name)
		if _, ok := take(n, name); ok {
			for j := range v { // "to the end" was any large number
				if v[j] == math.MaxInt32 {
					v[j] = math.MaxInt64
				}
			}
			setInput(n, i+1, a.ints(n, name, v...))
		}
	}
	return nil
}

// splitUp: the sizes become an input.
func splitUp(a *adapter, n *graph.Node) error {
	a.toInput(n, "split", 1)
	return nil
}

// splitCountUp: without sizes the number of parts is said.
func splitCountUp(_ *adapter, n *graph.Node) error {
	if input(n, 1) == "" {
		setAttr(n, "num_outputs", int64(len(n.Out)))
	}
	return nil
}

// topUp: k becomes an input.
func topUp(a *adapter, n *graph.Node) error {
	k := n.Attrs.Int("k", 0)
	take(n, "k")
	setInput(n, 1, a.ints(n, "k", k))
	return nil
}

// softmaxUp: the input was taken as a matrix, split before the axis, 1 by default.
func softmaxUp(a *adapter, n *graph.Node) error {
	axis := n.Attrs.Int("axis", 1)
	rank, ok := a.rank(n.In[0])
	if ok && (axis == rank-1 || axis == -1) || axis == -1 {
		setAttr(n, "axis", int64(-1))
		return nil
	}
	x := n.In[0]
	shape := a.prepend(n, "Shape", nil, x)
	n.In[0] = a.prepend(n, "Flatten", graph.Attrs{"axis": int64(axis)}, x)
	setAttr(n, "axis", int64(-1))
	a.appendTo(n, "Reshape", nil, func(y graph.Value) []graph.Value { return []graph.Value{y, shape} })
	return nil
}

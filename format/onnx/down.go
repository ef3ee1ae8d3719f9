package onnx

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// forbid drops an attribute that the older version does not have; it must be at
// its default there (nil: absent, or all ones).
func forbid(name string, def any) adapt {
	return func(_ *adapter, n *graph.Node) error {
		v, ok := take(n, name)
		if !ok || reflect.DeepEqual(v, def) {
			return nil
		}
		if list, ok := v.([]int64); ok && def == nil && !slices.ContainsFunc(list, func(x int64) bool { return x != 1 }) {
			return nil
		}
		return fmt.Errorf("that version has no attribute %s, which is %v", name, v)
	}
}

var errRank = errors.New("that version needs the rank of the input, which is not known")

// positive makes an axis non-negative. def is what its absence means.
func positive(name string, def int) adapt {
	return func(a *adapter, n *graph.Node) error {
		axis := n.Attrs.Int(name, def)
		if axis >= 0 {
			return nil
		}
		rank, ok := a.rank(n.In[0])
		if !ok {
			return errRank
		}
		setAttr(n, name, int64(axis+rank))
		return nil
	}
}

// positiveList is positive for a list of axes. Unsqueeze counts them in its output.
func positiveList(name string) adapt {
	return func(a *adapter, n *graph.Node) error {
		axes := n.Attrs.Ints(name)
		if !slices.ContainsFunc(axes, func(x int) bool { return x < 0 }) {
			return nil
		}
		rank, ok := a.rank(n.In[0])
		if !ok {
			return errRank
		}
		if n.Op == "Unsqueeze" {
			rank += len(axes)
		}
		for i := range axes {
			axes[i] = (axes[i] + rank) % rank
		}
		n.Attrs[name] = graph.Ints64(axes...)
		return nil
	}
}

// toAttr moves a constant integer input to an attribute.
func (a *adapter) toAttr(n *graph.Node, i int, attr string) (bool, error) {
	v, ok, err := a.constInts(n, i)
	if err != nil || !ok {
		return false, err
	}
	n.In[i] = ""
	setAttr(n, attr, graph.Ints64(v...))
	return true, nil
}

func axesDown(a *adapter, n *graph.Node) error {
	noop, _ := take(n, "noop_with_empty_axes")
	had, err := a.toAttr(n, 1, "axes")
	if err == nil && !had && noop == int64(1) {
		n.Op = "Identity"
	}
	if v, ok := n.Attrs["axes"].([]int64); ok && len(v) == 0 {
		delete(n.Attrs, "axes")
	}
	trimInputs(n)
	return err
}

func clipDown(a *adapter, n *graph.Node) error {
	for i, name := range []string{"min", "max"} {
		v, ok, err := a.constFloat(n, i+1)
		if err != nil {
			return err
		}
		if ok {
			setAttr(n, name, v)
		}
	}
	n.In = n.In[:1]
	return nil
}

func trainingDown(_ *adapter, n *graph.Node) error {
	if v, ok := take(n, "training_mode"); ok && v != int64(0) {
		return errors.New("that version has no training_mode")
	}
	return nil
}

func dropoutDown(a *adapter, n *graph.Node) error {
	if output(n, 1) != "" {
		return errors.New("that version's mask has another meaning")
	}
	ratio, ok, err := a.constFloat(n, 1)
	if err != nil {
		return err
	}
	if ok {
		setAttr(n, "ratio", ratio)
	}
	delete(n.Attrs, "seed")
	n.In = n.In[:1]
	return nil
}

func dftDown(a *adapter, n *graph.Node) error {
	axis := -2
	if v, ok, err := a.constInts(n, 2); err != nil {
		return err
	} else if ok {
		axis, n.In[2] = v[0], ""
	}
	setAttr(n, "axis", int64(axis))
	trimInputs(n)
	return positive("axis", -2)(a, n)
}

func gridDown(a *adapter, n *graph.Node) error {
	if rank, ok := a.rank(n.In[0]); ok && rank != 4 {
		return fmt.Errorf("that version samples maps only, not rank %d", rank)
	}
	back := map[string]string{"linear": "bilinear", "cubic": "bicubic"}
	if s, ok := back[n.Attrs.Str("mode", "linear")]; ok {
		setAttr(n, "mode", s)
	}
	return nil
}

// gemmDown: C was not optional.
func gemmDown(a *adapter, n *graph.Node) error {
	if input(n, 2) == "" {
		setInput(n, 2, a.float(n, "zero", n.In[0], 0))
	}
	return nil
}

// oneOutput: MaxPool had no indices.
func oneOutput(_ *adapter, n *graph.Node) error {
	delete(n.Attrs, "storage_order")
	if output(n, 1) != "" {
		return errors.New("that version has no second output")
	}
	return nil
}

// preluDown: the slope is [C] or a scalar.
func preluDown(a *adapter, n *graph.Node) error {
	s, ok := a.spec(n.In[1])
	if !ok {
		return errRank
	}
	if s.Shape.Size() > 1 {
		n.In[1] = a.prepend(n, "Reshape", nil, n.In[1], a.ints(n, "shape", s.Shape.Size()))
	}
	return nil
}

// sameShapes: there was no broadcasting.
func sameShapes(a *adapter, n *graph.Node) error {
	first, ok := a.spec(n.In[0])
	for _, v := range n.In[1:] {
		s, okV := a.spec(v)
		if !ok || !okV || !s.Shape.Equal(first.Shape) {
			return errors.New("that version does not broadcast")
		}
	}
	return nil
}

// broadcastDown: B is a scalar, or has a contiguous part of A's dimensions.
func broadcastDown(a *adapter, n *graph.Node) error {
	sa, okA := a.spec(n.In[0])
	sb, okB := a.spec(n.In[1])
	if !okA || !okB {
		return errRank
	}
	if sa.Shape.Equal(sb.Shape) {
		return nil
	}
	if len(sb.Shape) > len(sa.Shape) {
		return errors.New("that version does not broadcast its first input")
	}
	setAttr(n, "broadcast", int64(1))
	if tail := len(sa.Shape) - len(sb.Shape); slices.Equal(sa.Shape[tail:], sb.Shape) || sb.Shape.Size() == 1 && len(sb.Shape) < 2 {
		return nil
	}
	return errors.New("that version broadcasts over leading dimensions only")
}

func padDown(a *adapter, n *graph.Node) error {
	if had, err := a.toAttr(n, 1, "pads"); err != nil || !had {
		return errors.Join(err, errPads(had))
	}
	v, ok, err := a.constFloat(n, 2)
	if ok {
		setAttr(n, "value", v)
	}
	n.In = n.In[:1]
	return err
}

func errPads(had bool) error {
	if had {
		return nil
	}
	return errors.New("no pads")
}

func padAxesDown(a *adapter, n *graph.Node) error {
	axes, ok, err := a.constInts(n, 3)
	if err != nil || !ok {
		return err
	}
	pads, _, err := a.constInts(n, 1)
	rank, known := a.rank(n.In[0])
	if err != nil || !known || len(pads) != 2*len(axes) {
		return errors.Join(err, errRank)
	}
	full := make([]int, 2*rank)
	for i, axis := range axes {
		axis = (axis + rank) % rank
		full[axis], full[rank+axis] = pads[i], pads[len(axes)+i]
	}
	n.In[1], n.In[3] = a.ints(n, "pads", full...), ""
	trimInputs(n)
	return nil
}

func padWrapDown(_ *adapter, n *graph.Node) error {
	if n.Attrs.Str("mode", "constant") == "wrap" {
		return errors.New("that version cannot wrap")
	}
	return nil
}

// resizeAttrsDown: no antialias, axes and policy.
func resizeAttrsDown(a *adapter, n *graph.Node) error {
	for name, def := range map[string]any{"antialias": int64(0), "axes": nil, "keep_aspect_ratio_policy": "stretch"} {
		if err := forbid(name, def)(a, n); err != nil {
			return err
		}
	}
	if n.Attrs.Str("coordinate_transformation_mode", "") == "half_pixel_symmetric" {
		return errors.New("that version has no half_pixel_symmetric")
	}
	return nil
}

// resizeInputsDown: roi and scales are there always, perhaps empty.
func resizeInputsDown(a *adapter, n *graph.Node) error {
	for i := 1; i <= 2; i++ {
		if input(n, i) == "" {
			setInput(n, i, a.constant(n, "none", tensor.New(tensor.F32, tensor.Shape{0})))
		}
	}
	return nil
}

func resizeDown(a *adapter, n *graph.Node) error {
	mode := n.Attrs.Str("mode", "nearest")
	how, _ := take(n, "coordinate_transformation_mode")
	round, _ := take(n, "nearest_mode")
	if how != "asymmetric" || mode == "nearest" && round != "floor" || mode == "cubic" || len(n.In) > 3 {
		return errors.New("that version maps coordinates asymmetrically, rounds down and takes scales only")
	}
	n.In = []graph.Value{n.In[0], n.In[2]}
	return nil
}

func roiDown(_ *adapter, n *graph.Node) error {
	if v, _ := take(n, "coordinate_transformation_mode"); v != "output_half_pixel" {
		return errors.New("that version maps coordinates by output_half_pixel")
	}
	return nil
}

func sliceDown(a *adapter, n *graph.Node) error {
	steps, ok, err := a.constInts(n, 4)
	if err != nil || ok && slices.ContainsFunc(steps, func(s int) bool { return s != 1 }) {
		return errors.Join(err, errors.New("that version has no steps"))
	}
	for i, name := range []string{"starts", "ends", "axes"} {
		if _, err := a.toAttr(n, i+1, name); err != nil {
			return err
		}
	}
	n.In = n.In[:1]
	return positiveList("axes")(a, n)
}

func splitDown(a *adapter, n *graph.Node) error {
	_, err := a.toAttr(n, 1, "split")
	trimInputs(n)
	return err
}

// splitCountDown: without sizes the parts are equal.
func splitCountDown(a *adapter, n *graph.Node) error {
	v, ok := take(n, "num_outputs")
	if !ok || input(n, 1) != "" {
		return nil
	}
	parts := int(v.(int64))
	s, known := a.spec(n.In[0])
	axis := n.Attrs.Int("axis", 0)
	if !known || parts < 1 || axis < -len(s.Shape) || axis >= len(s.Shape) {
		return errRank
	}
	if axis < 0 {
		axis += len(s.Shape)
	}
	if d := s.Shape[axis]; d < 0 {
		return fmt.Errorf("that version needs the sizes of the parts, and extent %d is symbolic", axis)
	} else if d%parts != 0 {
		sizes := make([]int, parts)
		for i := range sizes {
			sizes[i] = min((d+parts-1)/parts, d)
			d -= sizes[i]
		}
		setInput(n, 1, a.ints(n, "split", sizes...))
	}
	return nil
}

func topDown(a *adapter, n *graph.Node) error {
	k, ok, err := a.constInts(n, 1)
	if err != nil || !ok || len(k) != 1 {
		return errors.Join(err, errors.New("k is not one number"))
	}
	setAttr(n, "k", int64(k[0]))
	n.In = n.In[:1]
	return nil
}

// softmaxDown: only the last axis meant the same.
func softmaxDown(a *adapter, n *graph.Node) error {
	rank, ok := a.rank(n.In[0])
	axis := n.Attrs.Int("axis", -1)
	switch {
	case !ok && axis != -1:
		return errRank
	case axis == -1 && !ok:
		setAttr(n, "axis", int64(-1)) // which 11 and 12 understand
		return nil
	case axis == -1 || axis == rank-1:
		setAttr(n, "axis", int64(rank-1))
		return nil
	}
	perm := make([]int, rank)
	for i := range perm {
		perm[i] = i
	}
	axis = (axis + rank) % rank
	perm[axis], perm[rank-1] = rank-1, axis
	attrs := graph.Attrs{"perm": graph.Ints64(perm...)}
	n.In[0] = a.prepend(n, "Transpose", attrs, n.In[0])
	setAttr(n, "axis", int64(rank-1))
	a.appendTo(n, "Transpose", attrs.Clone(), func(y graph.Value) []graph.Value { return []graph.Value{y} })
	return nil
}

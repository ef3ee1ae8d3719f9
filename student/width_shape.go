package student

import (
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// concatWidth joins the channels of its inputs.
func concatWidth(w *widths, n *graph.Node) error {
	out := slices.Clone(w.of(n.In[0]))
	axis := n.Attrs.Int("axis", 0)
	if axis < 0 {
		axis += len(out)
	}
	var joined layout
	for _, v := range n.In {
		in := w.of(v)
		joined = append(joined, in[axis]...)
		for i := range out {
			if i == axis {
				continue
			}
			if err := unify(out[i], in[i]); err != nil {
				return err
			}
		}
	}
	out[axis] = joined
	w.axes[n.Out[0]] = out
	return nil
}

func transposeWidth(w *widths, n *graph.Node) error {
	in := w.of(n.In[0])
	perm := n.Attrs.Ints("perm")
	out := make([]layout, len(in))
	for i := range out {
		if perm == nil {
			out[i] = in[len(in)-1-i]
		} else {
			out[i] = in[perm[i]]
		}
	}
	w.axes[n.Out[0]] = out
	return nil
}

// reduceWidth drops the axes that are reduced.
func reduceWidth(w *widths, n *graph.Node) error {
	in := w.of(n.In[0])
	axes := n.Attrs.Ints("axes")
	if len(n.In) > 1 && n.In[1] != "" {
		var ok bool
		if axes, ok = w.ints(n.In[1]); !ok {
			w.pin(n)
			return nil
		}
	}
	keep := n.Attrs.Bool("keepdims", true)
	out := []layout{}
	for i, l := range in {
		reduced := len(axes) == 0 || slices.Contains(axes, i) || slices.Contains(axes, i-len(in))
		switch {
		case !reduced:
			out = append(out, l)
		case keep:
			out = append(out, fixedAxis(1))
		}
	}
	w.axes[n.Out[0]] = out
	return nil
}

// padWidth: zeros before and after the channels are groups of their own, as in the
// parameter-free shortcut of residual networks.
func padWidth(w *widths, n *graph.Node) error {
	in := w.of(n.In[0])
	pads, ok := w.ints(n.In[1])
	if !ok || len(pads) != 2*len(in) || len(n.In) > 3 && n.In[3] != "" || slices.Min(pads) < 0 || n.Attrs.Str("mode", "constant") != "constant" {
		w.pin(n)
		return nil
	}
	out := slices.Clone(in)
	for i := range in {
		before, after := pads[i], pads[len(in)+i]
		if before+after == 0 {
			continue
		}
		if in[i].fixed() {
			out[i] = fixedAxis(in[i].len() + before + after)
			continue
		}
		head, tail := fresh(before), fresh(after)
		out[i] = append(append(slices.Clone(head), in[i]...), tail...)
		w.then = append(w.then, func() { pads[i], pads[len(in)+i] = head.keptLen(), tail.keptLen() })
	}
	w.then = append(w.then, func() { w.setInts(n, 1, pads) })
	w.axes[n.Out[0]] = out
	return nil
}

// sliceWidth: axes that are cut keep their full size.
func sliceWidth(w *widths, n *graph.Node) error {
	in, shape := w.of(n.In[0]), w.shape(n.Out[0])
	for i, l := range in {
		if l.len() != shape[i] {
			l.pin()
		}
	}
	return likeInput(w, n)
}

// reshapeWidth follows groups of axes whose products agree: axes that are joined
// become one, and of one that is split the first part takes the channels.
func reshapeWidth(w *widths, n *graph.Node) error {
	in, to := w.of(n.In[0]), w.shape(n.Out[0])
	out := make([]layout, 0, len(to))
	for i := 0; len(out) < len(to); {
		from := i
		have, want, first := 1, to[len(out)], len(out)
		last := first
		if i < len(in) {
			have = in[i].len()
			i++
		}
		for have != want {
			switch {
			case have < want && i < len(in):
				have *= in[i].len()
				i++
			case have > want && last+1 < len(to):
				last++
				want *= to[last]
			default:
				return fmt.Errorf("shapes do not match")
			}
		}
		parts, err := regroup(in[from:i], to[first:last+1])
		if err != nil {
			return err
		}
		out = append(out, parts...)
	}
	w.axes[n.Out[0]] = out
	if n.Op == "Reshape" {
		w.then = append(w.then, func() { w.reshapeTo(n, out) })
	}
	return nil
}

// regroup returns the axes of a group of axes in a new shape with as many elements.
func regroup(in []layout, to tensor.Shape) ([]layout, error) {
	flat := joinAxes(in)
	if len(to) == 1 {
		return []layout{flat}, nil
	}
	if flat.fixed() {
		var out []layout
		for _, d := range to {
			out = append(out, fixedAxis(d))
		}
		return out, nil
	}
	at := slices.IndexFunc(to, func(d int) bool { return d > 1 })
	out := make([]layout, len(to))
	for i, d := range to {
		if out[i] = fixedAxis(d); i == at {
			out[i] = fresh(d)
		}
	}
	return out, unify(flat, joinAxes(out))
}

// joinAxes returns neighbouring axes as one. Of two that both have channels the later one
// keeps its size.
func joinAxes(ls []layout) layout {
	out := fixedAxis(1)
	for _, l := range ls {
		switch {
		case out.len() == 1 && out.fixed():
			out = l
		case l.len() == 1 && l.fixed():
		case out.fixed():
			n, once := out.len(), l
			out = nil
			for range n {
				out = append(out, once...)
			}
		default:
			l.pin()
			out = out.times(l.len())
		}
	}
	return out
}

// reshapeTo changes the constant shape of a Reshape to what stays; 0 and -1 stand. A shape
// that is computed and has the number of samples in it follows by itself.
func (w *widths) reshapeTo(n *graph.Node, out []layout) {
	shape, ok := w.ints(n.In[1])
	if !ok || w.m.Graph.Param(n.In[1]) == nil && len(shape) > 0 && shape[0] > 0 {
		return
	}
	for i, l := range out {
		if i < len(shape) && shape[i] > 0 && l.keptLen() < l.len() {
			shape[i] = l.keptLen()
		}
	}
	w.setInts(n, 1, shape)
}

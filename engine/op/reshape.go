package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "Reshape", min: 2, max: 2, bind: bindReshape})
	graph.Register("", anyOp{name: "Flatten", min: 1, max: 1, bind: bindFlatten})
	graph.Register("", anyOp{name: "Squeeze", min: 1, max: 2, bind: bindSqueeze})
	graph.Register("", anyOp{name: "Unsqueeze", min: 1, max: 2, bind: bindUnsqueeze})
}

// newView hands input 0 through under another shape of as many elements.
func newView(b *graph.Bind, s tensor.Shape) *identity {
	return &identity{graph.Bound{Outs: outLike(b, 0, s)}}
}

// intsArg returns a list that newer versions of an operator have as input i and
// older ones as an attribute; given is false when there is neither.
func intsArg(b *graph.Bind, i int, attr string) (list []int, given bool, err error) {
	if b.Has(i) {
		list, err = b.ConstInts(i)
		return list, true, err
	}
	return b.Node.Attrs.Ints(attr), b.Node.Attrs.Has(attr), nil
}

// bindReshape gives input 0 the shape in input 1, where 0 keeps the extent of
// that axis (unless allowzero) and one -1 stands for what is left.
func bindReshape(b *graph.Bind) (graph.Kernel, error) {
	want, err := b.ConstInts(1)
	if err != nil {
		return nil, err
	}
	in, s, free := b.In[0].Shape, tensor.Shape(slices.Clone(want)), -1
	for d, n := range s {
		switch {
		case n == 0 && !b.Node.Attrs.Bool("allowzero", false):
			if d >= len(in) {
				return nil, b.Errorf("shape %v keeps axis %d, which the input does not have", want, d)
			}
			s[d] = in[d]
		case n == -1 && free < 0:
			free = d
			s[d] = 1
		case n < 0:
			return nil, b.Errorf("shape %v: want extents of at least 0, and -1 at most once", want)
		}
	}
	known, ok := s.CheckedSize(maxElems)
	if ok && free >= 0 && known > 0 {
		s[free] = in.Size() / known
		known *= s[free]
	} else if free >= 0 {
		return nil, b.Errorf("shape %v: the extent at -1 is not defined", want)
	}
	if !ok || known != in.Size() {
		return nil, b.Errorf("%d elements do not fit shape %v", in.Size(), want)
	}
	return newView(b, s), nil
}

// bindFlatten makes a matrix: the axes before attribute axis are its rows.
func bindFlatten(b *graph.Bind) (graph.Kernel, error) {
	s, axis := b.In[0].Shape, b.Node.Attrs.Int("axis", 1)
	if axis < 0 {
		axis += len(s)
	}
	if axis < 0 || axis > len(s) {
		return nil, b.Errorf("axis %d is outside [%d, %d]", b.Node.Attrs.Int("axis", 1), -len(s), len(s))
	}
	return newView(b, tensor.Shape{product(s[:axis]), product(s[axis:])}), nil
}

// bindSqueeze removes the listed axes of extent 1, or all of them.
func bindSqueeze(b *graph.Bind) (graph.Kernel, error) {
	list, given, err := intsArg(b, 1, "axes")
	if err != nil {
		return nil, err
	}
	s, out := b.In[0].Shape, tensor.Shape{}
	axes, err := axesOf(b, list, len(s))
	if err != nil {
		return nil, err
	}
	for d, n := range s {
		switch listed := slices.Contains(axes, d); {
		case listed && n != 1:
			return nil, b.Errorf("axis %d has extent %d, want 1", d, n)
		case !listed && (given || n != 1):
			out = append(out, n)
		}
	}
	return newView(b, out), nil
}

// bindUnsqueeze inserts axes of extent 1 at their places in the output.
func bindUnsqueeze(b *graph.Bind) (graph.Kernel, error) {
	list, given, err := intsArg(b, 1, "axes")
	if err != nil {
		return nil, err
	}
	if !given {
		return nil, b.Errorf("no axes: want them as input 1")
	}
	axes, err := axesOf(b, list, len(b.In[0].Shape)+len(list))
	if err != nil {
		return nil, err
	}
	out := b.In[0].Shape.Clone()
	for _, a := range axes {
		out = slices.Insert(out, a, 1)
	}
	return newView(b, out), nil
}

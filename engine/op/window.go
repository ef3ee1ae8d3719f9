package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// window is how a kernel slides over the spatial axes of an input. A 1-d window
// is a 2-d one of height 1, so every list has at least two entries.
type window struct {
	in, out       []int
	kernel        []int
	stride, dil   []int
	before, after []int // padding
	rank          int   // of the original
}

// axis returns where spatial axis i is in the lists.
func (w *window) axis(i int) int { return len(w.in) - w.rank + i }

// readWindow reads the attributes kernel_shape, strides, dilations, pads and
// auto_pad for the spatial extents of in; weights gives the kernel's extents when
// the attribute is absent. The output extents are those of convolution and pooling.
func readWindow(b *graph.Bind, in, weights tensor.Shape) (*window, error) {
	w, err := readKernel(b, in, weights)
	if err != nil {
		return nil, err
	}
	same, err := w.readPads(b)
	if err != nil {
		return nil, err
	}
	ceil := b.Node.Attrs.Bool("ceil_mode", false)
	for i := range w.in {
		if same != "" {
			w.padSame(i, same == "SAME_UPPER")
		}
		if err := w.setOut(b, i, ceil && same == ""); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// readKernel reads everything but the padding.
func readKernel(b *graph.Bind, in, weights tensor.Shape) (*window, error) {
	rank := len(in)
	if rank < 1 {
		return nil, b.Errorf("want an input with axes N C and at least one spatial axis")
	}
	n := max(2, rank)
	w := &window{in: slices.Repeat([]int{1}, n), out: make([]int, n), kernel: slices.Repeat([]int{1}, n),
		stride: slices.Repeat([]int{1}, n), dil: slices.Repeat([]int{1}, n), before: make([]int, n), after: make([]int, n), rank: rank}
	copy(w.in[w.axis(0):], in)
	k := b.Node.Attrs.Ints("kernel_shape")
	if k == nil {
		k = weights
	}
	if weights != nil && !weights.Equal(k) {
		return nil, b.Errorf("kernel_shape %v, but the weights have %v", k, weights)
	}
	for _, l := range []struct {
		name string
		v    []int
		dst  []int
	}{{"kernel_shape", k, w.kernel}, {"strides", b.Node.Attrs.Ints("strides"), w.stride}, {"dilations", b.Node.Attrs.Ints("dilations"), w.dil}} {
		if l.v == nil && l.name != "kernel_shape" {
			continue
		}
		if len(l.v) != rank {
			return nil, b.Errorf("%s %v, want %d numbers", l.name, l.v, rank)
		}
		copy(l.dst[w.axis(0):], l.v)
		if slices.Min(l.dst) < 1 || slices.Max(l.dst) > maxWindow {
			return nil, b.Errorf("%s %v: want positive numbers up to %d", l.name, l.v, maxWindow)
		}
	}
	return w, nil
}

// maxWindow bounds window attributes, so that extents cannot overflow.
const maxWindow = 1 << 24

// readPads reads explicit padding, or returns the SAME_ rule to use instead.
func (w *window) readPads(b *graph.Bind) (same string, err error) {
	switch auto := b.Node.Attrs.Str("auto_pad", "NOTSET"); auto {
	case "SAME_UPPER", "SAME_LOWER":
		return auto, nil
	case "VALID":
		return "", nil
	case "NOTSET", "":
	default:
		return "", b.Errorf("auto_pad %q: want NOTSET, VALID, SAME_UPPER or SAME_LOWER", auto)
	}
	pads := b.Node.Attrs.Ints("pads")
	if pads == nil {
		return "", nil
	}
	if len(pads) != 2*w.rank {
		return "", b.Errorf("pads %v, want %d numbers", pads, 2*w.rank)
	}
	for i, p := range pads {
		if p < 0 || p > maxWindow {
			return "", b.Errorf("pads %v: want numbers from 0 to %d", pads, maxWindow)
		}
		if i < w.rank {
			w.before[w.axis(i)] = p
		} else {
			w.after[w.axis(i-w.rank)] = p
		}
	}
	return "", nil
}

// reach returns how many input elements the dilated kernel spans.
func (w *window) reach(i int) int { return (w.kernel[i]-1)*w.dil[i] + 1 }

// padSame pads axis i so that there is one output for each stride of the input;
// an odd element goes to the end when upper.
func (w *window) padSame(i int, upper bool) {
	out := (w.in[i] + w.stride[i] - 1) / w.stride[i]
	total := max(0, (out-1)*w.stride[i]+w.reach(i)-w.in[i])
	w.before[i], w.after[i] = halves(total, upper)
}

// halves splits total, the larger half last when upper.
func halves(total int, upper bool) (before, after int) {
	if upper {
		return total / 2, total - total/2
	}
	return total - total/2, total / 2
}

// setOut computes the output extent of axis i. With ceil a last window may
// reach beyond the padding, but it must not start there.
func (w *window) setOut(b *graph.Bind, i int, ceil bool) error {
	span := w.in[i] + w.before[i] + w.after[i] - w.reach(i)
	if span < 0 {
		return b.Errorf("a kernel that spans %d does not fit into %d padded elements", w.reach(i), span+w.reach(i))
	}
	w.out[i] = span/w.stride[i] + 1
	if ceil && span%w.stride[i] != 0 && w.out[i]*w.stride[i] < w.in[i]+w.before[i] {
		w.out[i]++
	}
	return nil
}

// outDims returns the output's spatial extents with the original rank.
func (w *window) outDims() []int { return w.out[w.axis(0):] }

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Slice", min: 1, max: 5, mixed: true, types: wordTypes(
		bindSlice[float32], bindSlice[float64], bindSlice[uint8],
		bindSlice[uint16], bindSlice[uint32], bindSlice[uint64], bindSlice[string])})
}

// part copies a strided part of input 0.
type part[T word] struct {
	graph.Bound
	fwd, bwd *copier[T]
}

// newPart makes the kernel for the part of the given shape that is at a place.
func newPart[T word](b *graph.Bind, out tensor.Shape, at strided) (graph.Kernel, error) {
	whole := strided{strides: out.Strides()}
	k := &part[T]{fwd: newCopier[T](out, whole, at), bwd: newCopier[T](out, at, whole)}
	if !k.fwd.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = outLike(b, 0, out)
	return k, nil
}

// bindSlice takes the elements from start to end by step along axes: inputs 1, 2,
// 4 and 3. Numbers below 0 count from the end of the axis.
func bindSlice[T word](b *graph.Bind) (graph.Kernel, error) {
	starts, ends, axes, steps, err := sliceArgs(b)
	if err != nil {
		return nil, err
	}
	out := b.In[0].Shape.Clone()
	at := strided{strides: out.Strides()}
	seen := make([]bool, len(out))
	for i, a := range axes {
		d, err := axisOf(b, a, len(out))
		if err != nil {
			return nil, err
		}
		if seen[d] || steps[i] == 0 {
			return nil, b.Errorf("axis %d is given twice or with step 0", a)
		}
		seen[d] = true
		start, count, step := sliceRange(starts[i], ends[i], steps[i], out[d])
		at.base += start * at.strides[d]
		at.strides[d] *= step
		out[d] = count
	}
	if out.Equal(b.In[0].Shape) && at.base == 0 {
		return newIdentity(b), nil
	}
	return newPart[T](b, out, at)
}

// sliceArgs returns lists of one length.
func sliceArgs(b *graph.Bind) (starts, ends, axes, steps []int, err error) {
	lists := [4][]int{}
	given := [4]bool{}
	for i, name := range []string{"starts", "ends", "axes", "steps"} {
		if lists[i], given[i], err = intsArg(b, i+1, name); err != nil {
			return nil, nil, nil, nil, err
		}
	}
	n := len(lists[0])
	if !given[0] || !given[1] {
		return nil, nil, nil, nil, b.Errorf("no starts or ends: want them as inputs 1 and 2")
	}
	for i := range n {
		if !given[2] {
			lists[2] = append(lists[2], i)
		}
		if !given[3] {
			lists[3] = append(lists[3], 1)
		}
	}
	for _, l := range lists {
		if len(l) != n {
			return nil, nil, nil, nil, b.Errorf("starts, ends, axes and steps have %d, %d, %d and %d elements, want as many",
				n, len(lists[1]), len(lists[2]), len(lists[3]))
		}
	}
	return lists[0], lists[1], lists[2], lists[3], nil
}

// sliceRange clamps a range to an axis of extent n as Python does.
func sliceRange(start, end, step, n int) (first, count, by int) {
	lo, hi := 0, n
	if step < 0 {
		lo, hi = -1, n-1
	}
	clamp := func(i int) int {
		if i < 0 {
			i += n
		}
		return min(max(i, lo), hi)
	}
	start, end = clamp(start), clamp(end)
	by = min(max(step, -n-1), n+1)
	switch {
	case by > 0 && end > start:
		count = (end-start-1)/by + 1
	case by < 0 && start > end:
		count = (start-end-1)/-by + 1
	default:
		return 0, 0, 1
	}
	return start, count, by
}

// BackwardReads implements graph.Frugal.
func (k *part[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *part[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.fwd.do(x.Pool, words[T](out[0]), words[T](in[0]))
}

func (k *part[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if din[0] != nil {
		din[0].Zero()
		k.bwd.do(x.Pool, words[T](din[0]), words[T](dout[0]))
	}
}

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "CenterCropPad", min: 2, max: 2, mixed: true, types: wordTypes(
		bindCenterCrop[float32], bindCenterCrop[float64], bindCenterCrop[uint8],
		bindCenterCrop[uint16], bindCenterCrop[uint32], bindCenterCrop[uint64], bindCenterCrop[string])})
}

// centerCrop copies the middle of input 0 to the middle of the output; what the
// output has more is zero.
type centerCrop[T word] struct {
	graph.Bound
	crops, pads bool
	fwd, bwd    *copier[T]
}

// bindCenterCrop gives the axes in attribute axes, or all, the extents in input 1.
func bindCenterCrop[T word](b *graph.Bind) (graph.Kernel, error) {
	want, err := b.ConstInts(1)
	if err != nil {
		return nil, err
	}
	s := b.In[0].Shape
	axes := b.Node.Attrs.Ints("axes")
	for d := range s {
		if !b.Node.Attrs.Has("axes") {
			axes = append(axes, d)
		}
	}
	if _, err := axesOf(b, axes, len(s)); err != nil {
		return nil, err
	}
	if _, ok := tensor.Shape(want).CheckedSize(maxElems / max(1, s.Size())); !ok || len(want) != len(axes) {
		return nil, b.Errorf("shape %v: want an extent for each of %d axes", want, len(axes))
	}
	k := &centerCrop[T]{}
	out, both := s.Clone(), s.Clone()
	from, to := strided{strides: s.Strides()}, strided{}
	for i, a := range axes {
		out[(a+len(s))%len(s)] = want[i]
	}
	to.strides = out.Strides()
	for d := range s {
		both[d] = min(s[d], out[d])
		from.base += (s[d] - both[d]) / 2 * from.strides[d]
		to.base += (out[d] - both[d]) / 2 * to.strides[d]
		k.crops, k.pads = k.crops || s[d] > out[d], k.pads || s[d] < out[d]
	}
	k.fwd, k.bwd = newCopier[T](both, to, from), newCopier[T](both, from, to)
	if !k.fwd.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = outLike(b, 0, out)
	return k, nil
}

func (k *centerCrop[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if k.pads {
		out[0].Zero()
	}
	k.fwd.do(x.Pool, words[T](out[0]), words[T](in[0]))
}

// BackwardReads implements graph.Frugal.
func (k *centerCrop[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *centerCrop[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if din[0] == nil {
		return
	}
	if k.crops {
		din[0].Zero()
	}
	k.bwd.do(x.Pool, words[T](din[0]), words[T](dout[0]))
}

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Concat", min: 1, types: wordTypes(
		bindConcat[float32], bindConcat[float64], bindConcat[uint8],
		bindConcat[uint16], bindConcat[uint32], bindConcat[uint64], bindConcat[string])})
	graph.Register("", typedOp{name: "Split", min: 1, max: 2, mixed: true, types: wordTypes(
		bindSplit[float32], bindSplit[float64], bindSplit[uint8],
		bindSplit[uint16], bindSplit[uint32], bindSplit[uint64], bindSplit[string])})
}

// blocks are parts of a whole tensor along one axis: a copier joins each into the
// whole, another cuts it out.
type blocks[T word] struct {
	graph.Bound
	join, cut []*copier[T]
}

// newBlocks makes the copiers for blocks of the given extents along axis.
func newBlocks[T word](whole tensor.Shape, axis int, extents []int) blocks[T] {
	var k blocks[T]
	st, from := whole.Strides(), 0
	for _, n := range extents {
		s := whole.Clone()
		s[axis] = n
		in, part := strided{from * st[axis], st}, strided{strides: s.Strides()}
		k.join = append(k.join, newCopier[T](s, in, part))
		k.cut = append(k.cut, newCopier[T](s, part, in))
		from += n
	}
	return k
}

// joinAll copies the blocks into the whole; a missing block is zero.
func (k *blocks[T]) joinAll(x *graph.Exec, whole *tensor.Tensor, parts []*tensor.Tensor) {
	for i := range k.join {
		if i >= len(parts) || parts[i] == nil {
			whole.Zero()
			break
		}
	}
	for i, c := range k.join {
		if i < len(parts) && parts[i] != nil {
			c.do(x.Pool, words[T](whole), words[T](parts[i]))
		}
	}
}

// cutAll copies the blocks that are wanted out of the whole.
func (k *blocks[T]) cutAll(x *graph.Exec, parts []*tensor.Tensor, whole *tensor.Tensor) {
	for i, c := range k.cut {
		if i < len(parts) && parts[i] != nil {
			c.do(x.Pool, words[T](parts[i]), words[T](whole))
		}
	}
}

// BackwardReads implements graph.Frugal.
func (k *blocks[T]) BackwardReads() (in, out []bool) { return nil, nil }

// concat joins its inputs along attribute axis.
type concat[T word] struct{ blocks[T] }

func bindConcat[T word](b *graph.Bind) (graph.Kernel, error) {
	if !b.Node.Attrs.Has("axis") {
		return nil, b.Errorf("attribute axis is missing")
	}
	first := b.In[0].Shape
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", 0), len(first))
	if err != nil {
		return nil, err
	}
	whole, extents := first.Clone(), make([]int, len(b.In))
	whole[axis] = 0
	for i, in := range b.In {
		if len(in.Shape) != len(first) {
			return nil, b.Errorf("input %d has %d axes, want %d as input 0", i, len(in.Shape), len(first))
		}
		for d, n := range in.Shape {
			if d != axis && n != first[d] {
				return nil, b.Errorf("axis %d of input %d has extent %d, want %d as input 0", d, i, n, first[d])
			}
		}
		extents[i] = in.Shape[axis]
		whole[axis] += extents[i]
	}
	if len(b.In) == 1 {
		return newIdentity(b), nil
	}
	k := &concat[T]{newBlocks[T](whole, axis, extents)}
	k.Outs = outLike(b, 0, whole)
	return k, nil
}

func (k *concat[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) { k.joinAll(x, out[0], in) }

func (k *concat[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	k.cutAll(x, din, dout[0])
}

// split cuts input 0 along attribute axis.
type split[T word] struct{ blocks[T] }

func bindSplit[T word](b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", 0), len(s))
	if err != nil {
		return nil, err
	}
	extents, err := splitExtents(b, s[axis])
	if err != nil {
		return nil, err
	}
	k := &split[T]{newBlocks[T](s, axis, extents)}
	for _, n := range extents {
		part := s.Clone()
		part[axis] = n
		k.Outs = append(k.Outs, graph.Spec{DType: b.In[0].DType, Shape: part})
	}
	return k, nil
}

// splitExtents returns the extents of the parts of an axis of extent n: those in
// input 1, or as many equal ones as there are outputs, the last perhaps smaller.
func splitExtents(b *graph.Bind, n int) ([]int, error) {
	extents, given, err := intsArg(b, 1, "split")
	if err != nil {
		return nil, err
	}
	if given {
		return extents, checkExtents(b, extents, n)
	}
	parts := b.Node.Attrs.Int("num_outputs", len(b.Node.Out))
	if parts < 1 || parts < len(b.Node.Out) {
		return nil, b.Errorf("num_outputs is %d, the node has %d outputs", parts, len(b.Node.Out))
	}
	size := (n + parts - 1) / parts
	extents = make([]int, parts)
	for i := range extents {
		extents[i] = max(0, min(size, n-i*size))
	}
	return extents, nil
}

func checkExtents(b *graph.Bind, extents []int, n int) error {
	for _, e := range extents {
		if e < 0 || e > n {
			return b.Errorf("split %v: want extents that add up to %d", extents, n)
		}
		n -= e
	}
	if n != 0 || len(extents) < len(b.Node.Out) {
		return b.Errorf("split %v: want an extent for each of %d outputs that add up to the axis", extents, len(b.Node.Out))
	}
	return nil
}

func (k *split[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) { k.cutAll(x, out, in[0]) }

func (k *split[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if din[0] != nil {
		k.joinAll(x, din[0], dout)
	}
}

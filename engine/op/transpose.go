package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Transpose", min: 1, max: 1, types: wordTypes(
		bindTranspose[float32], bindTranspose[float64], bindTranspose[uint8],
		bindTranspose[uint16], bindTranspose[uint32], bindTranspose[uint64], bindTranspose[string])})
}

// permuted copies the elements of a view of input 0, of which the output has all,
// in another order.
type permuted[T word] struct {
	graph.Bound
	fwd, bwd *copier[T]
}

// newPermuted makes the permutation with y's axis d being axis perm[d] of a view
// of input 0 of shape s. It is a view itself when only axes of extent 1 change places.
func newPermuted[T word](b *graph.Bind, s tensor.Shape, perm []int, out tensor.Shape) (graph.Kernel, error) {
	if !reorders(s, perm) {
		return newView(b, out), nil
	}
	st := s.Strides()
	moved, from := make([]int, len(s)), make([]int, len(s))
	for d, p := range perm {
		moved[d], from[d] = s[p], st[p]
	}
	to, back := tensor.Shape(moved).Strides(), make([]int, len(s))
	for d, p := range perm {
		back[p] = to[d]
	}
	k := &permuted[T]{fwd: newCopier[T](moved, strided{strides: to}, strided{strides: from}),
		bwd: newCopier[T](s, strided{strides: st}, strided{strides: back})}
	if !k.fwd.w.ok() || !k.bwd.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = outLike(b, 0, out)
	return k, nil
}

// reorders reports whether a permutation of the axes moves elements.
func reorders(s tensor.Shape, perm []int) bool {
	last := -1
	for _, p := range perm {
		if s[p] == 1 {
			continue
		}
		if p < last {
			return s.Size() > 0
		}
		last = p
	}
	return false
}

// bindTranspose permutes the axes by attribute perm, or reverses them.
func bindTranspose[T word](b *graph.Bind) (graph.Kernel, error) {
	s, perm := b.In[0].Shape, b.Node.Attrs.Ints("perm")
	if !b.Node.Attrs.Has("perm") {
		for d := range s {
			perm = append(perm, len(s)-1-d)
		}
	}
	sorted := slices.Sorted(slices.Values(perm))
	ok := len(perm) == len(s)
	for d, p := range sorted {
		ok = ok && d == p
	}
	if !ok {
		return nil, b.Errorf("perm %v is no permutation of %d axes", perm, len(s))
	}
	out := make(tensor.Shape, len(s))
	for d, p := range perm {
		out[d] = s[p]
	}
	return newPermuted[T](b, s, perm, out)
}

// BackwardReads implements graph.Frugal.
func (k *permuted[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *permuted[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.fwd.do(x.Pool, words[T](out[0]), words[T](in[0]))
}

func (k *permuted[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	if din[0] != nil {
		k.bwd.do(x.Pool, words[T](din[0]), words[T](dout[0]))
	}
}

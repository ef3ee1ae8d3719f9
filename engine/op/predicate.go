package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "IsNaN", min: 1, max: 1, types: floatTypes(bindIsNaN[float32], bindIsNaN[float64])})
	graph.Register("", typedOp{name: "IsInf", min: 1, max: 1, types: floatTypes(bindIsInf[float32], bindIsInf[float64])})
	graph.Register("", typedOp{name: "Not", min: 1, max: 1, types: byType{tensor.Bool: bindNot}})
}

func bindIsNaN[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	return newPredicate(b, func(v T) bool { return v != v }), nil
}

// bindIsInf takes only infinities of the signs that the attributes
// detect_negative and detect_positive ask for.
func bindIsInf[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	neg, pos := b.Node.Attrs.Bool("detect_negative", true), b.Node.Attrs.Bool("detect_positive", true)
	return newPredicate(b, func(v T) bool {
		return pos && math.IsInf(float64(v), 1) || neg && math.IsInf(float64(v), -1)
	}), nil
}

func bindNot(b *graph.Bind) (graph.Kernel, error) {
	return newPredicate(b, func(v bool) bool { return !v }), nil
}

// predicate tells something about every element.
type predicate[T tensor.Elem] struct {
	graph.Bound
	f   func(v T) bool
	fwd pieces
	x   []T
	y   []bool
}

func newPredicate[T tensor.Elem](b *graph.Bind, f func(v T) bool) *predicate[T] {
	s := b.In[0].Shape.Clone()
	k := &predicate[T]{f: f}
	k.Outs = []graph.Spec{{DType: tensor.Bool, Shape: s}}
	k.fwd = newPieces(s.Size(), 2, k.piece)
	return k
}

func (k *predicate[T]) piece(from, to int) {
	for i := from; i < to; i++ {
		k.y[i] = k.f(k.x[i])
	}
}

func (k *predicate[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = elems[T](in, 0), elems[bool](out, 0)
	k.fwd.do(x.Pool)
}

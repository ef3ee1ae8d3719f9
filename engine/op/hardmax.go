package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Hardmax", min: 1, max: 1, f32: bindHardmax[float32], f64: bindHardmax[float64]})
}

// hardmax is 1 at the first of the largest elements along attribute axis and 0
// elsewhere. It has no gradient.
type hardmax[T kernel.Float] struct {
	graph.Bound
	n, inner int
	cols     pieces
	x, y     []T
}

func bindHardmax[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	axis, err := axisOf(b, b.Node.Attrs.Int("axis", -1), len(s))
	if err != nil {
		return nil, err
	}
	k := &hardmax[T]{n: s[axis], inner: product(s[axis+1:])}
	k.cols = newPieces(product(s[:axis])*k.inner, k.n, k.piece)
	k.Outs = outLike(b, 0, s)
	return k, nil
}

func (k *hardmax[T]) piece(from, to int) {
	for o := from; o < to; o++ {
		at := o/k.inner*k.n*k.inner + o%k.inner
		best := at
		for j := range k.n {
			i := at + j*k.inner
			if k.x[i] > k.x[best] {
				best = i
			}
			k.y[i] = 0
		}
		if k.n > 0 {
			k.y[best] = 1
		}
	}
}

func (k *hardmax[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = dataAt[T](in, 0), dataAt[T](out, 0)
	k.cols.do(x.Pool)
}

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "AveragePool", min: 1, max: 1, f32: bindAvgPool[float32], f64: bindAvgPool[float64]})
}

// avgPool is Y = the mean of each window of X, N C H W or N C W. Padding counts
// as zeros with count_include_pad, else not at all.
type avgPool[T kernel.Float] struct {
	graph.Bound
	shape kernel.PoolShape
}

func bindAvgPool[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	w, err := poolWindow(b)
	if err != nil {
		return nil, err
	}
	pads := b.Node.Attrs.Bool("count_include_pad", false)
	if w.rank > 2 {
		return newAnyPool[T](b, w, &meanOfWindow[T]{pads: pads}), nil
	}
	k := &avgPool[T]{shape: w.pool(b.In[0].Shape)}
	k.shape.CountIncludePad = pads
	k.Outs = poolOuts(b, w)[:1]
	return k, nil
}

func (k *avgPool[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	kernel.AvgPool(x.Pool, &k.shape, dataAt[T](out, 0), dataAt[T](in, 0))
}

// BackwardReads implements graph.Frugal.
func (k *avgPool[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *avgPool[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	kernel.AvgPoolGrad(x.Pool, &k.shape, dataAt[T](din, 0), dataAt[T](dout, 0))
}

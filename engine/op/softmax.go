package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Softmax", min: 1, max: 1, f32: bindSoftmax[float32], f64: bindSoftmax[float64]})
}

// softmax normalises exponentials along attribute axis; LogSoftmax is the same
// kernel with logarithms.
type softmax[T kernel.Float] struct {
	graph.Bound
	*axisSoftmax[T]
}

func bindSoftmax[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	return newSoftmax[T](b, false)
}

func newSoftmax[T kernel.Float](b *graph.Bind, log bool) (graph.Kernel, error) {
	a, err := newAxisSoftmax[T](b, b.Node.Attrs.Int("axis", -1), log)
	if err != nil {
		return nil, err
	}
	return &softmax[T]{graph.Bound{Outs: []graph.Spec{specOf[T](b.In[0].Shape...)}}, a}, nil
}

func (k *softmax[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.forward(x.Pool, dataAt[T](out, 0), dataAt[T](in, 0))
}

// InPlace implements graph.InPlacer.
func (k *softmax[T]) InPlace() (forward, backward bool) { return true, true }

// BackwardReads implements graph.Frugal.
func (k *softmax[T]) BackwardReads() (in, out []bool) { return nil, []bool{true} }

func (k *softmax[T]) Backward(x *graph.Exec, _, out, dout, din []*tensor.Tensor) {
	k.backward(x.Pool, dataAt[T](din, 0), dataAt[T](out, 0), dataAt[T](dout, 0))
}

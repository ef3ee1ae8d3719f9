package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register(graph.PrivateDomain, floatOp{name: "BatchNormRelu", min: 5, max: 6, f32: bindBatchNormRelu[float32], f64: bindBatchNormRelu[float64]})
}

// bindBatchNormRelu binds y = max(BatchNormalization(x) + z, 0), z being the
// optional input 5 of x's shape. At inference there is no gradient.
func bindBatchNormRelu[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	if z := b.Input(5); z.Present() && !z.Shape.Equal(b.In[0].Shape) {
		return nil, b.Errorf("input 5 has shape %v, want %v", z.Shape, b.In[0].Shape)
	}
	if outputs(b.Node) > 1 {
		return nil, b.Errorf("the running statistics are no outputs here")
	}
	k, err := bindBatchNorm[T](b)
	if err != nil {
		return nil, err
	}
	switch k := k.(type) {
	case *batchNorm[T]:
		k.act = kernel.ActRelu
		r := &batchNormRelu[T]{batchNorm: k}
		r.mask = newPieces(b.In[0].Shape.Size(), 1, r.maskPiece)
		return r, nil
	case *fixedNorm[T]:
		k.act = kernel.ActRelu
		return forwardOnly{k}, nil
	}
	return nil, b.Errorf("no kernel")
}

// forwardOnly hides a kernel's gradient.
type forwardOnly struct {
	k interface {
		graph.Kernel
		graph.Workspacer
		graph.InPlacer
	}
}

func (f forwardOnly) Out() []graph.Spec                               { return f.k.Out() }
func (f forwardOnly) Cost() graph.Cost                                { return f.k.Cost() }
func (f forwardOnly) Workspace() (saved, scratch []graph.Spec)        { return f.k.Workspace() }
func (f forwardOnly) InPlace() (forward, backward bool)               { return f.k.InPlace() }
func (f forwardOnly) Forward(x *graph.Exec, in, out []*tensor.Tensor) { f.k.Forward(x, in, out) }

// batchNormRelu is the form for training. The gradient of what is rectified,
// dy where y > 0, is that of z, and what the normalisation's gradient starts from.
type batchNormRelu[T kernel.Float] struct {
	*batchNorm[T]
	mask      pieces
	g, my, dy []T
	tmp       []T // for g when neither gradient that could hold it is wanted
}

func (k *batchNormRelu[T]) maskPiece(from, to int) {
	kernel.ReluGrad(k.g[from:to], k.my[from:to], k.dy[from:to])
}

// BackwardReads implements graph.Frugal.
func (k *batchNormRelu[T]) BackwardReads() (in, out []bool) {
	return []bool{true, true}, []bool{true}
}

// InPlace implements graph.InPlacer.
func (k *batchNormRelu[T]) InPlace() (forward, backward bool) { return true, true }

func (k *batchNormRelu[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	mean, inv := dataAt[T](x.Saved, 0), dataAt[T](x.Saved, 1)
	dscale, dbias := dataAt[T](x.Scratch, 0), dataAt[T](x.Scratch, 1)
	xs, y, dx, dz := dataAt[T](in, 0), dataAt[T](out, 0), dataAt[T](din, 0), dataAt[T](din, 5)
	k.my, k.dy = y, dataAt[T](dout, 0)
	switch {
	case dz != nil:
		k.g = dz
	case dx != nil:
		k.g = dx
	default:
		if k.tmp == nil {
			k.tmp = make([]T, len(xs))
		}
		k.g = k.tmp
	}
	if len(k.g) > 0 && &k.g[0] == &k.dy[0] { // in place: one pass less
		kernel.BatchNormReluGrad(x.Pool, dx, dscale, dbias, xs, y, k.g, mean, inv, dataAt[T](in, 1), k.n, k.c, k.s)
	} else {
		k.mask.do(x.Pool)
		kernel.BatchNormGrad(x.Pool, dx, dscale, dbias, xs, k.g, mean, inv, dataAt[T](in, 1), k.n, k.c, k.s)
	}
	copy(dataAt[T](din, 1), dscale)
	copy(dataAt[T](din, 2), dbias)
	k.keep(dataAt[T](din, 3), nil)
	k.keep(dataAt[T](din, 4), nil)
}

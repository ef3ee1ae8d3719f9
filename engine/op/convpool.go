package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register(graph.PrivateDomain, floatOp{name: "ConvPool", min: 2, max: 3, f32: bindConvPool[float32], f64: bindConvPool[float64]})
}

// attrRelu says that ReLU follows.
const attrRelu = "relu"

// convPool is Y = maxpool(X * W + bias), or ReLU of it, with windows of 2 x 2 next to
// each other: N C H W and M C/G KH KW to N M OH/2 OW/2. The gradient is that of the
// convolution at the gradient of its output, which the maxima alone have; with ReLU
// dY counts where Y > 0.
type convPool[T kernel.Float] struct {
	graph.Bound
	shape    convShape
	full     graph.Spec // of the convolution's output
	plan     *kernel.ConvPool[T]
	epi      kernel.Epilogue[T]
	relu     bool
	mask     pieces
	g, y, dy []T
}

func bindConvPool[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	bound, err := bindConv[T](b)
	if err != nil {
		return nil, err
	}
	c := bound.(*conv[T])
	if c.shape.rank != 2 {
		return nil, b.Errorf("%d spatial axes, want 2", c.shape.rank)
	}
	k := &convPool[T]{shape: c.shape, full: c.Outs[0], relu: b.Node.Attrs.Bool(attrRelu, false)}
	k.Outs = []graph.Spec{specOf[T](k.shape.n, k.shape.m, k.shape.out[0]/2, k.shape.out[1]/2)}
	k.MACs = c.MACs
	if k.relu {
		k.epi.Act = kernel.ActRelu
	}
	k.mask = newPieces(k.Outs[0].Shape.Size(), 1, k.maskPiece)
	return k, nil
}

// Workspace implements graph.Workspacer: where the maxima are is saved; scratch are
// the convolution's output, and the gradient before ReLU.
func (k *convPool[T]) Workspace() (saved, scratch []graph.Spec) {
	saved = []graph.Spec{{DType: tensor.I32, Shape: k.Outs[0].Shape}}
	scratch = []graph.Spec{k.full}
	if k.relu {
		scratch = append(scratch, k.Outs[0])
	}
	return saved, scratch
}

func (k *convPool[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if k.plan == nil {
		k.plan = kernel.NewConvPool[T](k.shape.conv(k.shape.n, k.shape.c, k.shape.m, k.shape.groups))
	}
	k.epi.Bias = dataAt[T](in, 2)
	k.plan.Forward(x.Pool, dataAt[T](in, 0), dataAt[T](in, 1), dataAt[T](out, 0), tensor.Data[int32](x.Saved[0]), dataAt[T](x.Scratch, 0), &k.epi)
}

// BackwardReads implements graph.Frugal.
func (k *convPool[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, []bool{k.relu} }

func (k *convPool[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.g = dataAt[T](dout, 0)
	if k.relu {
		k.g, k.y, k.dy = dataAt[T](x.Scratch, 1), dataAt[T](out, 0), k.g
		k.mask.do(x.Pool)
	}
	k.plan.Backward(x.Pool, dataAt[T](in, 0), dataAt[T](in, 1), k.g, tensor.Data[int32](x.Saved[0]), dataAt[T](x.Scratch, 0),
		dataAt[T](din, 0), dataAt[T](din, 1), dataAt[T](din, 2))
}

func (k *convPool[T]) maskPiece(from, to int) {
	kernel.ReluGrad(k.g[from:to], k.y[from:to], k.dy[from:to])
}

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register(graph.PrivateDomain, floatOp{name: "ConvRelu", min: 2, max: 3, f32: bindConvRelu[float32], f64: bindConvRelu[float64]})
	graph.Register(graph.PrivateDomain, floatOp{name: "GemmRelu", min: 2, max: 3, f32: bindGemmRelu[float32], f64: bindGemmRelu[float64]})
}

// reluAfter is a product whose epilogue applies ReLU, with a gradient: that of the
// product at g = dy where y > 0.
type reluAfter[T kernel.Float] struct {
	product interface {
		graph.Kernel
		graph.Backwarder
	}
	mask     pieces
	g, y, dy []T
	dout     [1]*tensor.Tensor
	masked   bool // the last call computed din[0] alone: g is that of the next
}

func newReluAfter[T kernel.Float](c *conv[T], g *gemm[T]) *reluAfter[T] {
	k := &reluAfter[T]{}
	if c != nil {
		c.epi.Act = kernel.ActRelu
		k.product = c
	} else {
		g.epi.Act = kernel.ActRelu
		g.fwd.Epi = &g.epi
		k.product = g
	}
	k.mask = newPieces(k.Out()[0].Shape.Size(), 1, k.maskPiece)
	return k
}

func bindConvRelu[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k, err := bindConv[T](b)
	if err != nil {
		return nil, err
	}
	c := k.(*conv[T])
	if c.shape.rank > 2 {
		return nil, b.Errorf("%d spatial axes, want 1 or 2", c.shape.rank)
	}
	return newReluAfter(c, nil), nil
}

func bindGemmRelu[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k, err := bindGemm[T](b)
	if err != nil {
		return nil, err
	}
	g := k.(*gemm[T])
	if g.beta != 1 || (g.kind != addNone && g.kind != addRow) {
		return nil, b.Errorf("input 2 must be a bias of the columns")
	}
	return newReluAfter(nil, g), nil
}

// Out implements graph.Kernel.
func (k *reluAfter[T]) Out() []graph.Spec { return k.product.Out() }

// Cost implements graph.Kernel.
func (k *reluAfter[T]) Cost() graph.Cost { return k.product.Cost() }

// Workspace implements graph.Workspacer: g.
func (k *reluAfter[T]) Workspace() (saved, scratch []graph.Spec) { return nil, k.Out() }

func (k *reluAfter[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.product.Forward(x, in, out)
}

// BackwardReads implements graph.Frugal.
func (k *reluAfter[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, []bool{true} }

func (k *reluAfter[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.g, k.y, k.dy = dataAt[T](x.Scratch, 0), dataAt[T](out, 0), dataAt[T](dout, 0)
	if !k.masked || din[0] != nil {
		k.mask.do(x.Pool)
	}
	k.masked = din[0] != nil && din[1] == nil
	k.dout[0] = x.Scratch[0]
	k.product.Backward(x, in, nil, k.dout[:], din)
}

// StepInput implements graph.Stepper.
func (k *reluAfter[T]) StepInput() int {
	if s, ok := k.product.(graph.Stepper); ok {
		return s.StepInput()
	}
	return -1
}

// Factors implements graph.Stepper.
func (k *reluAfter[T]) Factors(in, dout []*tensor.Tensor) (a, b *tensor.Tensor) {
	return k.product.(graph.Stepper).Factors(in, dout)
}

// SetStep implements graph.Stepper.
func (k *reluAfter[T]) SetStep(s *kernel.WeightStep[float32]) { k.product.(graph.Stepper).SetStep(s) }

// StepSumSq implements graph.Stepper.
func (k *reluAfter[T]) StepSumSq() float64 { return k.product.(graph.Stepper).StepSumSq() }

func (k *reluAfter[T]) maskPiece(from, to int) {
	kernel.ReluGrad(k.g[from:to], k.y[from:to], k.dy[from:to])
}

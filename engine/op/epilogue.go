package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register(graph.PrivateDomain, floatOp{name: "Conv", min: 2, max: 4, f32: bindFusedConv[float32], f64: bindFusedConv[float64]})
	graph.Register(graph.PrivateDomain, floatOp{name: "Linear", min: 2, max: 4, f32: bindLinear[float32], f64: bindLinear[float64]})
}

// Attributes of fused nodes: the activation, an operator's name, and its parameters.
const (
	attrAct   = "activation"
	attrAlpha = "activation_alpha"
	attrBeta  = "activation_beta"
)

// silu is the name of x sigmoid(x) as an activation; ONNX has no operator for it.
const silu = "Silu"

// actOf are the activations that a product's epilogue applies.
var actOf = map[string]kernel.Act{
	"Relu": kernel.ActRelu, "LeakyRelu": kernel.ActLeakyRelu, "Sigmoid": kernel.ActSigmoid, "Tanh": kernel.ActTanh,
	"Clip": kernel.ActClip, "HardSwish": kernel.ActHardSwish, "HardSigmoid": kernel.ActHardSigmoid, "Gelu": kernel.ActGelu, silu: kernel.ActSilu,
}

// readEpilogue reads the activation; bias and residual are data.
func readEpilogue[T kernel.Float](b *graph.Bind) (e kernel.Epilogue[T], err error) {
	a := b.Node.Attrs
	name := a.Str(attrAct, "")
	act, ok := actOf[name]
	if !ok && name != "" {
		return e, b.Errorf("activation %q cannot be fused", name)
	}
	return kernel.Epilogue[T]{Act: act, Alpha: T(a.Float(attrAlpha, 0)), Beta: T(a.Float(attrBeta, 0))}, nil
}

// fusedConv is y = act(x * w + bias + residual), input 3 being the residual of
// y's shape. It is for inference: it has no gradient.
type fusedConv[T kernel.Float] struct {
	graph.Bound
	conv conv[T]
}

func bindFusedConv[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k, err := bindConv[T](b)
	if err != nil {
		return nil, err
	}
	c := k.(*conv[T])
	if c.shape.rank > 2 {
		return nil, b.Errorf("%d spatial axes, want 1 or 2", c.shape.rank)
	}
	if r := b.Input(3); r.Present() && !r.Shape.Equal(c.Outs[0].Shape) {
		return nil, b.Errorf("input 3 has shape %v, want %v", r.Shape, c.Outs[0].Shape)
	}
	if c.epi, err = readEpilogue[T](b); err != nil {
		return nil, err
	}
	return &fusedConv[T]{Bound: c.Bound, conv: *c}, nil
}

// Prepare implements graph.Preparer.
func (c *fusedConv[T]) Prepare(in []*tensor.Tensor) { c.conv.Prepare(in) }

func (c *fusedConv[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	c.conv.epi.Residual = dataAt[T](in, 3)
	c.conv.Forward(x, in, out)
}

// linear is y = act(x W + bias + residual) for x with K as its last axis, W stored
// K x N, or N x K with transB, a bias of N and a residual of y's shape. It is for
// inference: it has no gradient.
type linear[T kernel.Float] struct {
	graph.Bound
	fwd    kernel.GemmArgs[T]
	epi    kernel.Epilogue[T]
	packed *kernel.PackedB[T]
}

func bindLinear[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	x, w := b.In[0].Shape, b.In[1].Shape
	if len(x) < 2 || len(w) != 2 {
		return nil, b.Errorf("want rows and a matrix")
	}
	trans := b.Node.Attrs.Bool("transB", false)
	k, n := flip(trans, w[0], w[1])
	rows := x[:len(x)-1]
	if x[len(x)-1] != k {
		return nil, b.Errorf("inner extents are %d and %d", x[len(x)-1], k)
	}
	out := append(rows.Clone(), n)
	if s := b.Input(2); s.Present() && s.Shape.Size() != n {
		return nil, b.Errorf("bias has shape %v, want [%d]", s.Shape, n)
	}
	if s := b.Input(3); s.Present() && !s.Shape.Equal(out) {
		return nil, b.Errorf("input 3 has shape %v, want %v", s.Shape, out)
	}
	epi, err := readEpilogue[T](b)
	if err != nil {
		return nil, err
	}
	l := &linear[T]{epi: epi}
	l.Outs = outLike(b, 0, out)
	l.MACs = int64(rows.Size()) * int64(k) * int64(n)
	l.epi.ResidualLD = n
	l.fwd = kernel.GemmArgs[T]{TransB: trans, M: rows.Size(), N: n, K: k, Alpha: 1, LDA: k, LDB: w[1], LDC: n, Epi: &l.epi}
	return l, nil
}

// Prepare implements graph.Preparer.
func (l *linear[T]) Prepare(in []*tensor.Tensor) {
	if w := dataAt[T](in, 1); len(w) > 0 {
		l.packed = kernel.PackB(l.fwd.TransB, l.fwd.K, l.fwd.N, w, l.fwd.LDB)
	}
}

func (l *linear[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	l.fwd.A, l.fwd.B, l.fwd.C = dataAt[T](in, 0), dataAt[T](in, 1), dataAt[T](out, 0)
	l.epi.Bias, l.epi.Residual = dataAt[T](in, 2), dataAt[T](in, 3)
	if l.packed != nil {
		kernel.GemmPacked(x.Pool, &l.fwd, l.packed)
		return
	}
	kernel.Gemm(x.Pool, &l.fwd)
}

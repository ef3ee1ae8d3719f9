package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.RegisterPass(graph.Pass{Name: "fold batch normalisation", Order: 10, Run: foldBatchNorms})
}

// foldBatchNorms multiplies the weights of a convolution or a dense layer by the
// scale of the batch normalisation after it: with s = scale/sqrt(var + eps),
//
//	BN(w x + b) = (s w) x + (s (b - mean) + bias)
//
// The parameters are constants of the session.
func foldBatchNorms(p *graph.PassContext) error {
	f := newFuser(p)
	f.each(func(n *graph.Node) {
		if is(n, "BatchNormalization") && !n.Attrs.Bool("training_mode", false) && outputs(n) == 1 {
			f.foldNorm(n)
		}
	})
	return nil
}

func (f *fuser) foldNorm(bn *graph.Node) {
	prod := f.producers[bn.In[0]]
	if prod == nil || f.only(prod) != bn || f.shape(bn.In[0]) == nil {
		return
	}
	axis, ok := f.outAxis(prod)
	w := f.constant(input(prod, 1))
	s, shift := f.affine(bn)
	if !ok || w == nil || s == nil {
		return
	}
	if v := input(prod, 2); v != "" {
		b := f.constant(v)
		if b == nil || b.Len() != len(s) {
			return
		}
		for i, x := range floatsOf(b) {
			shift[i] += s[i] * x
		}
	}
	n := prod.Clone()
	n.In = []graph.Value{prod.In[0], f.addParam(scaledAlong(w, axis, s)), f.addParam(tensorLike(w, tensor.Shape{len(s)}, shift))}
	n.Out, n.Ext = []graph.Value{bn.Out[0]}, nil
	f.replace(n, prod, bn)
}

// outAxis returns the axis of the weights that belongs to the output's channels.
func (f *fuser) outAxis(n *graph.Node) (axis int, ok bool) {
	switch {
	case is(n, "Conv"):
		return 0, true
	case is(n, "Gemm") && n.Attrs.Float("beta", 1) == 1:
		if n.Attrs.Bool("transB", false) {
			return 0, true
		}
		return 1, true
	}
	return 0, false
}

// affine returns what batch normalisation multiplies by and what it adds.
func (f *fuser) affine(bn *graph.Node) (s, shift []float64) {
	var c [4][]float64
	for i := range c {
		t := f.constant(bn.In[1+i])
		if t == nil {
			return nil, nil
		}
		c[i] = floatsOf(t)
	}
	eps := bn.Attrs.Float("epsilon", 1e-5)
	s, shift = make([]float64, len(c[0])), make([]float64, len(c[0]))
	for i := range s {
		s[i] = c[0][i] / math.Sqrt(c[3][i]+eps)
		shift[i] = c[1][i] - s[i]*c[2][i]
	}
	return s, shift
}

func floatsOf(t *tensor.Tensor) []float64 {
	if t.DType() == tensor.F64 {
		return tensor.Data[float64](t)
	}
	out := make([]float64, t.Len())
	for i, v := range t.F32s() {
		out[i] = float64(v)
	}
	return out
}

// tensorLike returns a tensor of like's type.
func tensorLike(like *tensor.Tensor, shape tensor.Shape, v []float64) *tensor.Tensor {
	t := tensor.New(like.DType(), shape)
	if t.DType() == tensor.F64 {
		copy(tensor.Data[float64](t), v)
		return t
	}
	for i, x := range v {
		t.F32s()[i] = float32(x)
	}
	return t
}

// scaledAlong returns w with index i of an axis multiplied by s[i].
func scaledAlong(w *tensor.Tensor, axis int, s []float64) *tensor.Tensor {
	inner := product(w.Shape()[axis+1:])
	v := make([]float64, w.Len())
	for i, x := range floatsOf(w) {
		v[i] = x * s[i/inner%len(s)]
	}
	return tensorLike(w, w.Shape(), v)
}

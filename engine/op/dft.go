package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "DFT", min: 1, max: 3, other: []int{1, 2}, f32: bindDFT[float32], f64: bindDFT[float64]})
	graph.Register("", floatOp{name: "STFT", min: 2, max: 4, other: []int{1, 3}, f32: bindSTFT[float32], f64: bindSTFT[float64]})
}

// fourier computes bins k of discrete Fourier transforms, from the definition,
//
//	X[k] = sum over n < N of w[n] x[n] exp(-2 pi i k n / N)
//
// or with inverse the conjugate divided by N. It has no gradient.
type fourier[T kernel.Float] struct {
	graph.Bound
	n, taps, bins int // N, elements that are there, bins wanted
	parts         int // 1 for real elements, 2 for complex ones
	inverse       bool
	cos, sin      []float64
	runs          pieces
	at            func(i int) (from, step, to, stepTo int) // of transform i, in elements
	x, y, w       []T
}

func (k *fourier[T]) plan(transforms int) {
	k.cos, k.sin = make([]float64, k.n), make([]float64, k.n)
	for i := range k.n {
		k.sin[i], k.cos[i] = math.Sincos(2 * math.Pi * float64(i) / float64(k.n))
		if !k.inverse {
			k.sin[i] = -k.sin[i]
		}
	}
	k.runs = newPieces(transforms, 4*k.bins*k.taps, k.piece)
}

func (k *fourier[T]) piece(lo, hi int) {
	for i := lo; i < hi; i++ {
		from, step, to, stepTo := k.at(i)
		for b := range k.bins {
			re, im := k.bin(from, step, b)
			k.y[2*(to+b*stepTo)], k.y[2*(to+b*stepTo)+1] = T(re), T(im)
		}
	}
}

func (k *fourier[T]) bin(from, step, b int) (re, im float64) {
	for n := range k.taps {
		at := (from + n*step) * k.parts
		xr, xi := float64(k.x[at]), 0.0
		if k.parts == 2 {
			xi = float64(k.x[at+1])
		}
		if k.w != nil {
			xr, xi = xr*float64(k.w[n]), xi*float64(k.w[n])
		}
		c, s := k.cos[b*n%k.n], k.sin[b*n%k.n]
		re, im = re+xr*c-xi*s, im+xr*s+xi*c
	}
	if k.inverse {
		re, im = re/float64(k.n), im/float64(k.n)
	}
	return re, im
}

// bindDFT binds the transform along an axis, input 2, of length input 1; the last
// axis of X holds the real part, or both parts.
func bindDFT[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	parts := 0
	if len(s) > 0 {
		parts = s[len(s)-1]
	}
	if len(s) < 2 || parts != 1 && parts != 2 {
		return nil, b.Errorf("want an input whose last axis holds one or two parts")
	}
	axis := -2
	if b.Has(2) {
		v, err := b.ConstInts(2)
		if err != nil {
			return nil, err
		}
		if len(v) != 1 {
			return nil, b.Errorf("the axis, input 2, has %d elements, want 1", len(v))
		}
		axis = v[0]
	}
	axis, err := axisOf(b, axis, len(s))
	if err != nil || axis == len(s)-1 {
		return nil, b.Errorf("axis %d of an input with %d axes", axis, len(s))
	}
	k := &fourier[T]{n: s[axis], parts: parts, inverse: b.Node.Attrs.Bool("inverse", false)}
	if b.Has(1) {
		if k.n, err = scalarInt(b, 1); err != nil {
			return nil, err
		}
	}
	k.taps, k.bins = min(k.n, s[axis]), k.n
	if b.Node.Attrs.Bool("onesided", false) {
		k.bins = k.n/2 + 1
	}
	out := s.Clone()
	out[axis], out[len(s)-1] = k.bins, 2
	k.Outs = outLike(b, 0, out)
	inner, extent := product(s[axis+1:len(s)-1]), s[axis]
	k.at = func(i int) (from, step, to, stepTo int) {
		return i/inner*extent*inner + i%inner, inner, i/inner*k.bins*inner + i%inner, inner
	}
	k.plan(product(s[:axis]) * inner)
	return k, nil
}

func (k *fourier[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y, k.w = dataAt[T](in, 0), dataAt[T](out, 0), nil
	k.runs.do(x.Pool)
}

// stft transforms frames of a signal, B L and one or two parts, that are input 1
// apart, under the window of input 2.
type stft[T kernel.Float] struct{ *fourier[T] }

func bindSTFT[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	s := b.In[0].Shape
	if len(s) == 2 {
		s = append(s.Clone(), 1)
	}
	if len(s) != 3 || s[2] != 1 && s[2] != 2 {
		return nil, b.Errorf("want a signal with axes B, L and one or two parts")
	}
	step, err := scalarInt(b, 1)
	if err != nil {
		return nil, err
	}
	k := stft[T]{&fourier[T]{parts: s[2]}}
	switch w := b.Input(2); {
	case b.Has(3):
		if k.n, err = scalarInt(b, 3); err != nil {
			return nil, err
		}
	case w.Present():
		k.n = w.Shape.Size()
	}
	if w := b.Input(2); step < 1 || k.n < 1 || k.n > s[1] || w.Present() && w.Shape.Size() != k.n {
		return nil, b.Errorf("frames of %d elements, %d apart, of a signal of %d", k.n, step, s[1])
	}
	k.taps, k.bins = k.n, k.n
	if b.Node.Attrs.Bool("onesided", true) {
		k.bins = k.n/2 + 1
	}
	frames, bins, length := (s[1]-k.n)/step+1, k.bins, s[1]
	k.Outs = outLike(b, 0, tensor.Shape{s[0], frames, bins, 2})
	k.at = func(i int) (int, int, int, int) { return i/frames*length + i%frames*step, 1, i * bins, 1 }
	k.plan(s[0] * frames)
	return k, nil
}

func (k stft[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y, k.w = dataAt[T](in, 0), dataAt[T](out, 0), dataAt[T](in, 2)
	k.runs.do(x.Pool)
}

package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Clip", min: 1, max: 3, types: realTypes(bindDiffClip[float32], bindDiffClip[float64],
		bindClip[int8], bindClip[int16], bindClip[int32], bindClip[int64],
		bindClip[uint8], bindClip[uint16], bindClip[uint32], bindClip[uint64])})
}

const clipBlock = 512

// clip is min(max(x, lo), hi) with the numbers lo, input 1, and hi, input 2; either
// may be missing.
type clip[T real] struct {
	graph.Bound
	f                func(y, x []T)
	lowest, greatest T // of the type
	lo, hi           T
	fwd              pieces
	x, y             []T
}

func newClip[T real](b *graph.Bind, lowest, greatest T) (*clip[T], error) {
	for i := 1; i < len(b.In); i++ {
		if p := b.In[i]; p.Present() && p.Shape.Size() != 1 {
			return nil, b.Errorf("input %d has shape %v, want one number", i, p.Shape)
		}
	}
	k := &clip[T]{lowest: lowest, greatest: greatest}
	k.f = k.each
	k.Outs = outLike(b, 0, b.In[0].Shape)
	k.fwd = newPieces(b.In[0].Shape.Size(), 1, func(from, to int) { k.f(k.y[from:to], k.x[from:to]) })
	return k, nil
}

func bindClip[T integer](b *graph.Bind) (graph.Kernel, error) {
	lo, hi := limits[T]()
	return newClip(b, lo, hi)
}

func (k *clip[T]) each(y, x []T) {
	for i, v := range x {
		y[i] = min(max(v, k.lo), k.hi)
	}
}

// bounds reads lo and hi.
func (k *clip[T]) bounds(in []*tensor.Tensor) {
	k.lo, k.hi = k.lowest, k.greatest
	if v := elems[T](in, 1); v != nil {
		k.lo = v[0]
	}
	if v := elems[T](in, 2); v != nil {
		k.hi = v[0]
	}
}

func (k *clip[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.bounds(in)
	k.x, k.y = elems[T](in, 0), elems[T](out, 0)
	k.fwd.do(x.Pool)
}

// InPlace implements graph.InPlacer.
func (k *clip[T]) InPlace() (forward, backward bool) { return true, true }

// diffClip is clip of floats: the gradient goes to x inside of the bounds, and to
// the bound that is the result elsewhere.
type diffClip[T kernel.Float] struct {
	*clip[T]
	los, his       []T // blocks of lo and of hi
	gx, gmin, gmax *operandGrad[T]
	dy             []T
}

func bindDiffClip[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inf := T(math.Inf(1))
	inner, err := newClip(b, -inf, inf)
	if err != nil {
		return nil, err
	}
	k := &diffClip[T]{clip: inner, los: make([]T, clipBlock), his: make([]T, clipBlock)}
	k.f = k.blocks
	s := b.In[0].Shape
	k.gx = newOperandGrad(s, s, k.inside)
	if b.Has(1) {
		k.gmin = newOperandGrad(s, b.In[1].Shape, k.terms(func(v T) bool { return v < k.lo && k.lo <= k.hi }))
	}
	if b.Has(2) {
		k.gmax = newOperandGrad(s, b.In[2].Shape, k.terms(func(v T) bool { return max(v, k.lo) > k.hi }))
	}
	return k, nil
}

// inside computes the gradient of x: dy where x is not clipped.
func (k *diffClip[T]) inside(dst []T, from int) {
	x, dy, lo, hi := k.x[from:from+len(dst)], k.dy[from:from+len(dst)], k.lo, k.hi
	for i := range dst {
		d := dy[i]
		if v := x[i]; v < lo || v > hi {
			d = 0
		}
		dst[i] = d
	}
}

// terms returns the terms of a bound's gradient: dy where the bound is taken.
func (k *diffClip[T]) terms(take func(v T) bool) func(dst []T, from int) {
	return func(dst []T, from int) {
		dy := k.dy[from : from+len(dst)]
		for i, v := range k.x[from : from+len(dst)] {
			d := dy[i]
			if !take(v) {
				d = 0
			}
			dst[i] = d
		}
	}
}

func (k *diffClip[T]) blocks(y, x []T) {
	for i := 0; i < len(y); i += clipBlock {
		to := y[i:min(i+clipBlock, len(y))]
		kernel.Max(to, x[i:], k.los)
		kernel.Min(to, to, k.his)
	}
}

func (k *diffClip[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.bounds(in)
	fill(k.los, k.lo)
	fill(k.his, k.hi)
	k.clip.Forward(x, in, out)
}

// BackwardReads implements graph.Frugal.
func (k *diffClip[T]) BackwardReads() (in, out []bool) { return []bool{true, true, true}, nil }

func (k *diffClip[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.bounds(in)
	k.x, k.dy = elems[T](in, 0), elems[T](dout, 0)
	k.gmin.do(x.Pool, elems[T](din, 1))
	k.gmax.do(x.Pool, elems[T](din, 2))
	k.gx.do(x.Pool, elems[T](din, 0))
}

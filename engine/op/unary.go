package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// mapping is an element-wise function y = f(x) with its gradient. Either may
// work in place. A function may read x or y in grad only where it says so.
type mapping[T kernel.Float] struct {
	f          func(y, x []T)
	grad       func(dx, x, y, dy []T)
	useX, useY bool // what grad reads
}

// mapBinder makes a mapping from a node's attributes.
type mapBinder[T kernel.Float] func(b *graph.Bind) (mapping[T], error)

// registerMap registers an element-wise operator on floats of one input.
func registerMap(name string, f32 mapBinder[float32], f64 mapBinder[float64]) {
	graph.Register("", mapOp(name, f32, f64))
}

func mapOp(name string, f32 mapBinder[float32], f64 mapBinder[float64]) typedOp {
	return typedOp{name: name, min: 1, max: 1, types: floatTypes(bindMap(f32), bindMap(f64))}
}

// bindMap binds a mapping of input 0.
func bindMap[T kernel.Float](f mapBinder[T]) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		m, err := f(b)
		if err != nil {
			return nil, err
		}
		k := &unary[T]{mapped: *newMapped(b, m.f), m: m}
		k.fwd.f = k.piece
		k.bwd = newPieces(k.fwd.n, 1, k.gradPiece)
		return k, nil
	}
}

// mapped applies a function to every element.
type mapped[T real] struct {
	graph.Bound
	f    func(y, x []T)
	fwd  pieces
	x, y []T
}

// newMapped makes the kernel; its piece is to be set once it is where it stays.
func newMapped[T real](b *graph.Bind, f func(y, x []T)) *mapped[T] {
	k := &mapped[T]{f: f}
	k.Outs = outLike(b, 0, b.In[0].Shape)
	k.fwd = newPieces(b.In[0].Shape.Size(), 1, k.piece)
	return k
}

func (k *mapped[T]) piece(from, to int) { k.f(k.y[from:to], k.x[from:to]) }

func (k *mapped[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = elems[T](in, 0), elems[T](out, 0)
	k.fwd.do(x.Pool)
}

// InPlace implements graph.InPlacer.
func (k *mapped[T]) InPlace() (forward, backward bool) { return true, true }

// unary is a mapping of floats with its gradient.
type unary[T kernel.Float] struct {
	mapped[T]
	m      mapping[T]
	bwd    pieces
	dx, dy []T
}

// BackwardReads implements graph.Frugal.
func (k *unary[T]) BackwardReads() (in, out []bool) { return []bool{k.m.useX}, []bool{k.m.useY} }

func (k *unary[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.x, k.y = elems[T](in, 0), elems[T](out, 0)
	k.dy, k.dx = elems[T](dout, 0), elems[T](din, 0)
	if k.dx != nil {
		k.bwd.do(x.Pool)
	}
}

func (k *unary[T]) gradPiece(from, to int) {
	k.m.grad(k.dx[from:to], cut(k.x, from, to), cut(k.y, from, to), k.dy[from:to])
}

// scalarMap is a mapping made of functions of one number, computed in float64;
// df is the derivative, nil where it is zero.
func scalarMap[T kernel.Float](f func(x float64) float64, df func(x, y float64) float64, useX, useY bool) mapping[T] {
	m := mapping[T]{useX: useX, useY: useY}
	m.f = func(y, x []T) {
		for i, v := range x {
			y[i] = T(f(float64(v)))
		}
	}
	switch {
	case df == nil:
		m.grad = func(dx, _, _, _ []T) { clear(dx) }
	case useX && useY:
		m.grad = func(dx, x, y, dy []T) {
			for i, d := range dy {
				dx[i] = d * T(df(float64(x[i]), float64(y[i])))
			}
		}
	case useX:
		m.grad = func(dx, x, _, dy []T) {
			for i, d := range dy {
				dx[i] = d * T(df(float64(x[i]), 0))
			}
		}
	default:
		m.grad = func(dx, _, y, dy []T) {
			for i, d := range dy {
				dx[i] = d * T(df(0, float64(y[i])))
			}
		}
	}
	return m
}

// withoutAttrs makes a binder of a mapping that has no attributes.
func withoutAttrs[T kernel.Float](m mapping[T]) mapBinder[T] {
	return func(*graph.Bind) (mapping[T], error) { return m, nil }
}

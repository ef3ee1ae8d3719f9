package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "GlobalAveragePool", min: 1, max: 1,
		f32: bindGlobal(globalMean[float32]), f64: bindGlobal(globalMean[float64])})
	graph.Register("", floatOp{name: "GlobalMaxPool", min: 1, max: 1,
		f32: bindGlobal(globalMax[float32]), f64: bindGlobal(globalMax[float64])})
	graph.Register("", floatOp{name: "GlobalLpPool", min: 1, max: 1,
		f32: bindGlobal(globalNorm[float32]), f64: bindGlobal(globalNorm[float64])})
}

// planeFn makes one number of a plane; grad sets dx from the plane, its number and
// that number's gradient.
type planeFn[T kernel.Float] struct {
	value      func(x []T) T
	grad       func(dx, x []T, y, dy T)
	useX, useY bool // by grad
}

// globalPool reduces all spatial axes of N C and spatial axes to extent 1.
type globalPool[T kernel.Float] struct {
	graph.Bound
	f            planeFn[T]
	s            int // elements of a plane
	fwd, bwd     pieces
	x, y, dx, dy []T
}

func bindGlobal[T kernel.Float](f func(*graph.Bind) planeFn[T]) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		x := b.In[0].Shape
		if len(x) < 2 {
			return nil, b.Errorf("want an input with axes N C and spatial ones")
		}
		k := &globalPool[T]{f: f(b), s: product(x[2:])}
		if k.s == 0 {
			return nil, b.Errorf("planes without elements")
		}
		k.fwd, k.bwd = newPieces(product(x[:2]), k.s, k.forward), newPieces(product(x[:2]), k.s, k.backward)
		out := x.Clone()
		fill(out[2:], 1)
		k.Outs = outLike(b, 0, out)
		return k, nil
	}
}

func (k *globalPool[T]) forward(from, to int) {
	for i := from; i < to; i++ {
		k.y[i] = k.f.value(k.x[i*k.s : (i+1)*k.s])
	}
}

func (k *globalPool[T]) backward(from, to int) {
	for i := from; i < to; i++ {
		var x []T
		var y T
		if k.f.useX {
			x = k.x[i*k.s : (i+1)*k.s]
		}
		if k.f.useY {
			y = k.y[i]
		}
		k.f.grad(k.dx[i*k.s:(i+1)*k.s], x, y, k.dy[i])
	}
}

func (k *globalPool[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = dataAt[T](in, 0), dataAt[T](out, 0)
	k.fwd.do(x.Pool)
}

// BackwardReads implements graph.Frugal.
func (k *globalPool[T]) BackwardReads() (in, out []bool) { return []bool{k.f.useX}, []bool{k.f.useY} }

func (k *globalPool[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.x, k.y, k.dx, k.dy = dataAt[T](in, 0), dataAt[T](out, 0), dataAt[T](din, 0), dataAt[T](dout, 0)
	k.bwd.do(x.Pool)
}

func globalMean[T kernel.Float](*graph.Bind) planeFn[T] {
	return planeFn[T]{
		value: func(x []T) T { return kernel.Sum(x) / T(len(x)) },
		grad:  func(dx, _ []T, _, dy T) { fill(dx, dy/T(len(dx))) },
	}
}

// globalMax hands the gradient to the first of the largest elements.
func globalMax[T kernel.Float](*graph.Bind) planeFn[T] {
	return planeFn[T]{useX: true, useY: true, value: kernel.MaxOf[T], grad: func(dx, x []T, y, dy T) {
		clear(dx)
		for i, v := range x {
			if v == y || v != v {
				dx[i] = dy
				return
			}
		}
	}}
}

// globalNorm is the norm of attribute p.
func globalNorm[T kernel.Float](b *graph.Bind) planeFn[T] {
	p := b.Node.Attrs.Float("p", float64(b.Node.Attrs.Int("p", 2)))
	return planeFn[T]{
		useX: true, useY: true,
		value: func(x []T) T {
			var sum float64
			for _, v := range x {
				sum += math.Pow(math.Abs(float64(v)), p)
			}
			return T(math.Pow(sum, 1/p))
		},
		grad: func(dx, x []T, y, dy T) {
			clear(dx)
			if y == 0 {
				return
			}
			for i, v := range x {
				dx[i] = dy * T(sign(float64(v))*math.Pow(math.Abs(float64(v))/float64(y), p-1))
			}
		},
	}
}

package op

import (
	"math"
	"unsafe"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// reduceKind names a reduction.
type reduceKind uint8

const (
	reduceSum reduceKind = iota
	reduceMean
	reduceMax
	reduceMin
	reduceProd
	reduceL1
	reduceL2
	reduceSumSquare
	reduceLogSum
)

func init() {
	for i, name := range []string{"Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum"} {
		graph.Register("", typedOp{name: "Reduce" + name, min: 1, max: 2, mixed: true, types: reduceTypes(reduceKind(i))})
	}
}

func reduceTypes(k reduceKind) byType {
	if k == reduceLogSum {
		return floatTypes(bindReduce(k, floatReduction[float32]), bindReduce(k, floatReduction[float64]))
	}
	return realTypes(bindReduce(k, floatReduction[float32]), bindReduce(k, floatReduction[float64]),
		bindIntReduce(k, intReduction[int8]), bindIntReduce(k, intReduction[int16]),
		bindIntReduce(k, intReduction[int32]), bindIntReduce(k, intReduction[int64]),
		bindIntReduce(k, intReduction[uint8]), bindIntReduce(k, intReduction[uint16]),
		bindIntReduce(k, intReduction[uint32]), bindIntReduce(k, intReduction[uint64]))
}

// reduction is how a reduction is computed: elements go through pre, are folded,
// and the n folded ones' result goes through post. pre and post may be nil.
type reduction[T real] struct {
	folding folding[T]
	pre     func(dst, x []T)
	post    func(y []T, n int)
}

func floatReduction[T kernel.Float](k reduceKind) reduction[T] {
	r := reduction[T]{folding: summing[T]()}
	switch k {
	case reduceMean:
		r.post = func(y []T, n int) { kernel.MulScalar(y, y, 1/T(n)) }
	case reduceMax:
		r.folding = maxFolding[T]()
	case reduceMin: // -max(-x)
		r.folding = maxFolding[T]()
		r.pre, r.post = kernel.Neg[T], func(y []T, _ int) { kernel.Neg(y, y) }
	case reduceProd:
		r.folding = prodFolding[T]()
	case reduceL1:
		r.pre = kernel.Abs[T]
	case reduceL2:
		r.pre, r.post = square[T], func(y []T, _ int) { kernel.Sqrt(y, y) }
	case reduceSumSquare:
		r.pre = square[T]
	case reduceLogSum:
		r.post = func(y []T, _ int) { kernel.Log(y, y) }
	}
	return r
}

func square[T kernel.Float](dst, x []T) { kernel.Mul(dst, x, x) }

func maxFolding[T kernel.Float]() folding[T] {
	return folding[T]{
		zero: T(math.Inf(-1)),
		run:  func(acc T, x []T) T { return max(acc, kernel.MaxOf(x)) },
		rows: func(acc, x []T) { kernel.Max(acc, acc, x) },
	}
}

func prodFolding[T kernel.Float]() folding[T] {
	f := scalarFold(1, func(acc, v T) T { return acc * v })
	f.rows = func(acc, x []T) { kernel.Mul(acc, acc, x) }
	return f
}

func intReduction[T integer](k reduceKind) reduction[T] {
	r := reduction[T]{folding: scalarFold(0, func(acc, v T) T { return acc + v })}
	lo, hi := limits[T]()
	squares := each(func(v T) T { return v * v })
	switch k {
	case reduceMean:
		r.post = func(y []T, n int) { each(func(v T) T { return T(int64(v) / int64(n)) })(y, y) }
	case reduceMax:
		r.folding = scalarFold(lo, func(acc, v T) T { return max(acc, v) })
	case reduceMin:
		r.folding = scalarFold(hi, func(acc, v T) T { return min(acc, v) })
	case reduceProd:
		r.folding = scalarFold(1, func(acc, v T) T { return acc * v })
	case reduceL1:
		r.pre = each(func(v T) T {
			if v < 0 {
				return -v
			}
			return v
		})
	case reduceL2:
		r.pre, r.post = squares, func(y []T, _ int) { each(func(v T) T { return T(math.Sqrt(float64(v))) })(y, y) }
	case reduceSumSquare:
		r.pre = squares
	}
	return r
}

// each applies f to every element.
func each[T integer](f func(v T) T) func(dst, x []T) {
	return func(dst, x []T) {
		for i := range dst {
			dst[i] = f(x[i])
		}
	}
}

// limits returns the least and the greatest number of an integer type.
func limits[T integer]() (lo, hi T) {
	lo = T(1) << (8*unsafe.Sizeof(lo) - 1)
	if lo > 0 {
		lo = 0
	}
	return lo, ^lo
}

// reduceShape returns the axes that a node reduces, from input 1 or attribute
// axes, and the shape of the result. noop says that the node does nothing.
func reduceShape(b *graph.Bind) (along []bool, out tensor.Shape, noop bool, err error) {
	list, err := b.ConstInts(1)
	if err != nil {
		return nil, nil, false, err
	}
	if !b.Has(1) {
		list = b.Node.Attrs.Ints("axes")
	}
	s := b.In[0].Shape
	axes, err := axesOf(b, list, len(s))
	if err != nil {
		return nil, nil, false, err
	}
	along = make([]bool, len(s))
	for _, a := range axes {
		along[a] = true
	}
	for d := range along {
		along[d] = along[d] || len(axes) == 0
	}
	noop = len(axes) == 0 && b.Node.Attrs.Bool("noop_with_empty_axes", false)
	return along, reducedShape(s, along, b.Node.Attrs.Bool("keepdims", true)), noop, nil
}

func reducedShape(s tensor.Shape, along []bool, keep bool) tensor.Shape {
	out := tensor.Shape{}
	for d, n := range s {
		if !along[d] {
			out = append(out, n)
		} else if keep {
			out = append(out, 1)
		}
	}
	return out
}

// reduce is a reduction over axes.
type reduce[T real] struct {
	graph.Bound
	r    reduction[T]
	f    *fold[T]
	post pieces
	x, y []T
}

func newReduce[T real](b *graph.Bind, r reduction[T], along []bool, out tensor.Shape) *reduce[T] {
	k := &reduce[T]{r: r}
	var src func(dst []T, from int)
	if r.pre != nil {
		src = func(dst []T, from int) { k.r.pre(dst, k.x[from:from+len(dst)]) }
	}
	k.f = newFold(b.In[0].Shape, along, r.folding, src)
	k.Outs = outLike(b, 0, out)
	k.post = newPieces(k.f.n, 1, func(from, to int) { k.r.post(k.y[from:to], k.f.red.n) })
	return k
}

func (k *reduce[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y = elems[T](in, 0), elems[T](out, 0)
	k.f.do(x.Pool, k.y, k.x)
	if k.r.post != nil {
		k.post.do(x.Pool)
	}
}

func bindIntReduce[T integer](kind reduceKind, f func(reduceKind) reduction[T]) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		along, out, noop, err := reduceShape(b)
		if err != nil {
			return nil, err
		}
		if noop {
			return newIdentity(b), nil
		}
		k := newReduce(b, f(kind), along, out)
		if kind == reduceMean && k.f.red.n == 0 && k.f.n > 0 {
			return nil, b.Errorf("the mean of no integers")
		}
		return k, nil
	}
}

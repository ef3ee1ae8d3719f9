package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// reduceSlope is the gradient of a reduction: run computes that of a run of
// elements x, whose results y and gradients dy are one each, or one for all.
type reduceSlope[T kernel.Float] struct {
	run        func(dx, x, y, dy []T)
	useX, useY bool
}

// reduceSlopeOf returns the gradient of a kind that folds n elements. What dy holds
// for ReduceMax, ReduceMin and ReduceProd see diffReduce.
func reduceSlopeOf[T kernel.Float](kind reduceKind, n int) reduceSlope[T] {
	switch kind {
	case reduceMean:
		return reduceSlope[T]{run: func(dx, _, _, dy []T) {
			spread(dx, dy)
			kernel.MulScalar(dx, dx, 1/T(n))
		}}
	case reduceMax, reduceMin:
		return reduceSlope[T]{run: takeEqual[T], useX: true, useY: true}
	case reduceProd:
		return reduceSlope[T]{run: eachSlope(others[T]), useX: true, useY: true}
	case reduceL1:
		return reduceSlope[T]{run: eachSlope(func(x, _, dy T) T { return dy * T(sign(float64(x))) }), useX: true}
	case reduceL2:
		return reduceSlope[T]{run: eachSlope(unitSlope[T]), useX: true, useY: true}
	case reduceSumSquare:
		return reduceSlope[T]{run: eachSlope(func(x, _, dy T) T { return 2 * x * dy }), useX: true}
	case reduceLogSum:
		return reduceSlope[T]{run: eachSlope(func(_, y, dy T) T { return dy * T(math.Exp(-float64(y))) }), useY: true}
	}
	return reduceSlope[T]{run: func(dx, _, _, dy []T) { spread(dx, dy) }}
}

// spread copies dy, or fills dx with its single number.
func spread[T any](dx, dy []T) {
	if len(dy) == len(dx) {
		copy(dx, dy)
	} else {
		fill(dx, dy[0])
	}
}

// takeEqual gives dy to the elements that are the result.
func takeEqual[T kernel.Float](dx, x, y, dy []T) {
	if len(y) == len(dx) {
		kernel.WhereEqual(dx, x, y, dy)
		return
	}
	for i, v := range x {
		dx[i] = 0
		if v == y[0] {
			dx[i] = dy[0]
		}
	}
}

// others is dy times the product of all other elements; see diffReduce.
func others[T kernel.Float](x, y, dy T) T {
	switch {
	case x == 0:
		return dy
	case y != 0:
		return dy / x
	}
	return 0
}

// unitSlope is the gradient of the Euclidean norm, taken as zero at zero.
func unitSlope[T kernel.Float](x, y, dy T) T {
	if y == 0 {
		return 0
	}
	return dy * x / y
}

// eachSlope computes a gradient one by one.
func eachSlope[T kernel.Float](f func(x, y, dy T) T) func(dx, x, y, dy []T) {
	return func(dx, x, y, dy []T) {
		p := operands[T]{a: y, b: dy}
		sy, sd := p.steps(len(dx))
		for i := range dx {
			var v, r T
			if x != nil {
				v = x[i]
			}
			if y != nil {
				r = y[i*sy]
			}
			dx[i] = f(v, r, dy[i*sd])
		}
	}
}

// diffReduce is a reduction of floats with its gradient. Some gradients need
// numbers of each result first, which replace dy: ReduceMax and ReduceMin share
// dy among equal elements; ReduceProd takes dy times the product of the elements
// that are not zero, unless there are two zeros or more.
type diffReduce[T kernel.Float] struct {
	*reduce[T]
	kind   reduceKind
	slope  reduceSlope[T]
	w      *walk // over the elements of x with their result
	bwd    pieces
	dx, dy []T
	count  *fold[T] // elements that are equal to the result, or zeros
	ones   []T
	prod   *fold[T] // product of those that are not zero
	shared []T      // what one of the equal elements gets, where sharePiece computes it
	share  pieces
}

func bindReduce[T kernel.Float](kind reduceKind, f func(reduceKind) reduction[T]) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		along, out, noop, err := reduceShape(b)
		if err != nil {
			return nil, err
		}
		if noop {
			return newIdentity(b), nil
		}
		k := &diffReduce[T]{reduce: newReduce(b, f(kind), along, out), kind: kind}
		k.slope = reduceSlopeOf[T](kind, k.f.red.n)
		s := b.In[0].Shape
		k.w = newWalk(s, repeated(s, reducedShape(s, along, true)))
		if !k.w.ok() {
			return nil, b.Errorf("more than %d axes", maxDims)
		}
		k.bwd = newPieces(s.Size(), 1, k.gradPiece)
		k.folds(s, along)
		return k, nil
	}
}

// folds makes the folds of the backward pass.
func (k *diffReduce[T]) folds(s tensor.Shape, along []bool) {
	switch k.kind {
	case reduceMax, reduceMin:
		k.ones = make([]T, foldBlock)
		fill(k.ones, 1)
		k.count = newFold(s, along, summing[T](), k.isResult)
		k.share = newPieces(k.f.n, k.f.red.n, k.sharePiece)
	case reduceProd:
		k.count = newFold(s, along, summing[T](), func(dst []T, from int) {
			for i, v := range k.x[from : from+len(dst)] {
				dst[i] = T(bit(v == 0))
			}
		})
		k.prod = newFold(s, along, prodFolding[T](), func(dst []T, from int) {
			for i, v := range k.x[from : from+len(dst)] {
				if v == 0 {
					v = 1
				}
				dst[i] = v
			}
		})
	}
}

// isResult sets dst to 1 where an element equals its result, else 0.
func (k *diffReduce[T]) isResult(dst []T, from int) {
	step := k.w.step(0)
	k.w.rows(from, from+len(dst), func(o, n int, at [3]int) {
		takeEqual(dst[o-from:][:n], k.x[o:o+n], span(k.y, at[0], n, step), k.ones[:max(1, n*step)])
	})
}

// Workspace implements graph.Workspacer.
func (k *diffReduce[T]) Workspace() (saved, scratch []graph.Spec) {
	for _, f := range []*fold[T]{k.count, k.prod} {
		if f != nil {
			scratch = append(scratch, specOf[T](f.n))
		}
	}
	return nil, scratch
}

// BackwardReads implements graph.Frugal.
func (k *diffReduce[T]) BackwardReads() (in, out []bool) {
	return []bool{k.slope.useX}, []bool{k.slope.useY}
}

func (k *diffReduce[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.x, k.y = elems[T](in, 0), elems[T](out, 0)
	k.dy, k.dx = elems[T](dout, 0), elems[T](din, 0)
	if k.dx == nil {
		return
	}
	if k.ones != nil && len(k.f.red.dims) == 1 {
		k.shared = elems[T](x.Scratch, 0)
		k.share.do(x.Pool)
		return
	}
	if k.count != nil {
		k.replace(x)
	}
	k.bwd.do(x.Pool)
}

// sharePiece is the gradient of results [from, to) of ReduceMax and ReduceMin over axes that are neighbours: of blocks of
// n x inner elements, of which column j has result j. While a part of a block is near, it is counted and shared.
func (k *diffReduce[T]) sharePiece(from, to int) {
	n, inner := k.f.red.n, max(1, k.f.red.step(0)) // 0 where n is 1
	for o := from; o < to; {
		j := o % inner
		l := min(inner-j, to-o, foldBlock)
		at := (o-j)*n + j
		if y, dy, share := k.y[o:o+l], k.dy[o:o+l], k.shared[o:o+l]; inner == 1 {
			shareRun(k.dx[at:at+n], k.x[at:at+n], y, dy, share)
		} else {
			k.shareColumns(at, inner, y, dy, share)
		}
		o += l
	}
}

// shareColumns shares dy among those of the elements x[at + p inner + i], p < n, that equal y[i].
func (k *diffReduce[T]) shareColumns(at, inner int, y, dy, share []T) {
	n, l := k.f.red.n, len(y)
	row := func(x []T, p int) []T { return x[at+p*inner:][:l] }
	kernel.WhereEqual(share, row(k.x, 0), y, k.ones)
	for p := 1; p < n; p++ {
		kernel.WhereEqual(row(k.dx, p), row(k.x, p), y, k.ones)
		kernel.Add(share, share, row(k.dx, p))
	}
	kernel.Div(share, dy, share)
	for p := range n {
		kernel.WhereEqual(row(k.dx, p), row(k.x, p), y, share)
	}
}

// shareRun shares the one dy among those elements of x that equal the one y.
func shareRun[T kernel.Float](dx, x, y, dy, share []T) {
	var count T
	for _, v := range x {
		count += T(bit(v == y[0]))
	}
	share[0] = dy[0] / count
	takeEqual(dx, x, y, share)
}

// replace puts what the elements' gradients need in place of dy.
func (k *diffReduce[T]) replace(x *graph.Exec) {
	count := elems[T](x.Scratch, 0)
	k.count.do(x.Pool, count, nil)
	if k.prod == nil {
		kernel.Div(count, k.dy, count)
		k.dy = count
		return
	}
	prod := elems[T](x.Scratch, 1)
	k.prod.do(x.Pool, prod, nil)
	for i, zeros := range count {
		if zeros > 1 {
			prod[i] = 0
		}
	}
	kernel.Mul(prod, prod, k.dy)
	k.dy = prod
}

func (k *diffReduce[T]) gradPiece(from, to int) {
	step := k.w.step(0)
	k.w.rows(from, to, func(o, n int, at [3]int) {
		k.slope.run(k.dx[o:o+n], cut(k.x, o, o+n), span(k.y, at[0], n, step), span(k.dy, at[0], n, step))
	})
}

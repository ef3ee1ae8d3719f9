package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "ReduceLogSumExp", min: 1, max: 2, mixed: true,
		types: floatTypes(bindLogSumExp[float32], bindLogSumExp[float64])})
}

// logSumExp is m + log(sum(e^(x-m))) with the largest element m.
type logSumExp[T kernel.Float] struct {
	graph.Bound
	most, sum       *fold[T]
	w               *walk // over the elements of x with their result
	post, bwd       pieces
	x, y, m, dx, dy []T
}

func bindLogSumExp[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	along, out, noop, err := reduceShape(b)
	if err != nil {
		return nil, err
	}
	if noop {
		return newIdentity(b), nil
	}
	s := b.In[0].Shape
	k := &logSumExp[T]{w: newWalk(s, repeated(s, reducedShape(s, along, true)))}
	if !k.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.most = newFold(s, along, maxFolding[T](), nil)
	k.sum = newFold(s, along, summing[T](), k.shifted)
	k.Outs = outLike(b, 0, out)
	k.post = newPieces(k.sum.n, 1, k.finish)
	k.bwd = newPieces(s.Size(), 8, k.gradPiece)
	return k, nil
}

// shifted computes e^(x-m) of elements from on.
func (k *logSumExp[T]) shifted(dst []T, from int) {
	k.less(dst, from, k.m)
	kernel.Exp(dst, dst)
}

// less computes x minus the element of v that belongs to its result.
func (k *logSumExp[T]) less(dst []T, from int, v []T) {
	step := k.w.step(0)
	k.w.rows(from, from+len(dst), func(o, n int, at [3]int) {
		if to := dst[o-from : o-from+n]; step == 0 {
			kernel.AddScalar(to, k.x[o:o+n], -v[at[0]])
		} else {
			kernel.Sub(to, k.x[o:o+n], v[at[0]:at[0]+n])
		}
	})
}

// Workspace implements graph.Workspacer.
func (k *logSumExp[T]) Workspace() (saved, scratch []graph.Spec) {
	return nil, []graph.Spec{specOf[T](k.sum.n)}
}

func (k *logSumExp[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.x, k.y, k.m = elems[T](in, 0), elems[T](out, 0), elems[T](x.Scratch, 0)
	k.most.do(x.Pool, k.m, k.x)
	for i, v := range k.m {
		if math.IsInf(float64(v), 0) { // nothing to shift
			k.m[i] = 0
		}
	}
	k.sum.do(x.Pool, k.y, nil)
	k.post.do(x.Pool)
}

func (k *logSumExp[T]) finish(from, to int) {
	y := k.y[from:to]
	kernel.Log(y, y)
	kernel.Add(y, y, k.m[from:to])
}

// BackwardReads implements graph.Frugal.
func (k *logSumExp[T]) BackwardReads() (in, out []bool) { return []bool{true}, []bool{true} }

// Backward sets dx = dy e^(x-y).
func (k *logSumExp[T]) Backward(x *graph.Exec, in, out, dout, din []*tensor.Tensor) {
	k.x, k.y = elems[T](in, 0), elems[T](out, 0)
	k.dy, k.dx = elems[T](dout, 0), elems[T](din, 0)
	if k.dx != nil {
		k.bwd.do(x.Pool)
	}
}

func (k *logSumExp[T]) gradPiece(from, to int) {
	step := k.w.step(0)
	k.less(k.dx[from:to], from, k.y)
	kernel.Exp(k.dx[from:to], k.dx[from:to])
	k.w.rows(from, to, func(o, n int, at [3]int) {
		if dx := k.dx[o : o+n]; step == 0 {
			kernel.MulScalar(dx, dx, k.dy[at[0]])
		} else {
			kernel.Mul(dx, dx, k.dy[at[0]:at[0]+n])
		}
	})
}

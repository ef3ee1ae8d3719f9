package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "Where", min: 3, max: 3, bind: bindWhere})
}

var whereTypes = wordTypes(bindWhereFloat[float32], bindWhereFloat[float64],
	bindWhereWord[uint8], bindWhereWord[uint16], bindWhereWord[uint32], bindWhereWord[uint64], bindWhereWord[string])

func bindWhere(b *graph.Bind) (graph.Kernel, error) {
	c, x, y := b.In[0].DType, b.In[1].DType, b.In[2].DType
	if c != tensor.Bool || x != y {
		return nil, b.Errorf("want a bool condition and two inputs of one type")
	}
	return whereTypes[x](b)
}

// where takes an element of input 1 where the condition, input 0, holds, else of
// input 2; all three broadcast.
type where[T word] struct {
	graph.Bound
	w       *walk
	fwd     pieces
	c       []bool
	a, b, y []T
}

func bindWhereWord[T word](b *graph.Bind) (graph.Kernel, error) {
	k, err := newWhere[T](b)
	return k, err
}

func newWhere[T word](b *graph.Bind) (*where[T], error) {
	s, err := broadcast(b, 0, 1, 2)
	if err != nil {
		return nil, err
	}
	k := &where[T]{w: newWalk(s, repeated(s, b.In[0].Shape), repeated(s, b.In[1].Shape), repeated(s, b.In[2].Shape))}
	if !k.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = outLike(b, 1, s)
	k.fwd = newPieces(k.w.n, 1, k.piece)
	return k, nil
}

func (k *where[T]) piece(from, to int) {
	sc, sa, sb := k.w.step(0), k.w.step(1), k.w.step(2)
	k.w.rows(from, to, func(o, n int, at [3]int) {
		for i := range n {
			if k.c[at[0]+i*sc] {
				k.y[o+i] = k.a[at[1]+i*sa]
			} else {
				k.y[o+i] = k.b[at[2]+i*sb]
			}
		}
	})
}

func (k *where[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.c, k.a, k.b, k.y = elems[bool](in, 0), words[T](in[1]), words[T](in[2]), words[T](out[0])
	k.fwd.do(x.Pool)
}

// diffWhere is where with gradients: each output's goes to the input it came from.
type diffWhere[T kernel.Float] struct {
	*where[T]
	ga, gb *operandGrad[T]
	dy     []T
}

func bindWhereFloat[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newWhere[T](b)
	if err != nil {
		return nil, err
	}
	k := &diffWhere[T]{where: inner}
	s := inner.Outs[0].Shape
	k.ga = newOperandGrad(s, b.In[1].Shape, func(dst []T, from int) { k.terms(dst, from, true) })
	k.gb = newOperandGrad(s, b.In[2].Shape, func(dst []T, from int) { k.terms(dst, from, false) })
	return k, nil
}

// terms copies the gradients of the outputs whose condition is want; others are zero.
func (k *diffWhere[T]) terms(dst []T, from int, want bool) {
	sc := k.w.step(0)
	k.w.rows(from, from+len(dst), func(o, n int, at [3]int) {
		for i := range n {
			dst[o-from+i] = 0
			if k.c[at[0]+i*sc] == want {
				dst[o-from+i] = k.dy[o+i]
			}
		}
	})
}

// BackwardReads implements graph.Frugal.
func (k *diffWhere[T]) BackwardReads() (in, out []bool) { return []bool{true}, nil }

func (k *diffWhere[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.c, k.dy = elems[bool](in, 0), elems[T](dout, 0)
	k.ga.do(x.Pool, elems[T](din, 1))
	k.gb.do(x.Pool, elems[T](din, 2))
}

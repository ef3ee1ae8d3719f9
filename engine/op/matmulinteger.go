package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "MatMulInteger", min: 2, max: 4, bind: bindMatMulInteger})
}

// byteInt is the type of an operand of an integer product.
type byteInt interface{ int8 | uint8 }

func bindMatMulInteger(b *graph.Bind) (graph.Kernel, error) {
	return bindBytes(b, newMatMulInteger[uint8, uint8], newMatMulInteger[uint8, int8], newMatMulInteger[int8, uint8], newMatMulInteger[int8, int8])
}

// bindBytes picks a binder by the types of inputs 0 and 1. Zero points, inputs 2
// and 3, have the types of what they belong to.
func bindBytes(b *graph.Bind, uu, us, su, ss binder) (graph.Kernel, error) {
	for i := 2; i < len(b.In); i++ {
		if z := b.In[i]; z.Present() && z.DType != b.In[i-2].DType {
			return nil, b.Errorf("the zero point, input %d, is %v, want %v as input %d", i, z.DType, b.In[i-2].DType, i-2)
		}
	}
	switch x, w := b.In[0].DType, b.In[1].DType; {
	case x == tensor.U8 && w == tensor.U8:
		return uu(b)
	case x == tensor.U8 && w == tensor.I8:
		return us(b)
	case x == tensor.I8 && w == tensor.U8:
		return su(b)
	case x == tensor.I8 && w == tensor.I8:
		return ss(b)
	}
	return nil, b.Errorf("want int8 or uint8 operands")
}

// matMulInteger is the product of (a - za) and (b - zb) in int32. The leading
// axes broadcast. za is one number or one a row of a, zb one or one a column of b.
type matMulInteger[A, B byteInt] struct {
	graph.Bound
	m, n, k int
	w       *walk // over the leading axes, in matrices
	rows    pieces
	a, za   []A
	b, zb   []B
	y       []int32
}

func newMatMulInteger[A, B byteInt](b *graph.Bind) (graph.Kernel, error) {
	x, w := b.In[0].Shape, b.In[1].Shape
	if len(x) < 2 || len(w) < 2 {
		return nil, b.Errorf("want operands of at least two axes")
	}
	k := &matMulInteger[A, B]{m: x[len(x)-2], k: x[len(x)-1], n: w[len(w)-1]}
	if k.k != w[len(w)-2] {
		return nil, b.Errorf("inner extents are %d and %d", k.k, w[len(w)-2])
	}
	for i, want := range []int{k.m, k.n} {
		if z := b.Input(2 + i); z.Present() && z.Shape.Size() != 1 && !z.Shape.Equal(tensor.Shape{want}) {
			return nil, b.Errorf("the zero point, input %d, has shape %v, want one number or [%d]", 2+i, z.Shape, want)
		}
	}
	lead := *b
	lead.In = []graph.Spec{{DType: b.In[0].DType, Shape: x[:len(x)-2]}, {DType: b.In[1].DType, Shape: w[:len(w)-2]}}
	batch, err := broadcast(&lead, 0, 1)
	if err != nil {
		return nil, err
	}
	if k.w = newWalk(batch, repeated(batch, lead.In[0].Shape), repeated(batch, lead.In[1].Shape)); !k.w.ok() {
		return nil, b.Errorf("more than %d axes", maxDims)
	}
	k.Outs = []graph.Spec{{DType: tensor.I32, Shape: append(batch.Clone(), k.m, k.n)}}
	k.MACs = int64(k.w.n) * int64(k.m) * int64(k.n) * int64(k.k)
	k.rows = newPieces(k.w.n*k.m, k.n*k.k, k.piece)
	return k, nil
}

// piece computes rows [from, to) of all results.
func (k *matMulInteger[A, B]) piece(from, to int) {
	for r := from; r < to; r++ {
		k.w.rows(r/k.m, r/k.m+1, func(_, _ int, at [3]int) {
			row := r % k.m
			k.row(k.y[r*k.n:][:k.n], k.a[(at[0]*k.m+row)*k.k:][:k.k], k.b[at[1]*k.k*k.n:], zeroPoint(k.za, row))
		})
	}
}

func (k *matMulInteger[A, B]) row(y []int32, a []A, b []B, za int32) {
	clear(y)
	for i, v := range a {
		s := int32(v) - za
		for j, w := range b[i*k.n:][:k.n] {
			y[j] += s * (int32(w) - zeroPoint(k.zb, j))
		}
	}
}

// zeroPoint returns the i-th zero point of none, one or many.
func zeroPoint[Q byteInt](z []Q, i int) int32 {
	switch len(z) {
	case 0:
		return 0
	case 1:
		return int32(z[0])
	}
	return int32(z[i])
}

func (k *matMulInteger[A, B]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.a, k.b, k.za, k.zb = elems[A](in, 0), elems[B](in, 1), elems[A](in, 2), elems[B](in, 3)
	k.y = elems[int32](out, 0)
	k.rows.do(x.Pool)
}

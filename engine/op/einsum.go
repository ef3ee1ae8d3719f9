package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Einsum", min: 1, max: 64, f32: bindEinsum[float32], f64: bindEinsum[float64]})
}

// einsum contracts its operands from the left: a pair at a time becomes a batch of
// matrix products. With the labels that both have and that are needed later as the
// batch, those of one operand alone as rows and columns, and those not needed any
// more as the sum,
//
//	C[b m n] = sum_k A[b m k] B[b k n]
//
// each operand being rearranged to that order before, and the result to that of
// the equation in the end.
type einsum[T kernel.Float] struct {
	graph.Bound
	pairs []*einPair[T]
	last  *einPack[T]
}

func bindEinsum[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	e, err := parseEquation(b)
	if err != nil {
		return nil, err
	}
	k := &einsum[T]{}
	left, shape := e.in[0], b.In[0].Shape
	for i := 1; i < len(e.in); i++ {
		p, labels := newEinPair[T](e, left, e.in[i], shape, b.In[i].Shape, e.neededAfter(i+1))
		k.pairs = append(k.pairs, p)
		left, shape = labels, e.dims(labels)
		k.MACs += int64(max(1, p.fwd.Batch)) * int64(p.fwd.M) * int64(p.fwd.N) * int64(p.fwd.K)
	}
	k.last = newEinPack[T](e, left, shape, e.out)
	k.Outs = []graph.Spec{specOf[T](e.dims(e.out)...)}
	return k, nil
}

// Workspace implements graph.Workspacer: for each pair both operands in order and
// the product, and, in scratch, their gradients.
func (k *einsum[T]) Workspace() (saved, scratch []graph.Spec) {
	for _, p := range k.pairs {
		saved = append(saved, specOf[T](p.a.n), specOf[T](p.b.n), specOf[T](p.n))
	}
	return saved, saved
}

func (k *einsum[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	left := dataAt[T](in, 0)
	for i, p := range k.pairs {
		a, b, c := dataAt[T](x.Saved, 3*i), dataAt[T](x.Saved, 3*i+1), dataAt[T](x.Saved, 3*i+2)
		p.a.gather(x.Pool, a, left)
		p.b.gather(x.Pool, b, dataAt[T](in, i+1))
		p.fwd.A, p.fwd.B, p.fwd.C = a, b, c
		kernel.Gemm(x.Pool, &p.fwd)
		left = c
	}
	k.last.gather(x.Pool, dataAt[T](out, 0), left)
}

// BackwardReads implements graph.Frugal.
func (k *einsum[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *einsum[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	n := len(k.pairs)
	dleft := dataAt[T](din, 0)
	if n > 0 {
		dleft = dataAt[T](x.Scratch, 3*n-1)
	}
	if dleft != nil {
		k.last.scatter(dleft, dataAt[T](dout, 0))
	}
	for i, p := range slices.Backward(k.pairs) {
		dc := dataAt[T](x.Scratch, 3*i+2)
		if db := dataAt[T](din, i+1); db != nil {
			p.db.A, p.db.B, p.db.C = dataAt[T](x.Saved, 3*i), dc, dataAt[T](x.Scratch, 3*i+1)
			kernel.Gemm(x.Pool, &p.db)
			p.b.scatter(db, p.db.C)
		}
		da := dataAt[T](din, 0)
		if i > 0 {
			da = dataAt[T](x.Scratch, 3*i-1)
		}
		if da != nil {
			p.da.A, p.da.B, p.da.C = dc, dataAt[T](x.Saved, 3*i+1), dataAt[T](x.Scratch, 3*i)
			kernel.Gemm(x.Pool, &p.da)
			p.a.scatter(da, p.da.C)
		}
	}
}

// einPair is the contraction of two operands.
type einPair[T kernel.Float] struct {
	a, b        *einPack[T]
	fwd, da, db kernel.GemmArgs[T]
	n           int // elements of the product
}

// newEinPair plans the contraction of operands with the given labels and shapes
// and returns the labels of the product.
func newEinPair[T kernel.Float](e *equation, left, right []rune, ls, rs tensor.Shape, need map[rune]bool) (*einPair[T], []rune) {
	var batch, rows, cols, sum []rune
	for _, l := range left {
		switch in := slices.Contains(right, l); {
		case slices.Contains(batch, l) || slices.Contains(rows, l) || slices.Contains(sum, l):
		case in && need[l]:
			batch = append(batch, l)
		case in:
			sum = append(sum, l)
		case need[l]:
			rows = append(rows, l)
		}
	}
	for _, l := range right {
		if need[l] && !slices.Contains(left, l) && !slices.Contains(cols, l) {
			cols = append(cols, l)
		}
	}
	p := &einPair[T]{
		a: newEinPack[T](e, left, ls, slices.Concat(batch, rows, sum)),
		b: newEinPack[T](e, right, rs, slices.Concat(batch, sum, cols)),
	}
	n, m, k, c := product(e.dims(batch)), product(e.dims(rows)), product(e.dims(sum)), product(e.dims(cols))
	p.n = n * m * c
	p.fwd = kernel.GemmArgs[T]{M: m, N: c, K: k, Alpha: 1, LDA: k, LDB: c, LDC: c, Batch: n, StrideA: m * k, StrideB: k * c, StrideC: m * c}
	p.da = kernel.GemmArgs[T]{TransB: true, M: m, N: k, K: c, Alpha: 1, LDA: c, LDB: c, LDC: k, Batch: n, StrideA: m * c, StrideB: k * c, StrideC: m * k}
	p.db = kernel.GemmArgs[T]{TransA: true, M: k, N: c, K: m, Alpha: 1, LDA: k, LDB: c, LDC: c, Batch: n, StrideA: m * k, StrideB: m * c, StrideC: k * c}
	return p, slices.Concat(batch, rows, cols)
}

// einPack rearranges an operand: axes change their order, labels that are given
// twice take the diagonal, labels that are not wanted are summed, and extents of
// 1 are repeated.
type einPack[T kernel.Float] struct {
	n        int // elements of the result
	walk     *walk
	add      bool // several elements may go to one
	copy     pieces
	dst, src []T
	fwd, bwd func(o, n int, at [3]int)
}

func newEinPack[T kernel.Float](e *equation, labels []rune, s tensor.Shape, want []rune) *einPack[T] {
	order := slices.Clone(want)
	for _, l := range labels {
		if !slices.Contains(order, l) {
			order = append(order, l)
		}
	}
	from, to := make([]int, len(order)), make([]int, len(order))
	for d, st := range s.Strides() {
		if s[d] > 1 || e.extent[labels[d]] == 1 {
			from[slices.Index(order, labels[d])] += st
		}
	}
	copy(to, tensor.Shape(e.dims(want)).Strides())
	dims := e.dims(order)
	p := &einPack[T]{n: product(e.dims(want)), add: product(dims) != product(e.dims(want))}
	p.walk = newWalk(dims, strided{strides: to}, strided{strides: from})
	p.copy = newPieces(p.walk.n, 1, func(from, to int) { p.walk.rows(from, to, p.fwd) })
	p.fwd, p.bwd = p.gatherRun, p.scatterRun
	return p
}

// gather sets dst to the rearranged operand.
func (p *einPack[T]) gather(pool *kernel.Pool, dst, src []T) {
	p.dst, p.src = dst, src
	if p.add {
		clear(dst)
		p.walk.rows(0, p.walk.n, p.fwd)
		return
	}
	p.copy.do(pool)
}

func (p *einPack[T]) gatherRun(_, n int, at [3]int) {
	to, from, st, sf := at[0], at[1], p.walk.step(0), p.walk.step(1)
	for range n {
		if p.add {
			p.dst[to] += p.src[from]
		} else {
			p.dst[to] = p.src[from]
		}
		to, from = to+st, from+sf
	}
}

// scatter sets dst, the gradient of the operand, from src, that of the result.
func (p *einPack[T]) scatter(dst, src []T) {
	p.dst, p.src = dst, src
	clear(dst)
	p.walk.rows(0, p.walk.n, p.bwd)
}

func (p *einPack[T]) scatterRun(_, n int, at [3]int) {
	from, to, sf, st := at[0], at[1], p.walk.step(0), p.walk.step(1)
	for range n {
		p.dst[to] += p.src[from]
		to, from = to+st, from+sf
	}
}

package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "MatMul", min: 2, max: 2, f32: bindMatMul[float32], f64: bindMatMul[float64]})
}

// matmul is numpy's matmul: matrices in the last two axes, the axes before them
// broadcast, and rank-1 operands a row (left) or a column (right) that is
// dropped from the result.
//
//	dA = dY B^T   dB = A^T dY   summed over what was broadcast
type matmul[T kernel.Float] struct {
	graph.Bound
	prod   batched[T]
	packed *kernel.PackedB[T]
}

func bindMatMul[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	x, w := b.In[0].Shape, b.In[1].Shape
	if len(x) == 0 || len(w) == 0 {
		return nil, b.Errorf("operands must have at least one axis")
	}
	row, col := len(x) == 1, len(w) == 1
	if row {
		x = tensor.Shape{1, x[0]}
	}
	if col {
		w = tensor.Shape{w[0], 1}
	}
	m, k, n := x[len(x)-2], x[len(x)-1], w[len(w)-1]
	if k != w[len(w)-2] {
		return nil, b.Errorf("inner extents are %d and %d", k, w[len(w)-2])
	}
	batch, groups, ok := batchGroups(x[:len(x)-2], w[:len(w)-2], m*k, k*n)
	if !ok {
		return nil, b.Errorf("leading axes cannot be broadcast together")
	}
	out := batch.Clone()
	if !row {
		out = append(out, m)
	}
	if !col {
		out = append(out, n)
	}
	mm := &matmul[T]{}
	mm.Outs = []graph.Spec{specOf[T](out...)}
	mm.MACs = int64(batch.Size()) * int64(m) * int64(n) * int64(k)
	mm.prod.plan(m, n, k, groups)
	return mm, nil
}

func (mm *matmul[T]) Prepare(in []*tensor.Tensor) {
	if b, g := dataAt[T](in, 1), &mm.prod.fwd; len(b) > 0 && len(mm.prod.outer) == 0 && g.StrideB == 0 {
		mm.packed = kernel.PackB(false, g.K, g.N, b, g.LDB)
	}
}

func (mm *matmul[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	p := &mm.prod
	if mm.packed != nil {
		p.fwd.A, p.fwd.C = dataAt[T](in, 0), dataAt[T](out, 0)
		kernel.GemmPacked(x.Pool, &p.fwd, mm.packed)
		return
	}
	p.forward(x.Pool, dataAt[T](out, 0), dataAt[T](in, 0), dataAt[T](in, 1))
}

// BackwardReads implements graph.Frugal.
func (mm *matmul[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, nil }

func (mm *matmul[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	a, b, dy := dataAt[T](in, 0), dataAt[T](in, 1), dataAt[T](dout, 0)
	if da := dataAt[T](din, 0); da != nil {
		mm.prod.gradA(x.Pool, da, dy, b)
	}
	if db := dataAt[T](din, 1); db != nil {
		mm.prod.gradB(x.Pool, db, a, dy)
	}
}

// batchGroup is a run of n products whose operands are sa and sb elements
// apart, 0 where the operand is broadcast, and whose results lie sc apart.
type batchGroup struct{ n, sa, sb, sc int }

// batchGroups broadcasts leading axes; sizeA and sizeB are the elements of one
// matrix. Neighbouring axes that step alike become one group; axes of extent 1 none.
func batchGroups(a, b tensor.Shape, sizeA, sizeB int) (batch tensor.Shape, groups []batchGroup, ok bool) {
	rank := max(len(a), len(b))
	batch = make(tensor.Shape, rank)
	na, nb := sizeA, sizeB
	for i := 1; i <= rank; i++ {
		da, db := 1, 1
		if i <= len(a) {
			da = a[len(a)-i]
		}
		if i <= len(b) {
			db = b[len(b)-i]
		}
		if da != db && da != 1 && db != 1 {
			return nil, nil, false
		}
		n := da
		if da == 1 {
			n = db
		}
		batch[rank-i] = n
		if n != 1 {
			groups = append(groups, batchGroup{n: n, sa: strideOr0(da, na), sb: strideOr0(db, nb)})
		}
		na, nb = na*da, nb*db
	}
	slices.Reverse(groups)
	return batch, mergeGroups(groups), true
}

func strideOr0(extent, stride int) int {
	if extent == 1 {
		return 0
	}
	return stride
}

// mergeGroups joins a group with the next inner one when both operands run on without a jump.
func mergeGroups(groups []batchGroup) []batchGroup {
	var out []batchGroup
	for _, g := range groups {
		if k := len(out) - 1; k >= 0 && out[k].sa == g.n*g.sa && out[k].sb == g.n*g.sb {
			out[k] = batchGroup{n: out[k].n * g.n, sa: g.sa, sb: g.sb}
			continue
		}
		out = append(out, g)
	}
	return out
}

// batched is a batch of products C = A B of M x K and K x N matrices. The inner
// group is one kernel call; outer groups, which exist only when operands
// broadcast along different axes, are a loop around it.
type batched[T kernel.Float] struct {
	outer        []batchGroup
	fwd, da, db  kernel.GemmArgs[T]
	loopA, loopB []batchGroup // groups whose products add up in the gradient
	index        []int
}

func (p *batched[T]) plan(m, n, k int, groups []batchGroup) {
	if len(groups) == 1 && groups[0].sb == 0 { // B is shared: the batch is more rows
		m *= groups[0].n
		groups = nil
	}
	sc := m * n
	for i := range slices.Backward(groups) {
		groups[i].sc = sc
		sc *= groups[i].n
	}
	p.fwd = kernel.GemmArgs[T]{M: m, N: n, K: k, Alpha: 1, LDA: k, LDB: n, LDC: n}
	p.da = kernel.GemmArgs[T]{TransB: true, M: m, N: k, K: n, Alpha: 1, LDA: n, LDB: n, LDC: k}
	p.db = kernel.GemmArgs[T]{TransA: true, M: k, N: n, K: m, Alpha: 1, LDA: k, LDB: n, LDC: n}
	p.outer, p.loopA, p.loopB = groups, groups, groups
	p.index = make([]int, len(groups))
	if len(groups) == 0 {
		return
	}
	last := len(groups) - 1
	g := groups[last]
	p.outer = groups[:last]
	setBatch(&p.fwd, g.n, g.sa, g.sb, g.sc)
	if g.sa != 0 {
		p.loopA = groups[:last]
		setBatch(&p.da, g.n, g.sc, g.sb, g.sa)
	}
	if g.sb != 0 {
		p.loopB = groups[:last]
		setBatch(&p.db, g.n, g.sa, g.sc, g.sb)
	}
}

func setBatch[T kernel.Float](g *kernel.GemmArgs[T], n, sa, sb, sc int) {
	g.Batch, g.StrideA, g.StrideB, g.StrideC = n, sa, sb, sc
}

func (p *batched[T]) forward(pool *kernel.Pool, c, a, b []T) {
	for it := newOdometer(p.outer, p.index); !it.done; it.next() {
		p.fwd.A, p.fwd.B, p.fwd.C = a[it.a:], b[it.b:], c[it.c:]
		kernel.Gemm(pool, &p.fwd)
	}
}

// gradA adds up dC B^T in da; a product that is not the first for its part of
// da, since a was broadcast, is added to it.
func (p *batched[T]) gradA(pool *kernel.Pool, da, dc, b []T) {
	it := newOdometer(p.loopA, p.index)
	if it.done {
		clear(da)
	}
	for ; !it.done; it.next() {
		p.da.A, p.da.B, p.da.C, p.da.Beta = dc[it.c:], b[it.b:], da[it.a:], 0
		if it.againA {
			p.da.Beta = 1
		}
		kernel.Gemm(pool, &p.da)
	}
}

func (p *batched[T]) gradB(pool *kernel.Pool, db, a, dc []T) {
	it := newOdometer(p.loopB, p.index)
	if it.done {
		clear(db)
	}
	for ; !it.done; it.next() {
		p.db.A, p.db.B, p.db.C, p.db.Beta = a[it.a:], dc[it.c:], db[it.b:], 0
		if it.againB {
			p.db.Beta = 1
		}
		kernel.Gemm(pool, &p.db)
	}
}

// odometer walks the members of groups, inner ones fastest.
type odometer struct {
	groups         []batchGroup
	index          []int
	a, b, c        int  // offsets of the member
	againA, againB bool // a member before had this a, this b
	done           bool
}

func newOdometer(groups []batchGroup, index []int) odometer {
	o := odometer{groups: groups, index: index}
	clear(index)
	for _, g := range groups {
		o.done = o.done || g.n == 0
	}
	return o
}

func (o *odometer) next() {
	i := len(o.groups) - 1
	for ; i >= 0; i-- {
		g := &o.groups[i]
		o.index[i]++
		o.a, o.b, o.c = o.a+g.sa, o.b+g.sb, o.c+g.sc
		if o.index[i] < g.n {
			break
		}
		o.a, o.b, o.c = o.a-g.n*g.sa, o.b-g.n*g.sb, o.c-g.n*g.sc
		o.index[i] = 0
	}
	o.done = i < 0
	o.againA, o.againB = false, false
	for i, g := range o.groups {
		o.againA = o.againA || g.sa == 0 && o.index[i] > 0
		o.againB = o.againB || g.sb == 0 && o.index[i] > 0
	}
}

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "Gemm", min: 2, max: 3, f32: bindGemm[float32], f64: bindGemm[float64]})
}

// addend says how the third input of Gemm is stretched to M x N.
type addend uint8

const (
	addNone   addend = iota
	addScalar        // one element
	addRow           // N elements, one a column
	addCol           // M elements, one a row
	addFull
)

// gemm is Y = alpha op(A) op(B) + beta C with A stored M x K or K x M, B stored
// K x N or N x K, and C one of the kinds of addend.
//
//	dA = alpha dY op(B)^T   dB = alpha op(A)^T dY   dC = beta sum dY over what was stretched
//
// Constant weights are packed once.
type gemm[T kernel.Float] struct {
	graph.Bound
	fwd, da, db kernel.GemmArgs[T]
	epi         kernel.Epilogue[T]
	kind        addend
	beta        T
	packed      *kernel.PackedB[T]
	cols        colSum[T]
	rows        rowSum[T]
	step        *kernel.WeightStep[T] // instead of writing the gradient of B
	sumSq       float64
}

func bindGemm[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	x, w := b.In[0].Shape, b.In[1].Shape
	if len(x) != 2 || len(w) != 2 {
		return nil, b.Errorf("want two matrices")
	}
	ta, tb := b.Node.Attrs.Bool("transA", false), b.Node.Attrs.Bool("transB", false)
	m, k := flip(ta, x[0], x[1])
	k2, n := flip(tb, w[0], w[1])
	if k != k2 {
		return nil, b.Errorf("inner extents are %d and %d (transA=%v, transB=%v)", k, k2, ta, tb)
	}
	g := &gemm[T]{beta: T(b.Node.Attrs.Float("beta", 1))}
	if b.Has(2) && g.beta != 0 {
		if g.kind = addendOf(b.In[2].Shape, m, n); g.kind == addNone {
			return nil, b.Errorf("input 2 cannot be stretched to [%d %d]", m, n)
		}
	}
	g.Outs = []graph.Spec{specOf[T](m, n)}
	g.MACs = int64(m) * int64(n) * int64(k)
	g.plan(T(b.Node.Attrs.Float("alpha", 1)), m, n, k, ta, tb)
	return g, nil
}

func flip(swap bool, a, b int) (int, int) {
	if swap {
		return b, a
	}
	return a, b
}

func addendOf(s tensor.Shape, m, n int) addend {
	for len(s) < 2 {
		s = append(tensor.Shape{1}, s...)
	}
	switch {
	case len(s) > 2:
		return addNone
	case s[0] == 1 && s[1] == n: // before what it equals at M = 1 or N = 1, for rows can be fused
		return addRow
	case s[0] == m && s[1] == n:
		return addFull
	case s[0] == 1 && s[1] == 1:
		return addScalar
	case s[0] == m && s[1] == 1:
		return addCol
	}
	return addNone
}

// plan sets the arguments of the three products but for the data.
func (g *gemm[T]) plan(alpha T, m, n, k int, ta, tb bool) {
	lda, _ := flip(ta, k, m)
	ldb, _ := flip(tb, n, k)
	g.fwd = kernel.GemmArgs[T]{TransA: ta, TransB: tb, M: m, N: n, K: k, Alpha: alpha, LDA: lda, LDB: ldb, LDC: n}
	if g.kind != addNone {
		g.fwd.Epi = &g.epi
	}
	if ta { // A is K x M: dA = op(B) dY^T
		g.da = kernel.GemmArgs[T]{TransA: tb, TransB: true, M: k, N: m, K: n, Alpha: alpha, LDA: ldb, LDB: n, LDC: m}
	} else {
		g.da = kernel.GemmArgs[T]{TransB: !tb, M: m, N: k, K: n, Alpha: alpha, LDA: n, LDB: ldb, LDC: k}
	}
	if tb { // B is N x K: dB = dY^T op(A)
		g.db = kernel.GemmArgs[T]{TransA: true, TransB: ta, M: n, N: k, K: m, Alpha: alpha, LDA: n, LDB: lda, LDC: k}
	} else {
		g.db = kernel.GemmArgs[T]{TransA: !ta, M: k, N: n, K: m, Alpha: alpha, LDA: lda, LDB: n, LDC: n}
	}
}

// Prepare implements graph.Preparer.
func (g *gemm[T]) Prepare(in []*tensor.Tensor) {
	if b := dataAt[T](in, 1); len(b) > 0 {
		g.packed = kernel.PackB(g.fwd.TransB, g.fwd.K, g.fwd.N, b, g.fwd.LDB)
	}
}

func (g *gemm[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	a := &g.fwd
	a.A, a.B, a.C = dataAt[T](in, 0), dataAt[T](in, 1), dataAt[T](out, 0)
	g.setAddend(dataAt[T](in, 2))
	if g.packed != nil {
		kernel.GemmPacked(x.Pool, a, g.packed)
		return
	}
	kernel.Gemm(x.Pool, a)
}

// setAddend hands C to the product's epilogue, or, when it is scaled or a scalar,
// spreads it over the output that the product then adds to.
func (g *gemm[T]) setAddend(c []T) {
	a := &g.fwd
	switch {
	case g.kind == addNone:
	case g.beta == 1 && g.kind == addRow:
		g.epi.Bias = c
	case g.beta == 1 && g.kind == addCol:
		g.epi.Bias, g.epi.BiasRow = c, true
	case g.beta == 1 && g.kind == addFull:
		g.epi.Residual, g.epi.ResidualLD = c, a.N
	default:
		a.Beta = g.beta
		g.spread(c)
	}
}

func (g *gemm[T]) spread(c []T) {
	m, n, y := g.fwd.M, g.fwd.N, g.fwd.C
	for i := range m {
		row := y[i*n : (i+1)*n]
		switch g.kind {
		case addScalar:
			fill(row, c[0])
		case addCol:
			fill(row, c[i])
		case addRow:
			copy(row, c)
		case addFull:
			copy(row, c[i*n:])
		}
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// BackwardReads implements graph.Frugal.
func (g *gemm[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, nil }

func (g *gemm[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	dy := dataAt[T](dout, 0)
	if da := dataAt[T](din, 0); da != nil {
		g.da.A, g.da.B = dy, dataAt[T](in, 1)
		if g.fwd.TransA {
			g.da.A, g.da.B = g.da.B, dy
		}
		g.da.C = da
		kernel.Gemm(x.Pool, &g.da)
	}
	if db := dataAt[T](din, 1); db != nil {
		g.db.A, g.db.B = dataAt[T](in, 0), dy
		if g.fwd.TransB {
			g.db.A, g.db.B = dy, g.db.A
		}
		g.db.C = db
		if g.step != nil {
			g.sumSq = kernel.GemmStep(x.Pool, &g.db, g.step)
		} else {
			kernel.Gemm(x.Pool, &g.db)
		}
	}
	if dc := dataAt[T](din, 2); dc != nil {
		g.gradAddend(x.Pool, dc, dy)
	}
}

// StepInput implements graph.Stepper: B, unless it is scaled.
func (g *gemm[T]) StepInput() int {
	if _, ok := any(g).(*gemm[float32]); ok && g.fwd.Alpha == 1 {
		return 1
	}
	return -1
}

// Factors implements graph.Stepper.
func (g *gemm[T]) Factors(in, dout []*tensor.Tensor) (a, b *tensor.Tensor) { return in[0], dout[0] }

// SetStep implements graph.Stepper.
func (g *gemm[T]) SetStep(s *kernel.WeightStep[float32]) { g.step, _ = any(s).(*kernel.WeightStep[T]) }

// StepSumSq implements graph.Stepper.
func (g *gemm[T]) StepSumSq() float64 { return g.sumSq }

func (g *gemm[T]) gradAddend(p *kernel.Pool, dc, dy []T) {
	m, n := g.fwd.M, g.fwd.N
	switch g.kind {
	case addNone: // beta is 0
		clear(dc)
	case addScalar:
		dc[0] = g.beta * kernel.Sum(dy)
	case addRow:
		g.cols.sum(p, dc, dy, m, n, g.beta)
	case addCol:
		g.rows.sum(p, dc, dy, m, n, g.beta)
	case addFull:
		kernel.MulScalar(dc, dy, g.beta)
	}
}

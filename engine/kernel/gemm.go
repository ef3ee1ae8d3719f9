package kernel

import "fmt"

// Act is an activation that a kernel applies to its output.
type Act uint8

// The activations. Alpha and Beta are the parameters in the Epilogue.
const (
	ActNone        Act = iota
	ActRelu            // max(x, 0)
	ActLeakyRelu       // x if x >= 0, else Alpha x
	ActSigmoid         // 1 / (1 + exp(-x))
	ActTanh            // tanh(x)
	ActClip            // min(max(x, Alpha), Beta)
	ActHardSwish       // x clip(x/6 + 1/2, 0, 1)
	ActHardSigmoid     // clip(Alpha x + Beta, 0, 1)
	ActGelu            // x (1 + erf(x/sqrt 2)) / 2
	ActSilu            // x / (1 + exp(-x))
)

// An Epilogue is what happens to an output while it is still in the cache:
// y = act(x + bias + residual). NaN passes through every activation.
type Epilogue[T Float] struct {
	Bias       []T  // nil, or N numbers, one a column; M, one a row, if BiasRow
	BiasRow    bool // Bias belongs to rows
	Residual   []T  // nil, or M x N laid out with row stride ResidualLD, batch members as far apart as C's
	ResidualLD int
	Act        Act
	Alpha      T // of Act
	Beta       T // of Act
}

// GemmArgs describes C = act(Alpha op(A) op(B) + Beta C + bias + residual), for
// one product or a batch of them. C may overlap no other argument.
type GemmArgs[T Float] struct {
	TransA, TransB bool
	M, N, K        int // op(A) is M x K, op(B) is K x N, C is M x N
	Alpha, Beta    T   // Beta 0 never reads C; Alpha 0 never reads A and B
	A              []T // stored M x K, or K x M if TransA
	LDA            int // elements from a stored row to the next
	B              []T // stored K x N, or N x K if TransB
	LDB            int
	C              []T
	LDC            int

	Batch                     int // number of products; 0 means 1
	StrideA, StrideB, StrideC int // elements between members; A and B may use 0 to share

	Epi *Epilogue[T] // nil for none
}

// Gemm computes the product that g describes. It panics if a slice is too short
// for its shape. g is read during the call only. A nil pool means one thread.
func Gemm[T Float](p *Pool, g *GemmArgs[T]) {
	if g.check(); g.M == 0 || g.N == 0 {
		return
	}
	needMatrix("B", g.rowsB(), g.colsB(), g.LDB, len(g.B), g.batch(), g.StrideB)
	run(p, g, nil)
}

// PackedB is op(B), K x N, rearranged once for many products, such as the
// weights of a layer at inference. It keeps no reference to B, may be used by
// many goroutines, and stays with the path that was in use when it was made.
type PackedB[T Float] struct {
	k, n int
	mk   *micro[T]
	data []T // k blocks of strips, see job
}

// PackB rearranges op(B), k x n; b is stored k x n, or n x k if transB.
func PackB[T Float](transB bool, k, n int, b []T, ldb int) *PackedB[T] {
	g := GemmArgs[T]{TransB: transB, K: k, N: n, B: b, LDB: ldb}
	needMatrix("B", g.rowsB(), g.colsB(), ldb, len(b), 1, 0)
	mk := microFor[T]()
	pb := &PackedB[T]{k: k, n: n, mk: mk, data: make([]T, k*roundUp(n, mk.nr()))}
	for k0, step := 0, depth[T](k); k0 < k; k0 += step {
		kb := min(step, k-k0)
		for s := range mk.strips(n) {
			mk.packB(&g, b, k0, kb, s, pb.data[k0*mk.nr()*mk.strips(n)+s*kb*mk.nr():])
		}
	}
	return pb
}

// GemmPacked is Gemm with b in place of g.B, LDB, TransB and StrideB; every
// batch member uses the same b.
func GemmPacked[T Float](p *Pool, g *GemmArgs[T], b *PackedB[T]) {
	if g.K != b.k || g.N != b.n {
		panic(fmt.Sprintf("kernel: GemmPacked: B was packed as %d x %d, the product needs %d x %d", b.k, b.n, g.K, g.N))
	}
	if g.check(); g.M == 0 || g.N == 0 {
		return
	}
	run(p, g, b)
}

func (g *GemmArgs[T]) batch() int { return max(g.Batch, 1) }

func (g *GemmArgs[T]) rowsB() int {
	if g.TransB {
		return g.N
	}
	return g.K
}

func (g *GemmArgs[T]) colsB() int {
	if g.TransB {
		return g.K
	}
	return g.N
}

// check panics unless A, C and the epilogue hold what the shape says.
func (g *GemmArgs[T]) check() {
	if g.M < 0 || g.N < 0 || g.K < 0 || g.Batch < 0 {
		panic(fmt.Sprintf("kernel: Gemm: negative size M=%d N=%d K=%d batch=%d", g.M, g.N, g.K, g.Batch))
	}
	rows, cols := g.M, g.K
	if g.TransA {
		rows, cols = cols, rows
	}
	needMatrix("A", rows, cols, g.LDA, len(g.A), g.batch(), g.StrideA)
	needMatrix("C", g.M, g.N, g.LDC, len(g.C), g.batch(), g.StrideC)
	if g.batch() > 1 && g.StrideC < (g.M-1)*g.LDC+g.N {
		panic(fmt.Sprintf("kernel: Gemm: StrideC %d makes batch members of C overlap", g.StrideC))
	}
	if g.Epi != nil {
		g.checkEpilogue()
	}
}

func (g *GemmArgs[T]) checkEpilogue() {
	e, want := g.Epi, g.N
	if e.BiasRow {
		want = g.M
	}
	if e.Bias != nil && len(e.Bias) < want {
		panic(fmt.Sprintf("kernel: Gemm: bias has %d numbers, need %d", len(e.Bias), want))
	}
	if e.Residual != nil {
		needMatrix("Residual", g.M, g.N, e.ResidualLD, len(e.Residual), g.batch(), g.StrideC)
	}
}

// needMatrix panics unless a slice of have elements holds the matrices.
func needMatrix(name string, rows, cols, ld, have, batch, stride int) {
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols || stride < 0 {
		panic(fmt.Sprintf("kernel: Gemm: %s has row stride %d for %d columns, batch stride %d", name, ld, cols, stride))
	}
	if need := (batch-1)*stride + (rows-1)*ld + cols; have < need {
		panic(fmt.Sprintf("kernel: Gemm: %s (%d x %d, row stride %d, batch %d) has %d elements, need %d",
			name, rows, cols, ld, batch, have, need))
	}
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

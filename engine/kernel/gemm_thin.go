package kernel

// A product with a side of a few numbers, such as a matrix times a vector, is
// bound by memory: it reads the large operand once, in place and in order.
// Where the rows of that are contiguous in K every output is a dot product,
// else rows are added up. (Few rows times a matrix that is not transposed is
// what tiles do well.)

// Limits of the short side: rows of A, columns of B.
const (
	dotRows = 16
	dotCols = 4
	addCols = 4
)

// thinKind says how a product with a short side is computed.
type thinKind uint8

const (
	notThin  thinKind = iota
	byDots            // Y is cols x K
	byAdding          // Y is K x cols
)

// thinPlan is a product as out(i,j) = sum_l X(i,l) Y(l,j) with X short. X of
// every batch member is packed (rows x K) unless its rows are contiguous.
type thinPlan struct {
	kind        thinKind
	shortN      bool // X is op(B)^T, else op(A)
	rows, cols  int  // of the output
	packed      bool // X is packed
	parts, size int  // the columns, cut into tasks
}

// thin returns how g is computed, without the parts.
func (g *GemmArgs[T]) thin() thinPlan {
	p := thinPlan{rows: g.M, cols: g.N, packed: g.TransA}
	switch {
	case g.K == 0:
	case g.TransB && g.M <= dotRows && (g.M <= 4 || g.K >= 16*g.M):
		p.kind = byDots
	case !g.TransA && g.N <= dotCols:
		p.kind, p.shortN = byDots, true
	case g.TransA && g.N <= addCols:
		p.kind, p.shortN = byAdding, true
	}
	if p.shortN {
		p.rows, p.cols, p.packed = g.N, g.M, !g.TransB
	}
	return p
}

// thinWork is the number of multiply-adds of a task.
const thinWork = 1 << 16

// runThin computes a product with a short side.
func (j *job[T]) runThin(p *Pool) {
	g, t := &j.g, &j.thin
	grain := dotWidth
	if t.kind == byAdding {
		grain = 4 * j.mk.lanes
	}
	t.parts, t.size = Split(t.cols, roundUp(thinWork/(g.K*t.rows)+1, grain))
	if t.packed {
		j.packedA = grow(j.packedA, g.batch()*t.rows*g.K)
		for q := range g.batch() {
			j.packShort(q, j.packedA[q*t.rows*g.K:])
		}
	}
	if g.M*g.N*g.K*g.batch() < smallRead {
		p = nil
	}
	p.Do((*thinTask[T])(j), t.parts*g.batch())
}

// packShort writes X of a batch member, whose columns are contiguous, row by row.
func (j *job[T]) packShort(member int, dst []T) {
	g := &j.g
	src, ld := g.A[member*g.StrideA:], g.LDA
	if j.thin.shortN {
		src, ld = g.B[member*g.StrideB:], g.LDB
	}
	for i := range j.thin.rows {
		row := dst[i*g.K : (i+1)*g.K]
		for l := range row {
			row[l] = src[l*ld+i]
		}
	}
}

// thinTask computes a run of columns of the output.
type thinTask[T Float] job[T]

func (t *thinTask[T]) Run(worker, i int) {
	j := (*job[T])(t)
	p := &j.thin
	r := thinRun[T]{job: j, w: &j.workers[worker], member: i / p.parts, n0: i % p.parts * p.size}
	r.n1 = min(r.n0+p.size, p.cols)
	r.operands()
	if p.kind == byDots {
		r.dots()
	} else {
		r.adds()
	}
	if j.g.Epi != nil {
		r.finish()
	}
}

// thinRun is columns [n0,n1) of the output of one batch member.
type thinRun[T Float] struct {
	*job[T]
	w              *scratch[T]
	member, n0, n1 int
	x, y           []T
	ldx, ldy       int
}

func (r *thinRun[T]) operands() {
	g := &r.g
	r.x, r.ldx = g.A[r.member*g.StrideA:], g.LDA
	r.y, r.ldy = g.B[r.member*g.StrideB:], g.LDB
	if r.thin.shortN {
		r.x, r.ldx, r.y, r.ldy = r.y, r.ldy, r.x, r.ldx
	}
	if r.thin.packed {
		r.x, r.ldx = r.packedA[r.member*r.thin.rows*g.K:], g.K
	}
}

// store writes outputs of row m from column n on.
func (r *thinRun[T]) store(m, n int, out []T) {
	g := &r.g
	at, step := r.member*g.StrideC+m*g.LDC+n, 1
	if r.thin.shortN {
		at, step = r.member*g.StrideC+n*g.LDC+m, g.LDC
	}
	for _, v := range out {
		c := &g.C[at]
		if v *= g.Alpha; g.Beta != 0 {
			v += g.Beta * *c
		}
		*c = v
		at += step
	}
}

// finish applies the epilogue.
func (r *thinRun[T]) finish() {
	b := block[T]{job: r.job, w: r.w, member: r.member}
	t, m0, n0 := &b.w.t, 0, r.n0
	t.rows, t.cols, t.ldc = r.thin.rows, r.n1-r.n0, b.g.LDC
	if r.thin.shortN {
		t.rows, t.cols, m0, n0 = t.cols, t.rows, n0, m0
	}
	t.c = &b.g.C[b.member*b.g.StrideC+m0*t.ldc+n0]
	b.finish(m0, n0)
}

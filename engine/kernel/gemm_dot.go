package kernel

// Products with few rows on one side and rows contiguous in K on the other, such
// as a vector times a transposed matrix, read the large operand once and in
// place: every output is a dot product.

const (
	maxDots  = 4 // rows of X of the tallest kernel
	dotWidth = 4 // rows of Y of a kernel
)

// dots is the argument of a dot kernel: out[i*4+j] = sum over l < k of
// x[i*ldx+l] y[j*ldy+l] for j < cols. The offsets are known to the assembly.
type dots[T Float] struct {
	x, y        *T
	k, ldx, ldy int
	cols        int
	out         [maxDots * dotWidth]T
	rows        int
}

// dotsPortable is the reference: any rows.
func dotsPortable[T Float](d *dots[T]) {
	for i := range d.rows {
		x := at(d.x, i*d.ldx, d.k)
		for j := range d.cols {
			var sum [4]T // independent, to overlap in the processor
			y := at(d.y, j*d.ldy, d.k)
			l := 0
			for ; l+4 <= len(x) && l+4 <= len(y); l += 4 {
				sum[0] += x[l] * y[l]
				sum[1] += x[l+1] * y[l+1]
				sum[2] += x[l+2] * y[l+2]
				sum[3] += x[l+3] * y[l+3]
			}
			for ; l < len(x); l++ {
				sum[0] += x[l] * y[l]
			}
			d.out[i*dotWidth+j] = (sum[0] + sum[1]) + (sum[2] + sum[3])
		}
	}
}

// Limits of the short side of a product computed by dots: rows of A, columns of B.
const (
	dotRows = 16
	dotCols = 4
)

// dotted reports whether dot products compute g, and which side is short.
func (g *GemmArgs[T]) dotted() (yes, shortN bool) {
	switch {
	case g.K == 0:
		return false, false
	case g.TransB && g.M <= dotRows:
		return true, false
	case !g.TransA && g.N <= dotCols:
		return true, true
	}
	return false, false
}

// dotPlan is a product as out(i,j) = X_i . Y_j with X short. Of a batch, X is
// packed (rows x K) when its rows are not contiguous.
type dotPlan struct {
	shortN     bool
	rows, cols int  // of X and Y
	x          bool // X is packed
	parts      int  // of the rows of Y
	size       int
}

// dotWork is the number of multiply-adds of a task.
const dotWork = 1 << 16

// runDots computes the product by dots.
func (j *job[T]) runDots(p *Pool, shortN bool) {
	g, d := &j.g, &j.dot
	*d = dotPlan{shortN: shortN, rows: g.M, cols: g.N, x: g.TransA}
	if shortN {
		d.rows, d.cols, d.x = g.N, g.M, !g.TransB
	}
	d.parts, d.size = Split(d.cols, roundUp(dotWork/(g.K*d.rows)+1, dotWidth))
	if d.x {
		j.packedA = grow(j.packedA, g.batch()*d.rows*g.K)
		for q := range g.batch() {
			j.packShort(q, j.packedA[q*d.rows*g.K:])
		}
	}
	if d.parts*g.batch() < 2 || g.M*g.N*g.K*g.batch() < smallProduct {
		p = nil
	}
	p.Do((*dotTask[T])(j), d.parts*g.batch())
}

// packShort writes X of a batch member, whose columns are contiguous, row by row.
func (j *job[T]) packShort(member int, dst []T) {
	g := &j.g
	src, ld := g.A[member*g.StrideA:], g.LDA
	if j.dot.shortN {
		src, ld = g.B[member*g.StrideB:], g.LDB
	}
	for i := range j.dot.rows {
		row := dst[i*g.K : (i+1)*g.K]
		for l := range row {
			row[l] = src[l*ld+i]
		}
	}
}

// dotTask computes the outputs of a run of rows of Y.
type dotTask[T Float] job[T]

func (t *dotTask[T]) Run(worker, i int) {
	j := (*job[T])(t)
	g, p := &j.g, &j.dot
	w := &j.workers[worker]
	q, y0 := i/p.parts, i%p.parts*p.size
	y1 := min(y0+p.size, p.cols)
	d := &w.d
	d.k, d.ldx, d.ldy = g.K, g.LDA, g.LDB
	x, y := g.A[q*g.StrideA:], g.B[q*g.StrideB:]
	if p.shortN {
		d.ldx, d.ldy = d.ldy, d.ldx
		x, y = y, x
	}
	if p.x {
		x, d.ldx = j.packedA[q*p.rows*g.K:], g.K
	}
	for n := y0; n < y1; n += dotWidth {
		d.y, d.cols = &y[n*d.ldy], min(dotWidth, y1-n)
		for m := 0; m < p.rows; m += j.mk.dots {
			d.x, d.rows = &x[m*d.ldx], min(j.mk.dots, p.rows-m)
			j.mk.dot[d.rows](d)
			j.storeDots(d, q, m, n)
		}
	}
	if g.Epi != nil {
		b := block[T]{job: j, w: w, member: q}
		b.finishDots(y0, y1)
	}
}

// storeDots writes the outputs of rows from m on of X and n on of Y.
func (j *job[T]) storeDots(d *dots[T], member, m, n int) {
	g := &j.g
	at, row, col := member*g.StrideC+m*g.LDC+n, g.LDC, 1
	if j.dot.shortN {
		at, row, col = member*g.StrideC+n*g.LDC+m, 1, g.LDC
	}
	for i := range d.rows {
		for k, v := range d.out[i*dotWidth : i*dotWidth+d.cols] {
			c := &g.C[at+i*row+k*col]
			if v *= g.Alpha; g.Beta != 0 {
				v += g.Beta * *c
			}
			*c = v
		}
	}
}

// finishDots applies the epilogue to the outputs of rows [y0,y1) of Y.
func (b *block[T]) finishDots(y0, y1 int) {
	t, m0, n0 := &b.w.t, 0, y0
	t.rows, t.cols, t.ldc = b.dot.rows, y1-y0, b.g.LDC
	if b.dot.shortN {
		t.rows, t.cols, m0, n0 = t.cols, t.rows, n0, m0
	}
	t.c = &b.g.C[b.member*b.g.StrideC+m0*t.ldc+n0]
	b.finish(m0, n0)
}

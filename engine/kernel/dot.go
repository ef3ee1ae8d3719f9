package kernel

import (
	"fmt"
	"unsafe"
)

// Products with weights of 8 or 16 bits. Every 32-bit lane of a vector takes a
// group of neighbours along K, four int8 or two bfloat16, and adds their
// products to one sum, as VPDPBUSD and VDPBF16PS do.

const maxQuadRows = 8

// quads is the argument of a tile kernel: rows x groups of A, rows lda bytes
// apart, times the groups of a packed strip of W. For int8, c = float32(sum +
// start) sw sa. The offsets are known to the assembly.
type quads struct {
	a, b        *uint32
	c           *float32
	groups, lda int // lda in bytes
	ldc, cols   int
	start       *int32   // of each column
	sw, sa      *float32 // of each column, of each row
	rows        int
}

// quadMicro describes a path: tile[r] computes r rows of a strip.
type quadMicro struct {
	mr, nr int
	tile   [maxQuadRows + 1]func(*quads)
}

// DotArgs describes C = act(A W^T + bias + residual) for activations A (M x K)
// and packed weights W (N x K).
type DotArgs struct {
	M   int
	A   []float32
	LDA int
	C   []float32 // M x N, overwritten
	LDC int
	Epi *Epilogue[float32] // nil for none
}

// packedQuads are weights N x K as strips of nr columns: group by group, one
// group of each column.
type packedQuads struct {
	mk           *quadMicro
	n, k, groups int
	data         []uint32
}

func newPackedQuads(mk *quadMicro, n, k, perGroup int) packedQuads {
	p := packedQuads{mk: mk, n: n, k: k, groups: max(1, (k+perGroup-1)/perGroup)}
	p.data = make([]uint32, p.strips()*mk.nr*p.groups)
	return p
}

func (p *packedQuads) strips() int { return (p.n + p.mk.nr - 1) / p.mk.nr }

// at returns where group q of column j is.
func (p *packedQuads) at(j, q int) *uint32 {
	return &p.data[(j/p.mk.nr*p.groups+q)*p.mk.nr+j%p.mk.nr]
}

// dotJob is one product.
type dotJob struct {
	DotArgs
	epi   Epilogue[float32]
	w     *packedQuads
	start []int32
	sw    []float32
	sa    []float32 // of each row of A
	a     []uint32  // M x groups
	round func(dst []uint32, src []float32) float32

	panels, rows, parts int // parts of the rows of A, panels to a part
	workers             []quadScratch
}

type quadScratch struct {
	q quads
	e epilogue[float32]
	_ [128]byte
}

var dotJobs freeList[dotJob]

// runDot computes g with w; round writes a row of A as groups and returns its
// scale.
func runDot(p *Pool, g *DotArgs, w *packedQuads, start []int32, sw []float32, round func([]uint32, []float32) float32) {
	if g.check(w); g.M == 0 || w.n == 0 {
		return
	}
	j := dotJobs.take()
	defer dotJobs.put(j)
	j.DotArgs, j.w, j.start, j.sw, j.round = *g, w, start, sw, round
	if g.Epi != nil {
		j.epi = *g.Epi
		j.Epi = &j.epi
	}
	j.a = grow(j.a, g.M*w.groups)
	j.sa = grow(j.sa, roundUp(g.M, maxQuadRows))
	j.workers = grow(j.workers, p.Threads())
	j.panels = (g.M + w.mk.mr - 1) / w.mk.mr
	j.parts, j.rows = Split(j.panels, max(1, 128/w.mk.mr))
	if g.M*w.n*w.k < smallRead {
		p = nil
	}
	if g.M < 16 {
		for i := range g.M {
			(*roundTask)(j).Run(0, i)
		}
	} else {
		p.Do((*roundTask)(j), g.M)
	}
	p.Do((*quadTask)(j), w.strips()*j.parts)
	j.release()
}

// release drops the references to the caller's memory.
func (j *dotJob) release() {
	j.DotArgs, j.epi, j.w, j.start, j.sw = DotArgs{}, Epilogue[float32]{}, nil, nil, nil
	for i := range j.workers {
		j.workers[i] = quadScratch{}
	}
}

func (g *DotArgs) check(w *packedQuads) {
	if g.M < 0 {
		panic(fmt.Sprintf("kernel: product of %d rows", g.M))
	}
	needMatrix("A", g.M, w.k, g.LDA, len(g.A), 1, 0)
	needMatrix("C", g.M, w.n, g.LDC, len(g.C), 1, 0)
	if g.Epi != nil {
		(&GemmArgs[float32]{M: g.M, N: w.n, Epi: g.Epi}).checkEpilogue()
	}
}

// roundTask converts a row of A.
type roundTask dotJob

func (t *roundTask) Run(_, i int) {
	k, n := t.w.k, t.w.groups
	var src []float32
	if k > 0 {
		src = t.A[i*t.LDA : i*t.LDA+k]
	}
	t.sa[i] = t.round(t.a[i*n:(i+1)*n], src)
}

// quadTask computes a strip of columns for a part of the rows.
type quadTask dotJob

func (t *quadTask) Run(worker, i int) {
	j := (*dotJob)(t)
	s, part := i/j.parts, i%j.parts
	w, mk := &j.workers[worker], j.w.mk
	q := &w.q
	q.groups, q.lda, q.ldc = j.w.groups, 4*j.w.groups, j.LDC
	q.b = &j.w.data[s*j.w.groups*mk.nr]
	q.cols = min(mk.nr, j.w.n-s*mk.nr)
	if j.start != nil {
		q.start, q.sw = &j.start[s*mk.nr], &j.sw[s*mk.nr]
	}
	for p := part * j.rows; p < min((part+1)*j.rows, j.panels); p++ {
		m0 := p * mk.mr
		q.rows = min(mk.mr, j.M-m0)
		q.a, q.sa = &j.a[m0*j.w.groups], &j.sa[m0]
		q.c = &j.C[m0*j.LDC+s*mk.nr]
		mk.tile[q.rows](q)
		if j.Epi != nil {
			j.finish(&w.e, q, m0, s*mk.nr)
		}
	}
}

// finish applies the epilogue to the tile at row m0, column n0.
func (j *dotJob) finish(e *epilogue[float32], q *quads, m0, n0 int) {
	x := j.Epi
	*e = epilogue[float32]{c: q.c, ldc: q.ldc, ldr: x.ResidualLD, rows: q.rows, cols: q.cols}
	if x.Residual != nil {
		e.residual = &x.Residual[m0*x.ResidualLD+n0]
	}
	e.apply(microFor[float32](), x, m0, n0)
}

// bytesOf returns the memory of s as bytes.
func bytesOf(s []uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}

// halvesOf returns the memory of s as 16-bit numbers.
func halvesOf(s []uint32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(s))), 2*len(s))
}

package kernel

import (
	"fmt"
)

// A WeightStep is a step of SGDMomentum on weights W with momentum M, both laid
// out as the product that is their gradient.
type WeightStep[T Float] struct {
	W, M   []T
	Update SGDUpdate[T]
}

// GemmStep computes the product that g describes, the gradient of s.W, and takes
// the step s tile by tile while the gradient is in the cache. It returns the sum of
// the squares of the gradient; weights and momentum end with the bits that Gemm and
// SGDMomentum give them. C is work space. g has no batch, no epilogue, and Beta 0.
func GemmStep[T Float](p *Pool, g *GemmArgs[T], s *WeightStep[T]) float64 {
	g.check()
	if g.Beta != 0 || g.Epi != nil || g.batch() > 1 {
		panic("kernel: GemmStep: the product has a batch, an epilogue or Beta")
	}
	if g.M == 0 || g.N == 0 {
		return 0
	}
	if n := (g.M-1)*g.LDC + g.N; len(s.W) < n || len(s.M) < n {
		panic(fmt.Sprintf("kernel: GemmStep: %d weights with momentum %d, need %d", len(s.W), len(s.M), n))
	}
	needMatrix("B", g.rowsB(), g.colsB(), g.LDB, len(g.B), 1, 0)
	j := takeJob[T](p)
	defer putJob(p, j)
	j.step = *s
	j.start(p, g, nil)
	return j.sumSq()
}

// stepTile is the argument of a step kernel, which updates rows x cols weights
// and adds the squares of their gradient into sums, one a lane. The
// offsets are known to the assembly.
type stepTile[T Float] struct {
	g, w, m    *T
	sums       *T
	ldg, ldw   int
	rows, cols int
	nesterov   int // 0 or 1
	rate       T
	momentum   T
	decay      T
	tile       [maxMR * maxNV * maxLanes]T
}

// maxLanes is the number of elements of the widest vector.
const maxLanes = 16

// stepStrips is the number of strips, or somewhat more, that are updated a panel at a
// time, so that weights are read and written in long rows while a part of B stays in
// the cache.
const stepStrips = maxMR

// stepDirect is the largest K for which the panels of a transposed A are not packed.
const stepDirect = 256

// stepGroups returns how many groups of strips make up C.
func (j *job[T]) stepGroups() int { return max(1, j.strips/stepStrips) }

// inTiles reports whether each tile of the gradient is complete when it is first
// written: it then does not go to C.
func (j *job[T]) inTiles() bool { return j.step.W != nil && j.g.K <= j.depth }

// stepPanels multiplies the panels with all strips and, with the last block of
// K, updates their weights. The squares of a panel's gradient under a group of strips
// are summed, a lane each, in one place of sums.
func (b *block[T]) stepPanels(k0, kb int) {
	last, groups := k0+kb == b.g.K, b.stepGroups()
	for n := range groups {
		s0, s1 := n*b.strips/groups, (n+1)*b.strips/groups
		for p := b.p0; p < b.p1; p++ {
			b.setA(k0, kb, p)
			at := (p*groups + n) * maxLanes
			lanes := b.sums[at : at+maxLanes]
			clear(lanes)
			b.w.s.sums = &lanes[0]
			for s := s0; s < s1; s++ {
				b.setB(k0, kb, s, p == b.p0)
				if p+1 < b.p1 {
					b.fetchWeights(p+1, s0, s1, s-s0)
				} else {
					b.fetchWeights(b.p0, s1, (n+2)*b.strips/groups, s-s0)
				}
				b.tile(last, p, s)
			}
		}
	}
}

// fetchWeights lets the next tile fetch the ith row of panel p's weights and
// momentum under strips [s0,s1).
func (b *block[T]) fetchWeights(p, s0, s1, i int) {
	t, from, nr := &b.w.t, &b.step, b.mk.nr()
	at := (p*b.mk.mr+i)*b.g.LDC + s0*nr
	if t.lines = 0; i >= b.mk.mr || s0 >= b.strips {
		return
	}
	t.fetchRows(from.W, at, 0, (min(s1, b.strips)-s0)*nr)
	if t.lines > 0 {
		t.ahead[1] = &from.M[at]
	}
}

// takeStep updates the weights of the tile at panel p of strip s.
func (b *block[T]) takeStep(p, s int) {
	t, u, from := &b.w.t, &b.w.s, &b.step
	at := p*b.mk.mr*b.g.LDC + s*b.mk.nr()
	u.g, u.w, u.m = t.c, &from.W[at], &from.M[at]
	u.ldg, u.ldw, u.rows, u.cols = t.ldc, b.g.LDC, t.rows, t.cols
	u.set(&from.Update)
	b.mk.step(u)
}

func (s *stepTile[T]) set(u *SGDUpdate[T]) {
	s.nesterov = 0
	s.rate, s.momentum, s.decay = u.Rate, u.Momentum, u.WeightDecay
	if u.Nesterov {
		s.nesterov = 1
	}
}

// sumSq adds up the places of sums.
func (j *job[T]) sumSq() float64 {
	sum := 0.0
	for s := j.sums; len(s) > 0; s = s[maxLanes:] {
		sum += float64(Sum(s[:maxLanes]))
	}
	return sum
}

// stepPortable updates a tile of weights row by row.
func stepPortable[T Float](s *stepTile[T]) {
	u := SGDUpdate[T]{Rate: s.rate, Momentum: s.momentum, WeightDecay: s.decay, Nesterov: s.nesterov != 0}
	for i := range s.rows {
		g := at(s.g, i*s.ldg, s.cols)
		*s.sums += SumSq(g)
		SGDMomentum(at(s.w, i*s.ldw, s.cols), at(s.m, i*s.ldw, s.cols), g, &u)
	}
}

// stepThin updates the weights whose gradient a product with a short side has
// left in C.
func (j *job[T]) stepThin() {
	u := &j.workers[0].s
	j.sums = grow(j.sums, maxLanes)
	clear(j.sums)
	u.g, u.w, u.m = &j.g.C[0], &j.step.W[0], &j.step.M[0]
	u.ldg, u.ldw, u.rows, u.cols = j.g.LDC, j.g.LDC, j.g.M, j.g.N
	u.sums = &j.sums[0]
	u.set(&j.step.Update)
	stepPortable(u)
}

package kernel

import "sync"

// Block sizes: a strip of B, blockK x nr, and a panel of A, mr x blockK, are
// streamed from the second cache level while a block of A of blockM rows stays
// there.
const (
	blockK = 512
	blockM = 128
)

// maxStrips bounds the strips of B that a task packs at a time.
const maxStrips = 8

// mostKept is the size of a packed operand up to which each worker packs it for
// itself.
const mostKept = 1 << 20

// smallProduct is the number of multiply-adds below which waking another
// thread costs more than it saves.
const smallProduct = 1 << 17

// source says where a task finds an operand.
type source uint8

const (
	direct  source = iota // the caller's matrix, read in place
	private               // packed by each task for itself, block by block
	kept                  // packed by each worker when it first needs it, kept for its other tasks
	shared                // packed in full before the tasks start
)

// job is one call of Gemm: arguments, plan and work space. A packed block of
// op(B) is strips x kb x nr numbers, of op(A) panels x kb x maxMR; the block
// that starts at k0 comes k0 rows of strips or panels into the whole.
type job[T Float] struct {
	g      GemmArgs[T]
	epi    Epilogue[T]
	step   WeightStep[T] // for GemmStep
	mk     *micro[T]
	fromA  source
	fromB  source
	a, b   []T // shared packed operands
	member int // batch member, when the members are done one after the other

	strips, panels   int // in N and M
	depth            int // of a block of K
	tasks            []region
	alongM           bool // threads divide the rows, else the columns
	members          bool // each batch member is a task
	thin             thinPlan
	sums             []T    // squares of the gradient of a step
	serial           uint64 // counts products; marks what a worker keeps
	workers          []scratch[T]
	packedA, packedB []T // memory of a and private b
}

// scratch is the work space of one worker.
type scratch[T Float] struct {
	a, b []T
	have []uint64 // serial of the product for which a block of a kept operand was packed
	t    tile[T]
	d    dots[T]
	x    axpys[T]
	e    epilogue[T]
	s    stepTile[T]
	_    [128]byte // workers write to their tiles all the time
}

// workspaces keeps jobs for reuse.
type workspaces struct {
	mu  sync.Mutex
	f32 []*job[float32]
	f64 []*job[float64]
}

var serial workspaces // of calls without a pool

func takeJob[T Float](p *Pool) *job[T] {
	w := &serial
	if p != nil {
		w = &p.work
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := pick[[]*job[T]](&w.f32, &w.f64)
	if n := len(*list); n > 0 {
		j := (*list)[n-1]
		*list = (*list)[:n-1]
		return j
	}
	return &job[T]{workers: make([]scratch[T], p.Threads())}
}

func putJob[T Float](p *Pool, j *job[T]) {
	w := &serial
	if p != nil {
		w = &p.work
	}
	j.release()
	w.mu.Lock()
	defer w.mu.Unlock()
	list := pick[[]*job[T]](&w.f32, &w.f64)
	*list = append(*list, j)
}

// release drops the references to the caller's memory.
func (j *job[T]) release() {
	j.g, j.epi, j.step, j.a, j.b = GemmArgs[T]{}, Epilogue[T]{}, WeightStep[T]{}, nil, nil
	for i := range j.workers {
		w := &j.workers[i]
		w.t, w.d, w.x, w.e = tile[T]{}, dots[T]{}, axpys[T]{}, epilogue[T]{}
		w.s.g, w.s.w, w.s.m, w.s.sums = nil, nil, nil, nil
	}
}

// run computes g, with b, if not nil, for B.
func run[T Float](p *Pool, g *GemmArgs[T], b *PackedB[T]) {
	j := takeJob[T](p)
	defer putJob(p, j)
	j.start(p, g, b)
}

// start computes g, with b, if not nil, for B.
func (j *job[T]) start(p *Pool, g *GemmArgs[T], b *PackedB[T]) {
	j.g, j.mk = *g, microFor[T]()
	if j.g.Epi != nil {
		j.epi = *g.Epi
		j.g.Epi = &j.epi
	}
	if j.g.Alpha == 0 {
		j.g.K, j.g.Alpha = 0, 1
	}
	if b != nil {
		j.mk, j.b = b.mk, b.data
	}
	if j.thin = j.g.thin(); j.thin.kind != notThin && b == nil {
		if j.runThin(p); j.step.W != nil {
			j.stepThin()
		}
		return
	}
	j.plan(p.Threads(), b != nil)
	if p != nil && j.g.M*j.g.N*max(j.g.K, 1)*j.g.batch() < smallProduct {
		p = nil
	}
	if j.members {
		p.Do((*mulTask[T])(j), j.g.batch())
		return
	}
	for j.member = range j.g.batch() {
		j.serial++
		if n := j.packTasks(); n > 0 {
			p.Do((*packTask[T])(j), n)
		}
		p.Do((*mulTask[T])(j), len(j.tasks))
	}
}

// plan decides what is packed by whom and how C is cut into tasks. Threads
// divide the larger side of C and each packs the operand of the other side
// itself: packed numbers that one core wrote and another reads cost more than
// packing twice, unless they are many.
func (j *job[T]) plan(threads int, packed bool) {
	g, mk := &j.g, j.mk
	j.strips, j.panels, j.depth = mk.strips(g.N), mk.panels(g.M), depth(g.K)
	j.members = g.batch() >= 2*threads || (g.batch() > 1 && g.M*g.N*g.K < smallProduct)
	j.alongM = j.strips < threads || j.step.W != nil || (g.M > g.N && j.panels >= 2*threads)
	j.fromA, j.fromB = private, private
	switch {
	case j.members:
	case j.alongM:
		j.fromB = j.keep(g.K*j.strips*mk.nr(), threads)
	default:
		j.fromA = j.keep(g.K*j.panels*maxMR, threads)
	}
	if j.strips == 1 || (j.step.W != nil && g.TransA && g.K <= stepDirect) {
		j.fromA = direct
	}
	if j.panels == 1 && !g.TransB {
		j.fromB = direct
	}
	if packed {
		j.fromB = shared
	}
	if j.step.W != nil {
		j.sums = grow(j.sums, j.panels*j.stepGroups()*maxLanes)
	}
	j.cut(threads)
	j.reserve(threads, packed)
}

// keep says how an operand of n packed numbers that all tasks use is packed.
func (j *job[T]) keep(n, threads int) source {
	if threads == 1 || (threads <= 4 && n <= mostKept) {
		return kept
	}
	return shared
}

// reserve makes the work space that the plan needs.
func (j *job[T]) reserve(threads int, packed bool) {
	kb, nr := min(j.depth, j.g.K), j.mk.nr()
	allA, allB := j.g.K*j.panels*maxMR, j.g.K*j.strips*nr
	if j.fromA == shared {
		j.packedA = grow(j.packedA, allA)
		j.a = j.packedA
	}
	if j.fromB == shared && !packed {
		j.packedB = grow(j.packedB, allB)
		j.b = j.packedB
	}
	strips := 0
	for _, r := range j.tasks {
		strips = max(strips, r.s1-r.s0)
	}
	for i := range j.workers {
		w := &j.workers[i]
		switch j.fromA {
		case private:
			w.a = grow(w.a, kb*roundUp(min(blockM, j.g.M), j.mk.mr)/j.mk.mr*maxMR)
		case kept:
			w.a = grow(w.a, allA)
		}
		switch j.fromB {
		case private, direct: // see setB
			w.b = grow(w.b, kb*strips*nr)
		case kept:
			w.b = grow(w.b, allB)
		}
		w.have = grow(w.have, (j.g.K+j.depth-1)/j.depth*max(j.strips, j.panels))
	}
}

// depth returns the size of the blocks of K: equal, even but for the last.
func depth(k int) int {
	blocks := max(1, (k+blockK-1)/blockK)
	return max(1, roundUp((k+blocks-1)/blocks, 2))
}

// grow returns s with at least n elements; the content is lost.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// packTasks returns the number of units of packTask.
func (j *job[T]) packTasks() int {
	n := 0
	if j.fromA == shared {
		n += j.panels
	}
	if j.fromB == shared && len(j.packedB) > 0 && &j.b[0] == &j.packedB[0] {
		n += j.strips
	}
	return n
}

// packTask packs panels of A and strips of B in full depth.
type packTask[T Float] job[T]

func (t *packTask[T]) Run(_, i int) {
	j := (*job[T])(t)
	if j.fromA != shared {
		i += j.panels
	}
	for k0 := 0; k0 < j.g.K; k0 += j.depth {
		kb := min(j.depth, j.g.K-k0)
		if i < j.panels {
			j.mk.packA(&j.g, j.g.A[j.member*j.g.StrideA:], k0, kb, i, j.a[(k0*j.panels+i*kb)*maxMR:])
		} else {
			s := i - j.panels
			j.mk.packB(&j.g, j.g.B[j.member*j.g.StrideB:], k0, kb, s, j.b[(k0*j.strips+s*kb)*j.mk.nr():])
		}
	}
}

// mulTask computes the block of C of one task.
type mulTask[T Float] job[T]

func (t *mulTask[T]) Run(worker, i int) {
	j := (*job[T])(t)
	b := block[T]{job: j, w: &j.workers[worker], member: j.member}
	if j.members {
		b.member, i = i, 0
	}
	b.region = j.tasks[i]
	b.run()
}

package kernel

import "sync"

// Block sizes: a group of strips of B, blockK rows of groupBytes in all, stays in the
// second cache level while the panels of A pass, each of which is in the first while
// it is multiplied with the group. A task does all its strips with blockM rows of A and
// C before the next: their pages, one a row or more, are then known to the processor.
const (
	blockK     = 512
	wholeRow   = 4096
	blockM     = 256
	groupBytes = 600 << 10
)

// maxStrips bounds the strips of B of a task, unless two groups are more.
const maxStrips = 8

// fewPanels is the number of panels of A up to which groups are single strips: what
// matters then is packing B, not reading A.
const fewPanels = 32

// An A with rows contiguous in K is packed if they are farApart bytes apart and there
// are more than fewStrips strips of B.
const (
	farApart  = 8192
	fewStrips = 4
)

// mostKept is the size of a packed operand up to which each worker packs it for
// itself.
const mostKept = 1 << 20

// smallProduct is the number of multiply-adds in float32 below which meeting another
// thread costs more than it saves, some 10 us; smallRead is that of products that read a
// matrix for a few rows or columns, which wait for memory.
const (
	smallProduct = 1 << 20
	smallRead    = 1 << 17
	fewRows      = 16
)

// small reports whether one thread is done with n members of g sooner than two.
func (g *GemmArgs[T]) small(n int) bool {
	work := g.M * g.N * max(g.K, 1) * n * sizeOf[T]() / 4
	return work < smallRead || work < smallProduct && min(g.M, g.N) >= fewRows
}

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
	group            int // strips that a task packs at a time
	tasks            []region
	alongM           bool // threads divide the rows, else the columns
	members          bool // each batch member is a task
	thin             thinPlan
	sums             []T    // squares of the gradient of a step
	serial           uint64 // of the first product; marks what a worker keeps, 0 for nothing
	workers          []scratch[T]
	packedA, packedB []T // memory of a and private b
}

// scratch is the work space of one worker.
type scratch[T Float] struct {
	a, b         []T
	haveA, haveB []uint64 // product for which each block of a kept operand was packed
	t            tile[T]
	d            dots[T]
	x            axpys[T]
	e            epilogue[T]
	s            stepTile[T]
	_            [128]byte // workers write to their tiles all the time
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
	return &job[T]{workers: make([]scratch[T], p.Threads()), serial: 1}
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
	j.serial += uint64(j.g.batch())
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
	if p != nil && j.g.small(j.g.batch()) {
		p = nil
	}
	if j.members {
		p.Do((*mulTask[T])(j), j.g.batch())
		return
	}
	for j.member = range j.g.batch() {
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
	j.strips, j.panels, j.depth = mk.strips(g.N), mk.panels(g.M), depth[T](g.K)
	if j.group = 1; j.panels > fewPanels {
		j.group = max(1, groupBytes/(sizeOf[T]()*max(1, j.depth)*mk.nr()))
	}
	j.members = g.batch() >= 2*threads || (g.batch() > 1 && g.small(1))
	j.alongM = j.strips < threads || j.step.W != nil || (g.M > g.N && j.panels >= 2*threads)
	j.fromA, j.fromB = kept, private
	switch {
	case j.members:
	case j.alongM:
		j.fromB = j.keep(g.K*j.strips*mk.nr(), threads)
	default:
		j.fromA = j.keep(g.K*j.panels*maxMR, threads)
	}
	if j.inPlace() {
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

// inPlace reports whether A is read where it is: its rows are contiguous in K and not
// far apart, or it is read so few times that packing does not pay.
func (j *job[T]) inPlace() bool {
	g := &j.g
	switch {
	case j.strips == 1:
		return true
	case g.TransA:
		return j.step.W != nil && g.K <= stepDirect
	}
	return j.strips <= fewStrips || g.LDA*sizeOf[T]() < farApart
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
	strips, blocks := 0, (j.g.K+j.depth-1)/j.depth
	for _, r := range j.tasks {
		strips = max(strips, r.s1-r.s0)
	}
	for i := range j.workers {
		w := &j.workers[i]
		if j.fromA == kept {
			w.a, w.haveA = grow(w.a, allA), grow(w.haveA, blocks*j.panels)
		}
		switch j.fromB {
		case private, direct: // see setB
			w.b = grow(w.b, kb*strips*nr)
		case kept:
			w.b, w.haveB = grow(w.b, allB), grow(w.haveB, blocks*j.strips)
		}
	}
}

// depth returns the size of the blocks of K: equal, even but for the last. Up to
// wholeRow bytes there is one, and C is written once.
func depth[T Float](k int) int {
	blocks := 1
	if k*sizeOf[T]() > wholeRow {
		blocks = (k + blockK - 1) / blockK
	}
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
		switch {
		case i >= j.panels:
			s := i - j.panels
			j.mk.packB(&j.g, j.g.B[j.member*j.g.StrideB:], k0, kb, s, j.b[(k0*j.strips+s*kb)*j.mk.nr():])
		case i%2 == 0 || !j.mk.pairs(&j.g):
			j.mk.packA(&j.g, j.g.A[j.member*j.g.StrideA:], k0, kb, i, j.a[(k0*j.panels+i*kb)*maxMR:])
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

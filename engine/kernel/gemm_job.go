package kernel

import "sync"

// Block sizes: a strip of B, blockK x nr, and a panel of A, mr x blockK, are
// streamed from the second cache level while a block of A of blockM rows stays
// there.
const (
	blockK = 256
	blockM = 256
)

// smallProduct is the number of multiply-adds below which waking another
// thread costs more than it saves.
const smallProduct = 1 << 17

// source says where a task finds an operand.
type source uint8

const (
	direct  source = iota // the caller's matrix, read in place
	private               // packed by each task for itself
	shared                // packed in full before the tasks start
)

// job is one call of Gemm: arguments, plan and work space. A packed block of
// op(B) is strips x kb x nr numbers, of op(A) panels x kb x maxMR; the block
// that starts at k0 comes k0 rows of strips or panels into the whole.
type job[T Float] struct {
	g      GemmArgs[T]
	epi    Epilogue[T]
	mk     *micro[T]
	fromA  source
	fromB  source
	a, b   []T // shared packed operands
	member int // batch member, when the members are done one after the other

	strips, panels         int // in N and M
	stripStep, panelStep   int // of a task
	stripTasks, panelTasks int
	members                bool // each batch member is a task
	workers                []scratch[T]
	packedA, packedB       []T // memory of a and private b
}

// scratch is the work space of one worker.
type scratch[T Float] struct {
	a, b []T
	t    tile[T]
	e    epilogue[T]
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
	j.g, j.epi, j.a, j.b = GemmArgs[T]{}, Epilogue[T]{}, nil, nil
	for i := range j.workers {
		j.workers[i].t, j.workers[i].e = tile[T]{}, epilogue[T]{}
	}
}

// run computes g, with b, if not nil, for B.
func run[T Float](p *Pool, g *GemmArgs[T], b *PackedB[T]) {
	j := takeJob[T](p)
	defer putJob(p, j)
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
	j.plan(p.Threads(), b != nil)
	if p != nil && j.g.M*j.g.N*max(j.g.K, 1)*j.g.batch() < smallProduct {
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
		p.Do((*mulTask[T])(j), j.stripTasks*j.panelTasks)
	}
}

// plan decides what is packed by whom and how C is cut into tasks.
func (j *job[T]) plan(threads int, packed bool) {
	g, mk := &j.g, j.mk
	j.strips, j.panels = mk.strips(g.N), mk.panels(g.M)
	j.members = g.batch() >= 2*threads || (g.batch() > 1 && g.M*g.N*g.K < smallProduct)
	j.stripStep, j.panelStep = j.strips, j.panels
	j.fromA, j.fromB = private, private
	switch {
	case j.members:
	case j.strips >= 2*threads:
		j.fromA = shared
		j.stripStep = max(1, j.strips/(4*threads))
	default:
		j.fromB = shared
		j.panelStep = max(1, j.panels/(4*threads))
	}
	if j.strips == 1 {
		j.fromA = direct
	}
	if j.panels == 1 && !g.TransB {
		j.fromB = direct
	}
	if packed {
		j.fromB = shared
	}
	j.stripTasks = (j.strips + j.stripStep - 1) / j.stripStep
	j.panelTasks = (j.panels + j.panelStep - 1) / j.panelStep
	j.reserve(packed)
}

// reserve makes the work space that the plan needs.
func (j *job[T]) reserve(packed bool) {
	kb, nr := min(blockK, j.g.K), j.mk.nr()
	if j.fromA == shared {
		j.packedA = grow(j.packedA, j.g.K*j.panels*maxMR)
		j.a = j.packedA
	}
	if j.fromB == shared && !packed {
		j.packedB = grow(j.packedB, j.g.K*j.strips*nr)
		j.b = j.packedB
	}
	for i := range j.workers {
		w := &j.workers[i]
		if j.fromA == private {
			w.a = grow(w.a, kb*roundUp(min(blockM, j.g.M), j.mk.mr)/j.mk.mr*maxMR)
		}
		if j.fromB == private {
			w.b = grow(w.b, kb*j.stripStep*nr)
		}
	}
}

// grow returns s with at least n elements; the content is lost.
func grow[T Float](s []T, n int) []T {
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
	for k0 := 0; k0 < j.g.K; k0 += blockK {
		kb := min(blockK, j.g.K-k0)
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
	s, q := i/j.panelTasks*j.stripStep, i%j.panelTasks*j.panelStep
	b.s0, b.s1 = s, min(s+j.stripStep, j.strips)
	b.p0, b.p1 = q, min(q+j.panelStep, j.panels)
	b.run()
}

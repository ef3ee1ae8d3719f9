package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A Task is work cut into n independent units. Run does unit i. Two units may
// run at the same time, but never two with the same worker number, so worker
// may index scratch memory of the task; it is below the pool's Threads.
type Task interface{ Run(worker, i int) }

// A Pool runs tasks on a fixed number of threads: the caller of Do and its
// helper goroutines. A helper that has nothing to do spins for some tens of
// microseconds, so that the next kernel of a step finds it awake, and then
// parks. The nil Pool has one thread and runs everything in the caller.
//
// A Pool keeps its helpers, and the work space of matrix products, until Close.
type Pool struct {
	threads int
	rounds  int // of spinning before a thread parks
	helpers []helper
	exited  sync.WaitGroup
	closing atomic.Bool

	busy     atomic.Bool // a Do is in progress, or the pool is closed
	task     Task        // of the current Do, like shares
	shares   []share
	panicked bool // in the caller

	_    [64]byte
	gen  atomic.Uint32 // counts calls of Do
	_    [64]byte
	gate atomic.Int64 // gateOpen, gateWait and the number of helpers inside
	_    [64]byte
	done chan struct{} // the last helper out wakes the caller

	work workspaces
}

// Bits of Pool.gate above the count of helpers inside.
const (
	gateOpen = 1 << 32 // helpers may enter
	gateWait = 1 << 33 // the caller sleeps until the count is zero
)

// A thread that waits looks spinLoads times, yields, and repeats that
// spinRounds times before it parks: about 50 microseconds in all.
const (
	spinLoads  = 256
	spinRounds = 256
)

// share is the part of the units that one thread takes first. It is the same
// part in every Do of so many units, so that a thread finds in its caches what
// it wrote before, and threads rarely write to the same memory.
type share struct {
	next atomic.Int64 // first unit not yet taken
	end  int64
	_    [112]byte
}

// helper is one goroutine of a pool.
type helper struct {
	parked atomic.Bool
	wake   chan struct{}
	_      [64]byte
}

// NewPool starts a pool of the given number of threads, 0 meaning GOMAXPROCS.
func NewPool(threads int) *Pool {
	procs := runtime.GOMAXPROCS(0)
	if threads <= 0 {
		threads = procs
	}
	p := &Pool{threads: threads, rounds: spinRounds, helpers: make([]helper, threads-1), shares: make([]share, threads),
		done: make(chan struct{}, 1)}
	if threads > procs {
		p.rounds = 0 // a spinning thread would keep a working one off its processor
	}
	for i := range p.helpers {
		p.helpers[i].wake = make(chan struct{}, 1)
		p.exited.Add(1)
		go p.help(i)
	}
	return p
}

// Default returns the process-wide pool of GOMAXPROCS threads. It is started by
// the first call and never closed.
func Default() *Pool { return defaultPool() }

var defaultPool = sync.OnceValue(func() *Pool { return NewPool(0) })

// Threads returns how many units of a task may run at the same time.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.threads
}

// Do runs t.Run(worker, i) for every i in [0,n) and returns when all are done.
// A Do that starts while another is running on the pool, from inside a task or
// from another goroutine, runs in its caller alone.
func (p *Pool) Do(t Task, n int) {
	if n <= 1 || p.Threads() == 1 || !p.busy.CompareAndSwap(false, true) {
		for i := range n {
			t.Run(0, i)
		}
		return
	}
	p.task = t
	for i := range p.shares {
		p.shares[i].next.Store(int64(i * n / p.threads))
		p.shares[i].end = int64((i + 1) * n / p.threads)
	}
	p.gate.Store(gateOpen)
	p.gen.Add(1)
	p.rouse(n - 1)
	p.panicked = true
	defer p.finish()
	p.drain(0)
	p.panicked = false
}

// drain runs units until none is left, first those of the worker's share, then
// those that other threads have not come to.
func (p *Pool) drain(worker int) {
	for i := range p.shares {
		s := &p.shares[(worker+i)%p.threads]
		for u := s.next.Add(1) - 1; u < s.end; u = s.next.Add(1) - 1 {
			p.task.Run(worker, int(u))
		}
	}
}

// rouse wakes up to n parked helpers.
func (p *Pool) rouse(n int) {
	for i := range p.helpers[:min(n, len(p.helpers))] {
		h := &p.helpers[i]
		if h.parked.Load() && h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
}

// finish shuts the gate and waits until the last helper is out.
func (p *Pool) finish() {
	if p.panicked {
		for i := range p.shares {
			p.shares[i].next.Store(p.shares[i].end) // the rest is not run
		}
	}
	p.gate.Add(-gateOpen)
	for r := 0; r < p.rounds; r++ {
		for range spinLoads {
			if p.gate.Load() == 0 {
				p.release()
				return
			}
		}
		runtime.Gosched()
	}
	for s := p.gate.Load(); s != 0; s = p.gate.Load() {
		if p.gate.CompareAndSwap(s, s|gateWait) {
			<-p.done
			p.gate.Store(0)
		}
	}
	p.release()
}

func (p *Pool) release() {
	p.task = nil
	p.busy.Store(false)
}

// help is the life of helper i.
func (p *Pool) help(i int) {
	defer p.exited.Done()
	h := &p.helpers[i]
	for gen := uint32(0); ; {
		gen = p.await(h, gen)
		if p.closing.Load() {
			return
		}
		if p.enter() {
			p.drain(i + 1)
			p.leave()
		}
	}
}

// await returns the generation once it differs from last.
func (p *Pool) await(h *helper, last uint32) uint32 {
	for r := 0; r < p.rounds; r++ {
		for range spinLoads {
			if g := p.gen.Load(); g != last {
				return g
			}
		}
		runtime.Gosched()
	}
	for {
		h.parked.Store(true)
		if g := p.gen.Load(); g != last && h.parked.CompareAndSwap(true, false) {
			return g
		}
		<-h.wake
		if g := p.gen.Load(); g != last {
			return g
		}
	}
}

// enter counts a helper in if the gate is open.
func (p *Pool) enter() bool {
	for {
		s := p.gate.Load()
		if s&gateOpen == 0 {
			return false
		}
		if p.gate.CompareAndSwap(s, s+1) {
			return true
		}
	}
}

func (p *Pool) leave() {
	if p.gate.Add(-1) == gateWait {
		p.done <- struct{}{}
	}
}

// Close stops the helpers. No Do may be running. Later calls of Do run in their
// caller.
func (p *Pool) Close() {
	if p == nil || !p.busy.CompareAndSwap(false, true) {
		return
	}
	p.closing.Store(true)
	p.gen.Add(1)
	p.rouse(len(p.helpers))
	p.exited.Wait()
}

// maxParts bounds how finely Split cuts.
const maxParts = 64

// Split cuts n items into parts of size items each, the last perhaps shorter:
// at least grain items a part and at most 64 parts. It does not depend on the
// number of threads, so that what is computed per part does not either.
func Split(n, grain int) (parts, size int) {
	if n <= 0 {
		return 0, 0
	}
	size = max(grain, 1, (n+maxParts-1)/maxParts)
	return (n + size - 1) / size, size
}

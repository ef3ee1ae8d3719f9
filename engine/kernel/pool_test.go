package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// countTask counts the runs of each unit and checks that no worker number is
// used twice at a time.
type countTask struct {
	t     *testing.T
	runs  []atomic.Int32
	inUse []atomic.Bool
	inner func()
}

func (c *countTask) Run(worker, i int) {
	if !c.inUse[worker].CompareAndSwap(false, true) {
		c.t.Errorf("worker %d is used twice at the same time", worker)
	}
	c.runs[i].Add(1)
	if c.inner != nil {
		c.inner()
	}
	c.inUse[worker].Store(false)
}

func newCountTask(t *testing.T, p *Pool, n int) *countTask {
	return &countTask{t: t, runs: make([]atomic.Int32, n), inUse: make([]atomic.Bool, p.Threads())}
}

func (c *countTask) check(want int32) {
	c.t.Helper()
	for i := range c.runs {
		if got := c.runs[i].Load(); got != want {
			c.t.Fatalf("unit %d ran %d times, want %d", i, got, want)
		}
	}
}

func TestPoolRunsEveryUnitOnce(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 3, 8} {
		p := NewPool(threads)
		for _, n := range []int{0, 1, 2, 3, 17, 1000} {
			c := newCountTask(t, p, n)
			p.Do(c, n)
			c.check(1)
		}
		p.Close()
	}
}

func TestPoolNil(t *testing.T) {
	var p *Pool
	c := newCountTask(t, p, 5)
	p.Do(c, 5)
	c.check(1)
	p.Close()
}

// TestPoolManyShortCalls meets helpers that spin, that are about to park and
// that sleep.
func TestPoolManyShortCalls(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	c := newCountTask(t, p, 3)
	const calls = 3000
	for i := range calls {
		p.Do(c, 3)
		if i%300 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	c.check(calls)
}

func TestPoolNestedRunsInline(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	outer, inner := newCountTask(t, p, 8), atomic.Int32{}
	outer.inner = func() {
		c := newCountTask(t, p, 4)
		p.Do(c, 4)
		c.check(1)
		inner.Add(1)
	}
	p.Do(outer, 8)
	outer.check(1)
	if inner.Load() != 8 {
		t.Fatalf("%d nested calls, want 8", inner.Load())
	}
}

func TestPoolConcurrentCallers(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				c := newCountTask(t, p, 10)
				p.Do(c, 10)
				c.check(1)
			}
		})
	}
	wg.Wait()
}

func TestPoolSurvivesPanic(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	bad := newCountTask(t, p, 1)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		p.Do(panicTask{}, 4)
	}()
	p.Do(bad, 1)
	c := newCountTask(t, p, 100)
	p.Do(c, 100)
	c.check(1)
}

// panicTask panics in the caller's goroutine, where it can be recovered.
type panicTask struct{}

func (panicTask) Run(worker, _ int) {
	if worker == 0 {
		panic("task")
	}
	for range 1000 {
		runtime.Gosched() // leaves units for the caller
	}
}

func TestPoolClose(t *testing.T) {
	before := runtime.NumGoroutine()
	p := NewPool(4)
	p.Close()
	p.Close()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines after Close, %d before", n, before)
	}
	c := newCountTask(t, p, 9)
	p.Do(c, 9)
	c.check(1)
}

func TestPoolDoAllocatesNothing(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	c := newCountTask(t, p, 64)
	if n := testing.AllocsPerRun(100, func() { p.Do(c, 64) }); n != 0 {
		t.Errorf("Do allocates %v times", n)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ n, grain, parts, size int }{
		{0, 8, 0, 0}, {1, 8, 1, 8}, {8, 8, 1, 8}, {9, 8, 2, 8}, {1000, 0, 63, 16}, {1 << 20, 4096, 64, 1 << 14},
	} {
		parts, size := Split(c.n, c.grain)
		if parts != c.parts || size != c.size {
			t.Errorf("Split(%d, %d) = %d, %d; want %d, %d", c.n, c.grain, parts, size, c.parts, c.size)
		}
		if parts > 0 && ((parts-1)*size >= c.n || parts*size < c.n) {
			t.Errorf("Split(%d, %d) = %d, %d does not cover", c.n, c.grain, parts, size)
		}
	}
}

func BenchmarkPoolDo(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	for b.Loop() {
		p.Do(nopTask{}, 2)
	}
}

type nopTask struct{}

func (nopTask) Run(int, int) {}

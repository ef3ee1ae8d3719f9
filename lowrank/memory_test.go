package lowrank

import (
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// wide is a chain of n square dense layers.
func wide(t *testing.T, n, size int) *graph.Model {
	t.Helper()
	b := nn.New("wide", 1)
	x := b.Input("x", tensor.F32, "N", size)
	for range n {
		x = b.Dense("fc", x, size, nn.Dense{Init: nn.XavierUniform})
	}
	b.Output(x)
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// peak returns the most bytes of live heap during f, beyond those before.
func peak(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(1)) // garbage does not count
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	before, most := s.HeapAlloc, uint64(0)
	stop, done := make(chan struct{}), sync.WaitGroup{}
	done.Add(1)
	go func() {
		defer done.Done()
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
				runtime.ReadMemStats(&s)
				most = max(most, s.HeapAlloc)
			}
		}
	}()
	f()
	close(stop)
	done.Wait()
	return most - min(most, before)
}

// Beside the model, factoring takes at most five times the largest site, in float64, however many
// sites there are, when the memory given admits one at a time.
func TestBoundedMemory(t *testing.T) {
	const size = 1280 // from here on low ranks are factored by the randomised SVD
	m := wide(t, 4, size)
	site := uint64(8 * size * size)
	got := peak(func() { mustRun(t, m, Config{Method: "svd", Policy: FixedRank{Ranks{64}}, Memory: 1}) })
	t.Logf("%.2f times the largest site", float64(got)/float64(site))
	if got > 5*site {
		t.Errorf("%d bytes beside the model, %.2f times the largest site's %d", got, float64(got)/float64(site), site)
	}
}

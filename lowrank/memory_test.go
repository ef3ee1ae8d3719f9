package lowrank

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank/nd"
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

// deep is a chain of n convolutions of 3 x 3 with as many inputs as outputs.
func deep(t *testing.T, n, size int) *graph.Model {
	t.Helper()
	b := nn.New("deep", 1)
	x := b.Input("x", tensor.F32, "N", size, 8, 8)
	for range n {
		x = b.Conv("conv", x, size, nn.Conv{Kernel: 3, Init: nn.XavierUniform})
	}
	b.Output(x)
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// peak returns the most bytes that were in use on the heap during f, beyond those before: what collections found
// alive, of which there is one after nearly every allocation.
func peak(f func()) uint64 {
	heap := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	runtime.GC()
	before, most, done := heap(), uint64(0), make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case <-done:
			return most - min(most, before)
		case <-time.After(100 * time.Microsecond):
			most = max(most, heap())
		}
	}
}

// storedBytes is what the weights of a model take.
func storedBytes(m *graph.Model) (n int) {
	for _, p := range m.AllParams() {
		n += p.Shape.Size() * p.DType.Size()
	}
	return n
}

// stopTheWorld makes the collector finish before anything is allocated, so that the heap's size is that of
// what is alive.
const stopTheWorld = "gcstoptheworld=2"

// Beside the model, the result and the kernels' work space of a thread, factoring takes at most three times
// the largest site, in float64, however many sites there are, when the memory given admits one at a time.
func TestBoundedMemory(t *testing.T) {
	if !collecting(t) {
		return
	}
	dense, conv := wide(t, 2, 1024), deep(t, 2, 256)
	for _, c := range []struct {
		method string
		m      *graph.Model
		policy RankPolicy
		site   int // elements
	}{
		{"svd", dense, FixedRank{Ranks{64}}, 1 << 20},
		{"svd", dense, Keep{Fraction: 0.5}, 1 << 20},
		{"tt-matrix", dense, Keep{Fraction: 0.5}, 1 << 20},
		{"tt-matrix", dense, FixedRank{Ranks{16}}, 1 << 20},

		{"channel", conv, Keep{Fraction: 0.3}, 9 << 16},
		{"spatial", conv, Keep{Fraction: 0.3}, 9 << 16},
		{"tucker", conv, Keep{Fraction: 0.3}, 9 << 16},
		{"cp", conv, FixedRank{Ranks{8}}, 9 << 16},

		{"tt-conv", conv, FixedRank{Ranks{32}}, 9 << 16},
		{"tt-conv", conv, Keep{Fraction: 0.3}, 9 << 16},
		{"tt-naive", conv, Keep{Fraction: 0.3}, 9 << 16},
		{"tt-naive", conv, FixedRank{Ranks{32}}, 9 << 16},

		// Nearly as many parameters as the weight, the most that anybody asks for.
		{"svd", dense, FixedRank{Ranks{511}}, 1 << 20},
		{"tt-matrix", dense, FixedRank{Ranks{128}}, 1 << 20},
		{"channel", conv, FixedRank{Ranks{228}}, 9 << 16},
		{"spatial", conv, FixedRank{Ranks{382}}, 9 << 16},
		{"tucker", conv, FixedRank{Ranks{220}}, 9 << 16},
		{"tucker-full", conv, FixedRank{Ranks{200}}, 9 << 16},
		{"tt-conv", conv, FixedRank{Ranks{128}}, 9 << 16},
		{"tt-naive", conv, FixedRank{Ranks{200}}, 9 << 16},
	} {
		begin, site := time.Now(), float64(8*c.site)
		var out *graph.Model
		got := float64(peak(func() { out, _ = mustRun(t, c.m, Config{Method: c.method, Policy: c.policy, Memory: 1}) }))
		// The factors of the sites before the last are in the result already.
		sites := len(c.m.Graph.Nodes)
		got -= float64(storedBytes(out)*(sites-1)) / float64(sites)
		t.Logf("%s %+v: %.2f times the largest site, %v", c.method, c.policy, got/site, time.Since(begin).Round(time.Millisecond))
		if got > 3*site {
			t.Errorf("%s %+v: %.0f bytes beside the model, %.2f times the largest site's %.0f", c.method, c.policy, got, got/site, site)
		}
	}
}

// collecting runs the test again in a process with the collector that the bound is asserted with, and reports whether it is that process.
func collecting(t *testing.T) bool {
	t.Helper()
	if testing.Short() {
		t.Skip("a minute of factoring, all the while collecting garbage")
	}
	if os.Getenv("GODEBUG") == stopTheWorld {
		return true
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), "GODEBUG="+stopTheWorld, "GOGC=1", "GOMAXPROCS=1")
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// The same for CP, up to where it has as many parameters as the convolution: for a curve, for the
// starts of a fit, for a correction that comes after a few sweeps, and for factors that are put together and multiplied
// out. Sweeps all take the same memory: what the first seconds show is enough.
func TestBoundedMemoryOfCP(t *testing.T) {
	if !collecting(t) {
		return
	}
	sites, err := Find(deep(t, 1, 256), Selection{})
	if err != nil {
		t.Fatal(err)
	}
	s := sites[0]
	check := func(what string, f func() error) {
		got := peak(func() {
			if err := f(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		ratio := float64(got) / float64(8*9<<16)
		t.Logf("%s: %.2f times the site", what, ratio)
		if ratio > 3 {
			t.Errorf("%s: %d bytes beside the model, %.2f times the site", what, got, ratio)
		}
	}
	problem := func() *Problem {
		w, err := s.Load()
		if err != nil {
			t.Fatal(err)
		}
		return &Problem{Site: s, W: w}
	}
	check("curve of cp", func() error {
		_, err := cp{}.Curve(context.Background(), problem())
		return err
	})
	for _, rank := range []int{128, 384, 512, 800, 1120} {
		opts := []nd.CPOpts{{Starts: -1, Sweeps: 4}}
		if rank <= 512 { // more starts than one
			opts = append(opts, nd.CPOpts{})
		}
		for _, o := range opts {
			check(fmt.Sprintf("cp at rank %d, %+v", rank, o), func() error {
				ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
				defer cancel()
				_, err := cp{o}.Factor(ctx, problem(), Ranks{rank})
				return err
			})
		}
		check(fmt.Sprintf("cp at rank %d, multiplied out", rank), func() error {
			f, err := cp{nd.CPOpts{Starts: -1, Sweeps: 1, Slack: -1}}.Factor(context.Background(), problem(), Ranks{rank})
			if err == nil {
				runtime.KeepAlive(cp{}.Reconstruct(s, f))
			}
			return err
		})
	}
}

package lowrank

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// wide is a chain of dense layers with so many inputs and outputs.
func wide(t *testing.T, in int, outs ...int) *graph.Model {
	t.Helper()
	b := nn.New("wide", 1)
	x := b.Input("x", tensor.F32, "N", in)
	for _, n := range outs {
		x = b.Dense("fc", x, n, nn.Dense{Init: nn.XavierUniform})
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

// randomly yields two batches of normal numbers.
func randomly(shape ...int) Batches {
	return func(ctx context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error] {
		return func(yield func(map[graph.Value]*tensor.Tensor, error) bool) {
			for i := range 2 {
				x := toTensor(normal(uint64(i+1), shape...), tensor.F32)
				if !yield(map[graph.Value]*tensor.Tensor{"x": x}, nil) {
					return
				}
			}
		}
	}
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
	dense, conv := wide(t, 1024, 1024, 1024), deep(t, 2, 256)
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

// With calibration too: where the memory given has room for the moments, it bounds them and what factoring
// takes, beside the model, the result and the network's run over a batch; where it has none there are none.
func TestBoundedMemoryWithCalibration(t *testing.T) {
	if !collecting(t) {
		return
	}
	dense, tall, conv := wide(t, 1024, 1024, 1024), wide(t, 512, 2048), deep(t, 2, 128)
	for _, c := range []struct {
		method string
		m      *graph.Model
		policy RankPolicy
		inputs int // of a site's matrix
		batch  []int
	}{
		{"svd", tall, Keep{Fraction: 0.5}, 512, []int{64, 512}},
		{"svd", tall, FixedRank{Ranks{409}}, 512, []int{64, 512}},
		{"svd", dense, Keep{Fraction: 0.5}, 1024, []int{64, 1024}},
		{"tt-matrix", dense, FixedRank{Ranks{64}}, 1024, []int{64, 1024}},

		{"channel", conv, Keep{Fraction: 0.3}, 1152, []int{16, 128, 8, 8}},
		{"spatial", conv, FixedRank{Ranks{191}}, 1152, []int{16, 128, 8, 8}},
		{"tucker", conv, FixedRank{Ranks{110}}, 1152, []int{16, 128, 8, 8}},
		{"tucker-full", conv, FixedRank{Ranks{100}}, 1152, []int{16, 128, 8, 8}},
		{"cp", conv, FixedRank{Ranks{8}}, 1152, []int{16, 128, 8, 8}},
		{"tt-conv", conv, Keep{Fraction: 0.3}, 1152, []int{16, 128, 8, 8}},
		{"tt-naive", conv, FixedRank{Ranks{100}}, 1152, []int{16, 128, 8, 8}},
	} {
		sites, err := Find(c.m, Selection{})
		if err != nil {
			t.Fatal(err)
		}
		moments := int64(8 * c.inputs * c.inputs)
		inputs := moments*int64(len(sites)) + work(sites[0], moments)
		kinds := []struct {
			name   string
			memory int64
		}{{"inputs", inputs}, {"none", 1}}
		if c.m == conv {
			kinds = append(kinds, kinds[1])
			kinds[1].name, kinds[1].memory = "outputs", inputs/4
		}
		for _, kind := range kinds {
			begin, cfg := time.Now(), Config{Method: c.method, Policy: c.policy, Memory: kind.memory, Calibration: randomly(c.batch...)}
			got := peak(func() { mustRun(t, c.m, cfg) })
			r, err := newRun(c.m, cfg)
			if err == nil {
				err = r.calibrate(context.Background())
			}
			if err != nil {
				t.Fatal(err)
			}
			seen := "outputs"
			if r.mom[0] == nil {
				seen = "none"
			} else if r.mom[0].In != nil {
				seen = "inputs"
			}
			t.Logf("%s %+v: %.1f MB of %.1f with moments of %s, %v", c.method, c.policy, float64(got)/1e6, float64(kind.memory)/1e6, seen, time.Since(begin).Round(time.Millisecond))
			if seen != kind.name {
				t.Errorf("%s %+v, %d bytes: moments of %s, want %s", c.method, c.policy, kind.memory, seen, kind.name)
			}
			if kind.memory > 1 && int64(got) > kind.memory {
				t.Errorf("%s %+v: %d bytes, more than %d", c.method, c.policy, got, kind.memory)
			}
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

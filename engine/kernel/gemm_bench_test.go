package kernel

import (
	"fmt"
	"testing"
)

// benchShape is M, K, N and which operand is stored transposed.
type benchShape struct {
	m, k, n        int
	transA, transB bool
}

func (s benchShape) String() string {
	mode := [2]string{"N", "T"}
	bit := map[bool]int{true: 1}
	return fmt.Sprintf("%dx%dx%d%s%s", s.m, s.k, s.n, mode[bit[s.transA]], mode[bit[s.transB]])
}

var benchShapes = []benchShape{
	{64, 64, 64, false, false},
	{128, 128, 128, false, false},
	{256, 256, 256, false, false},
	{512, 512, 512, false, false},
	{1024, 1024, 1024, false, false},
	{2048, 2048, 2048, false, false},
	{128, 784, 1200, false, false},
	{128, 1200, 1200, false, false},
	{784, 128, 1200, true, false},
	{1200, 128, 1200, true, false},
	{128, 1200, 1200, false, true},
	{128, 1200, 10, false, false},
	{128, 10, 1200, false, true},
	{1200, 128, 10, true, false},
	{8, 1200, 1200, false, false},
	{8, 1200, 1200, false, true},
	{1, 1200, 1200, false, false},
	{1, 1200, 1200, false, true},
	{1, 4096, 4096, false, false},
	{1, 4096, 4096, false, true},
}

// BenchmarkGemm prints GFLOP/s of every shape, type, path and thread count.
func BenchmarkGemm(b *testing.B) {
	old := Path()
	defer func() { _ = ForcePath(old) }()
	for _, path := range Paths() {
		for _, threads := range []int{1, 2} {
			p := NewPool(threads)
			_ = ForcePath(path)
			for _, s := range benchShapes {
				name := fmt.Sprintf("%v/%s/%d", s, path, threads)
				b.Run(name+"/f32", func(b *testing.B) { benchGemm[float32](b, p, s) })
				b.Run(name+"/f64", func(b *testing.B) { benchGemm[float64](b, p, s) })
			}
			p.Close()
		}
	}
}

func benchArgs[T Float](s benchShape) *GemmArgs[T] {
	g := &GemmArgs[T]{M: s.m, N: s.n, K: s.k, TransA: s.transA, TransB: s.transB, Alpha: 1,
		A: make([]T, s.m*s.k), B: make([]T, s.k*s.n), C: make([]T, s.m*s.n), LDA: s.k, LDB: s.n, LDC: s.n}
	if s.transA {
		g.LDA = s.m
	}
	if s.transB {
		g.LDB = s.k
	}
	for i := range g.A {
		g.A[i] = T(i%7) - 3
	}
	for i := range g.B {
		g.B[i] = T(i%5) - 2
	}
	return g
}

func benchGemm[T Float](b *testing.B, p *Pool, s benchShape) {
	g := benchArgs[T](s)
	Gemm(p, g) // touches all memory
	for b.Loop() {
		Gemm(p, g)
	}
	flop := 2 * float64(s.m) * float64(s.n) * float64(s.k)
	b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPeak is the full tile of each path with operands in the first cache
// level, on each thread: the most that Gemm can reach.
func BenchmarkPeak(b *testing.B) {
	old := Path()
	defer func() { _ = ForcePath(old) }()
	for _, path := range Paths() {
		for _, threads := range []int{1, 2} {
			p := NewPool(threads)
			_ = ForcePath(path)
			b.Run(fmt.Sprintf("%s/%d/f32", path, threads), func(b *testing.B) { benchPeak[float32](b, p) })
			b.Run(fmt.Sprintf("%s/%d/f64", path, threads), func(b *testing.B) { benchPeak[float64](b, p) })
			p.Close()
		}
	}
}

func benchPeak[T Float](b *testing.B, p *Pool) {
	const k = 96
	task := make(peakTask[T], p.Threads())
	for i := range task {
		mk := microFor[T]()
		x, y, z := make([]T, k*maxMR), make([]T, k*mk.nr()), make([]T, mk.mr*mk.nr())
		task[i] = peak[T]{mk: mk, t: tile[T]{a: &x[0], b: &y[0], c: &z[0], k: k, ai: 1, ak: maxMR,
			bk: mk.nr(), ldc: mk.nr(), cols: mk.nr(), alpha: 1, rows: mk.mr}}
	}
	for b.Loop() {
		p.Do(task, len(task))
	}
	t := &task[0].t
	flop := float64(2 * peakRounds * len(task) * t.k * t.rows * t.cols)
	b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(0, "ns/op")
}

// peakRounds is how often a unit of peakTask computes its tile.
const peakRounds = 1000

type peak[T Float] struct {
	mk *micro[T]
	t  tile[T]
}

type peakTask[T Float] []peak[T]

func (p peakTask[T]) Run(_, i int) {
	for range peakRounds {
		p[i].mk.kern[p[i].t.rows][p[i].mk.nv](&p[i].t)
	}
}

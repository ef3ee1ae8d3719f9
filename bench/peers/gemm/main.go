// Command gemm serves matrix products to gemm.py.
package main

import (
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/compress-toolkit/compress/bench/peers"
	"github.com/compress-toolkit/compress/engine/kernel"
)

// products are M x K x N and which operands are stored transposed.
var products = []struct {
	m, k, n int
	modes   string
}{
	{64, 64, 64, "NN"}, {128, 128, 128, "NN"},
	{256, 256, 256, "NN NT TN"}, {512, 512, 512, "NN NT TN"}, {1024, 1024, 1024, "NN NT TN"}, {2048, 2048, 2048, "NN"},
	{128, 784, 1200, "NN NT"}, {128, 1200, 1200, "NN NT"}, {784, 128, 1200, "TN"}, {1200, 128, 1200, "TN"},
	{128, 1200, 10, "NN NT"}, {128, 10, 1200, "NN NT"}, {1200, 128, 10, "TN"},
	{2048, 64, 2048, "NN"}, {2048, 2048, 64, "NN"}, {64, 2048, 2048, "NN"},
	{1, 784, 1200, "NN NT"}, {1, 1200, 1200, "NN NT"}, {1, 4096, 4096, "NN NT"},
	{4, 1200, 1200, "NN NT"}, {8, 1200, 1200, "NN NT"}, {16, 1200, 1200, "NN NT"}, {32, 1200, 1200, "NN NT"},
}

func main() {
	log.SetFlags(0)
	var cases []peers.Case
	for _, p := range products {
		for _, mode := range strings.Fields(p.modes) {
			cases = append(cases, product[float32]("sgemm", mode, p.m, p.k, p.n))
		}
	}
	for _, p := range products {
		for _, mode := range strings.Fields(p.modes) {
			cases = append(cases, product[float64]("dgemm", mode, p.m, p.k, p.n))
		}
	}
	if err := peers.Serve(os.Stdin, os.Stdout, cases); err != nil {
		log.Fatal(err)
	}
}

func product[T kernel.Float](name, mode string, m, k, n int) peers.Case {
	return peers.Case{Name: fmt.Sprintf("%s %dx%dx%d %s", name, m, k, n, mode), Make: func() (func(), error) {
		g := &kernel.GemmArgs[T]{M: m, N: n, K: k, TransA: mode[0] == 'T', TransB: mode[1] == 'T', Alpha: 1,
			A: numbers[T](m * k), LDA: k, B: numbers[T](k * n), LDB: n, C: make([]T, m*n), LDC: n}
		if g.TransA {
			g.LDA = m
		}
		if g.TransB {
			g.LDB = k
		}
		return func() { kernel.Gemm(kernel.Default(), g) }, nil
	}}
}

// numbers returns n numbers in [-1, 1].
func numbers[T kernel.Float](n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(i%17)/8 - 1
	}
	return s
}

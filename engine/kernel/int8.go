package kernel

import (
	"fmt"
	"math"
)

// maxInt8K keeps sums of products of bytes within 32 bits: 255 * 128 * K.
const maxInt8K = 1 << 16

// PackedInt8 is a weight matrix W (N x K) of int8 with one scale for each of the
// N output channels, W[n,k] = scale[n] w[n,k], rearranged once for many
// products. Many goroutines may use it; it stays with the path it was made for.
type PackedInt8 struct {
	packedQuads
	start []int32   // -128 sum_k w[n,k], as activations are stored plus 128
	scale []float32 // of each column
}

// PackInt8 rearranges w, n x k, and keeps no reference to it. K is at most 65,536.
func PackInt8(n, k int, w []int8, ldw int, scale []float32) *PackedInt8 {
	needMatrix("W", n, k, ldw, len(w), 1, 0)
	if k > maxInt8K || len(scale) < n {
		panic(fmt.Sprintf("kernel: PackInt8: K is %d, at most %d; %d scales for %d rows", k, maxInt8K, len(scale), n))
	}
	p := &PackedInt8{packedQuads: newPackedQuads(int8Micro(), n, k, 4)}
	width := p.strips() * p.mk.nr
	p.start, p.scale = make([]int32, width), make([]float32, width)
	copy(p.scale, scale[:n])
	for j := range n {
		for l, v := range w[j*ldw : j*ldw+k] {
			p.start[j] -= 128 * int32(v)
			*p.at(j, l/4) |= uint32(uint8(v)) << (l % 4 * 8)
		}
	}
	return p
}

// GemmInt8 computes C = act(A W^T + bias + residual) with the rows of A rounded
// to int8 when it runs: row m becomes q = round(a 127/max|a|), so that
//
//	C[m,n] = (max|a_m| / 127) scale[n] sum_k q[m,k] w[n,k].
//
// The sum is exact and every path gives the same bits before the epilogue. A row
// with a NaN or an infinity gives NaN; one below 1e-30 in magnitude gives zero.
func GemmInt8(p *Pool, g *DotArgs, w *PackedInt8) {
	runDot(p, g, &w.packedQuads, w.start, w.scale, quantiseRow)
}

// quantiseRow writes round(src 127/max|src|) + 128 as bytes, filled up with 128,
// and returns max|src| / 127.
func quantiseRow(dst []uint32, src []float32) float32 {
	top := math.Float32frombits(absMaxBits(src))
	scale, factor := top/127, 127/top
	if !(top <= math.MaxFloat32) {
		scale, factor = float32(math.NaN()), 0
	} else if top < 1e-30 {
		scale, factor = 0, 0
	}
	b := bytesOf(dst)
	roundInt8(b[:len(src)], src, factor)
	for i := len(src); i < len(b); i++ {
		b[i] = 128
	}
	return scale
}

func absMaxBitsPortable(src []float32, top uint32) uint32 {
	for _, v := range src {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	return top
}

func roundInt8Portable(dst []byte, src []float32, factor float32) {
	for i, v := range src {
		dst[i] = byte(int32(math.RoundToEven(float64(v*factor))) + 128)
	}
}

var portableInt8 = quadMicro{mr: 1, nr: 16, tile: [maxQuadRows + 1]func(*quads){1: quadsInt8Portable}}

// quadsInt8Portable is the reference, for one row.
func quadsInt8Portable(q *quads) {
	const nr = 16
	sum := [nr]int32(at(q.start, 0, nr))
	b := at(q.b, 0, q.groups*nr)
	for l, x := range at(q.a, 0, q.groups) {
		x0, x1, x2, x3 := int32(x&255), int32(x>>8&255), int32(x>>16&255), int32(x>>24)
		for j, y := range b[l*nr : (l+1)*nr] {
			sum[j] += x0*int32(int8(y)) + x1*int32(int8(y>>8)) + x2*int32(int8(y>>16)) + x3*int32(int8(y>>24))
		}
	}
	sw := at(q.sw, 0, nr)
	for j := range at(q.c, 0, q.cols) {
		at(q.c, 0, q.cols)[j] = float32(sum[j]) * sw[j] * *q.sa
	}
}

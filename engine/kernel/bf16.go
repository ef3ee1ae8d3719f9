package kernel

import "math"

// PackedBF16 is a weight matrix W (N x K) of bfloat16, rearranged once for many
// products. Many goroutines may use it; it stays with the path it was made for.
type PackedBF16 struct{ packedQuads }

// PackBF16 rearranges w, n x k, the upper halves of float32 numbers, and keeps no
// reference to it.
func PackBF16(n, k int, w []uint16, ldw int) *PackedBF16 {
	needMatrix("W", n, k, ldw, len(w), 1, 0)
	p := &PackedBF16{newPackedQuads(bf16Micro(), n, k, 2)}
	for j := range n {
		for l, v := range w[j*ldw : j*ldw+k] {
			*p.at(j, l/2) |= uint32(v) << (l % 2 * 16)
		}
	}
	return p
}

// GemmBF16 computes C = act(A W^T + bias + residual) with A rounded to bfloat16
// (nearest, ties to even) and sums in float32. Products of the rounded numbers
// are exact; the order of summation, and whether denormals count, depend on the
// path.
func GemmBF16(p *Pool, g *DotArgs, w *PackedBF16) {
	runDot(p, g, &w.packedQuads, nil, nil, bf16Row)
}

// bf16Row writes src as bfloat16, filled up with zeros. It has no scale.
func bf16Row(dst []uint32, src []float32) float32 {
	h := halvesOf(dst)
	roundBF16(h[:len(src)], src)
	clear(h[len(src):])
	return 1
}

func roundBF16Portable(dst []uint16, src []float32) {
	for i, v := range src {
		b := math.Float32bits(v)
		if v != v {
			dst[i] = uint16(b>>16) | 1<<6 // quiet
		} else {
			dst[i] = uint16((b + 0x7fff + b>>16&1) >> 16)
		}
	}
}

var portableBF16 = quadMicro{mr: 1, nr: 16, tile: [maxQuadRows + 1]func(*quads){1: quadsBF16Portable}}

// quadsBF16Portable is the reference, for one row.
func quadsBF16Portable(q *quads) {
	const nr = 16
	var sum [nr]float32
	b := at(q.b, 0, q.groups*nr)
	for l, x := range at(q.a, 0, q.groups) {
		x0, x1 := math.Float32frombits(x<<16), math.Float32frombits(x&^0xffff)
		for j, y := range b[l*nr : (l+1)*nr] {
			sum[j] += x0*math.Float32frombits(y<<16) + x1*math.Float32frombits(y&^0xffff)
		}
	}
	copy(at(q.c, 0, q.cols), sum[:])
}

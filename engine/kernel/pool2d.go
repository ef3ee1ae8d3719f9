package kernel

import "math"

// PoolShape describes a pooling of N x C images of H x W to OH x OW by windows
// of KH x KW. Output (i,j) sees rows i StrideH - PadTop + a DilH and columns
// j StrideW - PadLeft + b DilW of the image; what lies outside does not count,
// but in an average with CountIncludePad it counts as zeros as far as the
// padding reaches. Pooling in one dimension has H = KH = OH = 1.
type PoolShape struct {
	N, C, H, W, KH, KW, OH, OW                                         int
	StrideH, StrideW, PadTop, PadLeft, PadBottom, PadRight, DilH, DilW int
	CountIncludePad                                                    bool
}

// poolGrain is the number of inputs of a unit.
const poolGrain = 1 << 14

// poolKind says what is done to a plane.
type poolKind uint8

const (
	poolMax poolKind = iota
	poolMaxGrad
	poolAvg
	poolAvgGrad
)

// poolTask does one thing to planes, step of the N C a unit.
type poolTask[T Float] struct {
	kind poolKind
	s    PoolShape
	y, x []T
	arg  []int32
	step int
	taps []poolTaps[T] // of each worker
}

var (
	pools32 freeList[poolTask[float32]]
	pools64 freeList[poolTask[float64]]
)

// Run implements Task.
func (t *poolTask[T]) Run(worker, i int) {
	in, out := t.s.H*t.s.W, t.s.OH*t.s.OW
	for k := i * t.step; k < min((i+1)*t.step, t.s.N*t.s.C); k++ {
		var arg []int32
		if t.arg != nil {
			arg = t.arg[k*out : (k+1)*out]
		}
		t.plane(worker, t.y[k*out:(k+1)*out], t.x[k*in:(k+1)*in], arg)
	}
}

// plane computes y from x, or in a gradient x, that of the input, from y.
func (t *poolTask[T]) plane(worker int, y, x []T, arg []int32) {
	switch {
	case t.kind == poolAvg:
		avgPlane(&t.s, y, x)
	case t.kind == poolAvgGrad:
		avgPlaneGrad(&t.s, y, x)
	case t.kind == poolMaxGrad:
		maxPlaneGrad(&t.s, y, x, arg)
	case t.s.pairs():
		maxPairs(&t.s, y, x, arg)
	case t.s.inTaps():
		t.taps[worker].plane(&t.s, y, x, arg)
	default:
		maxPlane(&t.s, y, x, arg)
	}
}

func eachPlane[T Float](p *Pool, kind poolKind, s *PoolShape, y, x []T, arg []int32) {
	l := pick[freeList[poolTask[T]]](&pools32, &pools64)
	t := l.take()
	parts, step := Split(s.N*s.C, max(1, poolGrain/max(1, s.H*s.W)))
	*t = poolTask[T]{kind: kind, s: *s, y: y, x: x, arg: arg, step: step, taps: grow(t.taps, p.Threads())}
	if kind == poolMax && s.inTaps() {
		for i := range t.taps {
			t.taps[i].need(s)
		}
	}
	p.Do(t, parts)
	*t = poolTask[T]{taps: t.taps}
	l.put(t)
}

// MaxPool sets y to the largest element of each window, NaN if it has one, and
// arg, unless it is nil, to its index in the H x W plane: the first of equal
// ones, or of NaNs. A window wholly in the padding gives -Inf and index -1.
func MaxPool[T Float](p *Pool, s *PoolShape, y []T, arg []int32, x []T) {
	eachPlane(p, poolMax, s, y, x, arg)
}

// MaxPoolGrad sets dx to zero but for dy added at the elements that MaxPool
// wrote to arg.
func MaxPoolGrad[T Float](p *Pool, s *PoolShape, dx, dy []T, arg []int32) {
	eachPlane(p, poolMaxGrad, s, dy, dx, arg)
}

// AvgPool sets y to the mean of each window.
func AvgPool[T Float](p *Pool, s *PoolShape, y, x []T) {
	eachPlane(p, poolAvg, s, y, x, nil)
}

// AvgPoolGrad sets dx to the gradient of AvgPool.
func AvgPoolGrad[T Float](p *Pool, s *PoolShape, dx, dy []T) {
	eachPlane(p, poolAvgGrad, s, dy, dx, nil)
}

// pairs says that windows are 2 x 2, next to each other and inside of the image.
func (s *PoolShape) pairs() bool {
	return s.KH == 2 && s.KW == 2 && s.StrideH == 2 && s.StrideW == 2 && s.DilH == 1 && s.DilW == 1 &&
		s.PadTop == 0 && s.PadLeft == 0 && 2*s.OH <= s.H && 2*s.OW <= s.W
}

// span returns the first tap, the end tap and the position of tap 0 of window o
// along an axis: taps a in [lo,hi) lie inside [0,n) at start + a dil.
func span(o, stride, pad, dil, k, n int) (start, lo, hi int) {
	start = o*stride - pad
	if start < 0 {
		lo = (-start + dil - 1) / dil
	}
	hi = k
	if last := start + (k-1)*dil; last >= n {
		hi = max(lo, (n-start+dil-1)/dil)
	}
	return start, min(lo, hi), hi
}

// maxPlane takes window by window; see also poolTaps.
func maxPlane[T Float](s *PoolShape, y, x []T, arg []int32) {
	for i := range s.OH {
		for j := range s.OW {
			best, at := maxWindow(s, x, i, j)
			y[i*s.OW+j] = best
			if arg != nil {
				arg[i*s.OW+j] = at
			}
		}
	}
}

// maxWindow returns the largest element of a window and its index.
func maxWindow[T Float](s *PoolShape, x []T, i, j int) (best T, at int32) {
	h0, a0, a1 := span(i, s.StrideH, s.PadTop, s.DilH, s.KH, s.H)
	w0, b0, b1 := span(j, s.StrideW, s.PadLeft, s.DilW, s.KW, s.W)
	best, at = T(math.Inf(-1)), -1
	for a := a0; a < a1; a++ {
		row := (h0 + a*s.DilH) * s.W
		for b := b0; b < b1; b++ {
			k := row + w0 + b*s.DilW
			if v := x[k]; v > best || at < 0 || (v != v && best == best) {
				best, at = v, int32(k)
			}
		}
	}
	return best, at
}

// maxPairs is maxPlane for pairs, without branches that depend on the data.
func maxPairs[T Float](s *PoolShape, y, x []T, arg []int32) {
	if nativePairsOf(s, y, x, arg, false) {
		return
	}
	for i := range s.OH {
		out := y[i*s.OW : (i+1)*s.OW]
		up, down := x[2*i*s.W:][:2*len(out)], x[(2*i+1)*s.W:][:2*len(out)]
		for j := range out {
			out[j] = max(max(up[2*j], up[2*j+1]), max(down[2*j], down[2*j+1]))
		}
		if arg != nil {
			whichOfPairs(out, up, down, arg[i*s.OW:(i+1)*s.OW], int32(2*i*s.W), int32(s.W))
		}
	}
}

// whichOfPairs sets arg to the index of the first element that is the maximum of
// each pair, the upper row starting at index at. Of a NaN none is.
func whichOfPairs[T Float](best, up, down []T, arg []int32, at, w int32) {
	up, down, arg = up[:2*len(best)], down[:2*len(best)], arg[:len(best)]
	for j, m := range best {
		a, b, c := up[2*j], up[2*j+1], down[2*j]
		k := w + 1
		if c == m {
			k = w
		}
		if b == m {
			k = 1
		}
		if a == m {
			k = 0
		}
		if m != m {
			k = firstNaN(a, b, c, w)
		}
		arg[j] = at + int32(2*j) + k
	}
}

// firstNaN is the distance of the first NaN of a pair.
func firstNaN[T Float](a, b, c T, w int32) int32 {
	switch {
	case a != a:
		return 0
	case b != b:
		return 1
	case c != c:
		return w
	}
	return w + 1
}

func maxPlaneGrad[T Float](s *PoolShape, dy, dx []T, arg []int32) {
	whole := s.pairs() && 2*s.OH == s.H && 2*s.OW == s.W // every input belongs to a pair
	if whole && nativePairsOf(s, dy, dx, arg, true) {
		return
	}
	clear(dx)
	for i, k := range arg {
		if k >= 0 {
			dx[k] += dy[i]
		}
	}
}

// share returns 1 over the number of elements that count in a window with the
// taps [a0,a1) x [b0,b1) inside the image.
func (s *PoolShape) share(i, j, a0, a1, b0, b1 int) float64 {
	if !s.CountIncludePad {
		return 1 / float64(max(1, (a1-a0)*(b1-b0)))
	}
	_, _, rows := span(i, s.StrideH, 0, s.DilH, s.KH, s.H+s.PadTop+s.PadBottom)
	_, _, cols := span(j, s.StrideW, 0, s.DilW, s.KW, s.W+s.PadLeft+s.PadRight)
	return 1 / float64(max(1, rows*cols))
}

func avgPlane[T Float](s *PoolShape, y, x []T) {
	for i := range s.OH {
		h0, a0, a1 := span(i, s.StrideH, s.PadTop, s.DilH, s.KH, s.H)
		for j := range s.OW {
			w0, b0, b1 := span(j, s.StrideW, s.PadLeft, s.DilW, s.KW, s.W)
			var sum T
			for a := a0; a < a1; a++ {
				var row T
				for b := b0; b < b1; b++ {
					row += x[(h0+a*s.DilH)*s.W+w0+b*s.DilW]
				}
				sum += row
			}
			y[i*s.OW+j] = sum * T(s.share(i, j, a0, a1, b0, b1))
		}
	}
}

func avgPlaneGrad[T Float](s *PoolShape, dy, dx []T) {
	clear(dx)
	for i := range s.OH {
		h0, a0, a1 := span(i, s.StrideH, s.PadTop, s.DilH, s.KH, s.H)
		for j := range s.OW {
			w0, b0, b1 := span(j, s.StrideW, s.PadLeft, s.DilW, s.KW, s.W)
			v := dy[i*s.OW+j] * T(s.share(i, j, a0, a1, b0, b1))
			for a := a0; a < a1; a++ {
				for b := b0; b < b1; b++ {
					dx[(h0+a*s.DilH)*s.W+w0+b*s.DilW] += v
				}
			}
		}
	}
}

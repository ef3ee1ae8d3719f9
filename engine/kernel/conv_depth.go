package kernel

import "slices"

// convDepth is a convolution of each channel by itself,
//
//	y[m](i,j) = sum_a,b w[m,a,b] x[c](i StrideH - PadTop + a DilH, j StrideW - PadLeft + b DilW),
//
// M/C outputs m of an input c. It has a few products for each number that it reads,
// so that tiles do not pay: a plane of outputs, which stays in the first cache level,
// gets the shifted plane of inputs times a weight, tap by tap. Where the rows of both
// are as long, that is one run of numbers; what runs over the ends of rows is put
// back. With StrideW > 1 the columns of the input are first split by their residue,
// or joined last. Units are planes.
type convDepth[T Float] struct {
	s      *ConvShape
	o      *vecOps[T]
	mk     *convMicro[T]
	finish *micro[T]
	split  *convPass[T] // of the columns of an input plane into StrideW parts, nil if one
	width  int          // of a row of a part
	taps   []depthTap   // outputs are the destination
	back   []depthTap   // inputs are
	saved  int          // most numbers that a tap puts back
	grain  int          // planes in a unit

	x, y, w []T
	epi     Epilogue[T]
	useEpi  bool
	input   bool // the gradient of the input: from y to x
	fixed   []T  // weights of every later forward
	workers []depthScratch[T]
}

type depthScratch[T Float] struct {
	parts, saved []T
	pieces       []convPiece
	r            convRows[T]
	g            convMerge[T]
	e            epilogue[T]
	_            [128]byte
}

// depthTap adds runs of n numbers, ldd and lds apart, times weight w of the channel.
// Of a run over rows of the image, gap numbers between the rows do not count.
type depthTap struct {
	w, dst, src    int
	n, runs        int
	ldd, lds       int
	gap, row, gaps int // gap numbers after each of gaps rows, which are row apart
}

// whole says that the tap reaches every one of size numbers of the destination.
func (t *depthTap) whole(size int) bool { return t.gap == 0 && t.n*t.runs == size }

// Limits of a convDepth.
const (
	depthUnit  = 4096     // numbers in a unit at least
	depthPlane = 32 << 10 // bytes of the largest plane
	depthMulti = 4        // outputs of an input
	depthTaps  = 4        // taps of a kernel
)

// depthFits says that convDepth is better than tiles.
func depthFits[T Float](s *ConvShape) bool {
	return s.Groups > 1 && s.cg() == 1 && s.mg() <= depthMulti && s.KH*s.KW <= depthTaps && s.lenX()*s.lenY()*s.lenW() > 0 &&
		max(s.H*s.W, s.OH*s.OW)*sizeOf[T]() <= depthPlane
}

func newConvDepth[T Float](s *ConvShape) *convDepth[T] {
	d := &convDepth[T]{s: s, o: ops[T](), mk: convMicroFor[T](), finish: microFor[T](), width: (s.W + s.StrideW - 1) / s.StrideW}
	_, d.grain = Split(s.N*s.M, depthUnit/max(s.H*s.W, s.OH*s.OW))
	d.list()
	if s.StrideW > 1 {
		d.split = &convPass[T]{c: 1, h: s.H, w: s.W, oh: s.H, ow: d.width, stepH: 1, stepW: s.StrideW, rowTaps: []convTap{{}}}
		for r := range s.StrideW {
			d.split.colTaps = append(d.split.colTaps, convTap{r, r})
		}
		d.split.lay(s.H, 1, s.StrideW*depthPlane, 1)
	}
	return d
}

// list makes the taps that meet the image, one that sets all numbers first.
func (d *convDepth[T]) list() {
	s := d.s
	for b := range s.KW {
		for a := range s.KH {
			if t, ok := d.tap(a, b); ok {
				d.taps = append(d.taps, t)
				d.saved = max(d.saved, t.gap*t.gaps)
				t.dst, t.src, t.ldd, t.lds = t.src, t.dst, t.lds, t.ldd
				d.back = append(d.back, t)
			}
		}
	}
	first := func(taps []depthTap, size int) {
		if i := slices.IndexFunc(taps, func(t depthTap) bool { return t.whole(size) }); i > 0 {
			taps[0], taps[i] = taps[i], taps[0]
		}
	}
	first(d.taps, s.OH*s.OW)
	first(d.back, s.StrideW*s.H*d.width)
}

// tap returns tap a,b of the forward pass, if it meets the image.
func (d *convDepth[T]) tap(a, b int) (t depthTap, ok bool) {
	s := d.s
	shiftH, shiftW := a*s.DilH-s.PadTop, b*s.DilW-s.PadLeft
	part := (shiftW%s.StrideW + s.StrideW) % s.StrideW
	shiftW = (shiftW - part) / s.StrideW
	i0, i1 := insideOf(shiftH, s.StrideH, s.H, s.OH)
	j0, j1 := insideOf(shiftW, 1, (s.W-part+s.StrideW-1)/s.StrideW, s.OW)
	if i0 >= i1 || j0 >= j1 {
		return t, false
	}
	t = depthTap{w: a*s.KW + b, dst: i0*s.OW + j0, src: (part*s.H+i0*s.StrideH+shiftH)*d.width + j0 + shiftW,
		n: j1 - j0, runs: i1 - i0, ldd: s.OW, lds: s.StrideH * d.width}
	if t.ldd == t.lds {
		t.row, t.gap, t.gaps = t.ldd, t.ldd-t.n, t.runs-1
		t.n, t.runs = t.gaps*t.row+t.n, 1
	}
	return t, true
}

// insideOf returns which of n outputs see at i step + shift one of size inputs.
func insideOf(shift, step, size, n int) (lo, hi int) {
	lo = max(0, (step-1-shift)/step)
	if last := size - 1 - shift; last >= 0 {
		hi = min(n, last/step+1)
	}
	return lo, hi
}

// packWeights keeps the weights for every later run of the forward pass.
func (d *convDepth[T]) packWeights(_ *Pool, w []T) { d.fixed = append(d.fixed[:0], w[:d.s.lenW()]...) }

// run sets y to the convolution of x.
func (d *convDepth[T]) run(p *Pool, x, y []T, e *Epilogue[T]) {
	d.useEpi = e != nil
	if d.useEpi {
		d.epi = *e
		d.epi.BiasRow = true
	}
	d.x, d.y, d.w, d.input = x, y, d.fixed, false
	d.do(p, d.s.N*d.s.M)
}

// backward sets dx to the gradient of the input.
func (d *convDepth[T]) backward(p *Pool, dy, w, dx []T) {
	d.x, d.y, d.w, d.input = dx, dy, w, true
	d.do(p, d.s.N*d.s.C)
}

func (d *convDepth[T]) do(p *Pool, planes int) {
	d.reserve(p.Threads())
	p.Do(d, (planes+d.grain-1)/d.grain)
	d.x, d.y, d.w, d.epi = nil, nil, nil, Epilogue[T]{}
}

// reserve makes the work space of the workers.
func (d *convDepth[T]) reserve(threads int) {
	if len(d.workers) >= threads {
		return
	}
	d.workers = make([]depthScratch[T], threads)
	for i := range d.workers {
		k := &d.workers[i]
		k.saved = make([]T, d.saved)
		if q := d.split; q != nil {
			k.parts, k.pieces = make([]T, q.packed()+convSpare), make([]convPiece, q.maxPieces(d.mk))
			q.window(d.mk, &k.r, k.pieces, 0, d.s.H)
		}
	}
}

// Run implements Task.
func (d *convDepth[T]) Run(worker, i int) {
	s, k := d.s, &d.workers[worker]
	planes := s.N * s.M
	if d.input {
		planes = s.N * s.C
	}
	for at := i * d.grain; at < min((i+1)*d.grain, planes); at++ {
		if d.input {
			d.inputPlane(k, at)
		} else {
			d.plane(k, at)
		}
	}
}

// plane computes plane at of the N M outputs.
func (d *convDepth[T]) plane(k *depthScratch[T], at int) {
	s := d.s
	n, m := at/s.M, at%s.M
	size, taps := s.OH*s.OW, s.KH*s.KW
	y := d.y[at*size : (at+1)*size]
	d.sum(k, y, d.columns(k, n*s.C+m/s.mg()), d.w[m*taps:(m+1)*taps], d.taps, false)
	if !d.useEpi {
		return
	}
	k.e = epilogue[T]{c: &y[0], ldc: size, ldr: size, rows: 1, cols: size}
	if d.epi.Residual != nil {
		k.e.residual = &d.epi.Residual[at*size]
	}
	k.e.apply(d.finish, &d.epi, m, 0)
}

// columns returns plane at of the N C inputs, its columns split.
func (d *convDepth[T]) columns(k *depthScratch[T], at int) []T {
	size := d.s.H * d.s.W
	x := d.x[at*size : (at+1)*size]
	if d.split == nil {
		return x
	}
	d.split.pack(d.mk, &k.r, k.parts, x, 1, 0, d.s.H)
	return k.parts
}

// inputPlane computes plane at of the gradients of the N C inputs.
func (d *convDepth[T]) inputPlane(k *depthScratch[T], at int) {
	s := d.s
	size, out, taps := s.H*s.W, s.OH*s.OW, s.KH*s.KW
	dx := d.x[at*size : (at+1)*size]
	to := dx
	if d.split != nil {
		to = k.parts[:s.StrideW*s.H*d.width]
	}
	n, c := at/s.C, at%s.C
	for m := c * s.mg(); m < (c+1)*s.mg(); m++ {
		d.sum(k, to, d.y[(n*s.M+m)*out:][:out], d.w[m*taps:(m+1)*taps], d.back, m > c*s.mg())
	}
	if d.split != nil {
		d.join(k, dx)
	}
}

// sum sets dst to the sum of all taps, or adds it.
func (d *convDepth[T]) sum(k *depthScratch[T], dst, src, w []T, taps []depthTap, add bool) {
	if !add && len(taps) > 0 && taps[0].whole(len(dst)) {
		d.each(&taps[0], dst, src, w[taps[0].w], d.scale)
		taps = taps[1:]
	} else if !add {
		clear(dst)
	}
	for i := range taps {
		t := &taps[i]
		if t.gap == 0 {
			d.each(t, dst, src, w[t.w], d.o.axpy)
			continue
		}
		saveGaps(k.saved, dst, t)
		d.each(t, dst, src, w[t.w], d.o.axpy)
		restoreGaps(dst, k.saved, t)
	}
}

// scale sets dst = a x.
func (d *convDepth[T]) scale(dst []T, a T, x []T) { d.o.mulScalar(dst, x, a) }

// each calls f for the runs of a tap.
func (d *convDepth[T]) each(t *depthTap, dst, src []T, w T, f func(dst []T, a T, x []T)) {
	for i := range t.runs {
		to, from := t.dst+i*t.ldd, t.src+i*t.lds
		f(dst[to:to+t.n], w, src[from:from+t.n])
	}
}

// place is where the first gap of the destination is.
func (t *depthTap) place() int { return t.dst + t.row - t.gap }

// saveGaps copies the numbers in the gaps of a tap.
func saveGaps[T Float](to, dst []T, t *depthTap) {
	at := t.place()
	if t.gap == 1 {
		for i := range t.gaps {
			to[i] = dst[at+i*t.row]
		}
		return
	}
	for i := range t.gaps {
		copy(to[i*t.gap:(i+1)*t.gap], dst[at+i*t.row:])
	}
}

// restoreGaps undoes what happened to them since.
func restoreGaps[T Float](dst, from []T, t *depthTap) {
	at := t.place()
	if t.gap == 1 {
		for i := range t.gaps {
			dst[at+i*t.row] = from[i]
		}
		return
	}
	for i := range t.gaps {
		copy(dst[at+i*t.row:], from[i*t.gap:(i+1)*t.gap])
	}
}

// join merges the parts of a plane.
func (d *convDepth[T]) join(k *depthScratch[T], dx []T) {
	s, size, done := d.s, sizeOf[T](), 0
	if vecs := s.W / 2 / d.mk.evenLanes; s.StrideW == 2 && vecs > 0 {
		k.g = convMerge[T]{dst: &dx[0], even: &k.parts[0], odd: &k.parts[s.H*d.width], rows: s.H, vecs: vecs,
			ldd: s.W * size, lde: d.width * size, ldo: d.width * size}
		d.mk.merge(&k.g)
		done = 2 * vecs * d.mk.evenLanes
	}
	for i := range s.H {
		row := dx[i*s.W : (i+1)*s.W]
		for j := done; j < s.W; j++ {
			row[j] = k.parts[(j%s.StrideW*s.H+i)*d.width+j/s.StrideW]
		}
	}
}

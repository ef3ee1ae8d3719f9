package kernel

// convRun computes the passes of one residue of the output's rows, which is all
// of a forward convolution or of an input gradient with stride 1. Its units are
// a group of an image, a run of output rows and a run of panels of output
// channels.
type convRun[T Float] struct {
	mk     *convMicro[T]
	finish *micro[T] // for the epilogue
	passes []*convPass[T]
	rowAt  int // first of the output rows, which are step apart
	step   int
	plane  int // numbers of an output plane
	width  int // of its rows

	images, groups int
	panels, high   int // panels of high output channels
	blocks, cuts   int // runs of rows, runs of panels
	units, grain   int
	weights        [][]T // of each pass: groups x panels x taps x maxMR
	at             func(pass *convPass[T], g, m, l int) int
	lead           [2]int // of whole rows of taps in memory, see packPanel
	across         bool   // weights of the rows of a panel lie next to each other

	x, w, y []T
	epi     Epilogue[T]
	useEpi  bool
	pool    *convPooling[T] // of the output, or nil
	workers []convScratch[T]
}

// convScratch is the work space of one worker.
type convScratch[T Float] struct {
	cols, out []T
	pieces    []convPiece
	r         convRows[T]
	g         convMerge[T]
	s         convSums[T]
	t         convTile[T]
	e         epilogue[T]
	_         [128]byte
}

// Limits of a unit.
const (
	convBytes = 256 << 10 // of packed input
	convTaps  = 1024      // in a block of channels
	convUnits = 8         // that a call has at least, if possible
)

func newForward[T Float](s *ConvShape) *convRun[T] {
	r := &convRun[T]{passes: []*convPass[T]{forwardPass[T](s)}, step: 1, plane: s.OH * s.OW, width: s.OW}
	taps := s.taps()
	r.at = func(_ *convPass[T], g, m, l int) int { return (g*s.mg()+m)*taps + l }
	r.lead = [2]int{1, taps}
	return r.plan(s)
}

func newBackward[T Float](s *ConvShape, residue int) *convRun[T] {
	r := &convRun[T]{rowAt: residue, step: s.StrideH, plane: s.H * s.W, width: s.W}
	for t := range s.StrideW {
		r.passes = append(r.passes, inputPass[T](s, residue, t))
	}
	k := s.KH * s.KW
	r.at = func(q *convPass[T], g, m, l int) int {
		per := q.perChannel()
		a, b := q.rowTaps[l%per/len(q.colTaps)], q.colTaps[l%len(q.colTaps)]
		return ((g*s.mg()+l/per)*s.cg()+m)*k + a.index*s.KW + b.index
	}
	if s.StrideH == 1 && s.StrideW == 1 {
		r.lead = [2]int{s.mg(), k}
	}
	return r.plan(s)
}

// plan divides the work.
func (r *convRun[T]) plan(s *ConvShape) *convRun[T] {
	r.mk, r.finish = convMicroFor[T](), microFor[T]()
	r.images, r.groups = s.N, s.Groups
	q := r.passes[0]
	r.panels = max(1, (q.m+r.mk.mr-1)/r.mk.mr)
	r.high = (q.m + r.panels - 1) / r.panels
	want := (convUnits + max(1, s.N*s.Groups) - 1) / max(1, s.N*s.Groups) // units of a group of an image
	rows := (q.oh + want - 1) / want
	if least := (r.mk.nv*r.mk.lanes + q.ow - 1) / max(1, q.ow); rows < least {
		rows = least
	}
	for _, q := range r.passes {
		q.lay(rows, convTaps/max(1, q.perChannel()), convBytes, r.mk.lanes)
		rows = q.unitRows
		r.weights = append(r.weights, make([]T, r.groups*r.panels*q.taps()*maxMR))
	}
	for _, q := range r.passes {
		q.lay(rows, convTaps/max(1, q.perChannel()), convBytes, r.mk.lanes)
	}
	r.blocks = (q.oh + rows - 1) / rows
	r.cuts = min(r.panels, (want+max(1, r.blocks)-1)/max(1, r.blocks))
	r.units = r.images * r.groups * r.blocks * r.cuts
	_, r.grain = Split(r.units, 1)
	return r
}

// direct says that tiles are stored where they belong.
func (r *convRun[T]) direct() bool { return len(r.passes) == 1 && r.step == 1 }

// packWeights arranges the weights of every pass in panels.
func (r *convRun[T]) packWeights(p *Pool, w []T) {
	r.w = w
	p.Do((*convPacking[T])(r), r.groups*r.panels)
	r.w = nil
}

// convPacking packs a panel of a group.
type convPacking[T Float] convRun[T]

func (t *convPacking[T]) Run(_, i int) {
	r := (*convRun[T])(t)
	g, m0 := i/r.panels, i%r.panels*r.high
	for n, q := range r.passes {
		if rows := min(r.high, q.m-m0); rows > 0 && q.taps() > 0 {
			r.packPanel(q, r.weights[n][i*q.taps()*maxMR:(i+1)*q.taps()*maxMR], g, m0, rows)
		}
	}
}

// packPanel writes the weights of rows output channels from m0 on as taps rows of
// maxMR. With all taps of the kernel, lead[0] parts of lead[1] taps each lie in
// memory in their order.
func (r *convRun[T]) packPanel(q *convPass[T], dst []T, g, m0, rows int) {
	if n := r.lead[1]; n > 0 {
		for l := 0; l < q.taps(); l += n {
			r.finish.transpose(dst[l*maxMR:], maxMR, r.w[r.at(q, g, m0, l):], n, rows, n)
		}
		return
	}
	for l := range q.taps() {
		if r.across {
			copy(dst[l*maxMR:], r.w[r.at(q, g, m0, l):][:rows])
			continue
		}
		for i := range rows {
			dst[l*maxMR+i] = r.w[r.at(q, g, m0+i, l)]
		}
	}
}

// run computes y from x, images of the passes' inputs and outputs.
func (r *convRun[T]) run(p *Pool, x, y []T, e *Epilogue[T]) {
	if r.units == 0 || r.passes[0].m == 0 {
		return
	}
	r.reserve(p.Threads())
	r.x, r.y, r.useEpi = x, y, e != nil
	if e != nil {
		r.epi = *e
		r.epi.BiasRow = true
	}
	p.Do(r, (r.units+r.grain-1)/r.grain)
	r.x, r.y, r.epi = nil, nil, Epilogue[T]{}
}

// reserve makes the work space of the workers.
func (r *convRun[T]) reserve(threads int) {
	if len(r.workers) >= threads {
		return
	}
	r.workers = make([]convScratch[T], threads)
	cols, out, pieces := 0, 0, 0
	for _, q := range r.passes {
		if !q.inPlace {
			cols, pieces = max(cols, q.packed()), max(pieces, q.maxPieces(r.mk))
		}
		if !r.direct() || r.pool != nil {
			out += r.area(q)
		}
	}
	for i := range r.workers {
		r.workers[i].cols, r.workers[i].out = make([]T, cols+convSpare), make([]T, out+convSpare)
		r.workers[i].pieces = make([]convPiece, pieces)
	}
}

// area is the number of outputs of a pass that a unit keeps.
func (r *convRun[T]) area(q *convPass[T]) int { return r.panels * r.high * q.unitRows * q.ow }

// Run implements Task.
func (r *convRun[T]) Run(worker, i int) {
	for u := i * r.grain; u < min((i+1)*r.grain, r.units); u++ {
		b := convBlock[T]{convRun: r, convScratch: &r.workers[worker]}
		cut, rest := u%r.cuts, u/r.cuts
		b.p0, b.p1 = cut*r.panels/r.cuts, (cut+1)*r.panels/r.cuts
		b.i0 = rest % r.blocks * r.passes[0].unitRows
		b.group, b.image = rest/r.blocks%r.groups, rest/r.blocks/r.groups
		b.run()
	}
}

// convBlock is a unit of a convRun.
type convBlock[T Float] struct {
	*convRun[T]
	*convScratch[T]
	image, group, i0, p0, p1 int
}

func (b *convBlock[T]) run() {
	out := b.out
	for n, q := range b.passes {
		rows := min(q.unitRows, q.oh-b.i0)
		if rows < 1 || q.ow < 1 {
			continue
		}
		dst, ld := out, rows*q.ow
		if b.direct() {
			dst, ld = b.outPlanes()[b.i0*q.ow:], b.plane
		}
		b.pass(q, b.convRun.weights[n], dst, ld, rows)
		out = out[min(len(out), b.area(q)):]
	}
	if !b.direct() {
		b.spread()
	}
	if b.pool != nil {
		b.pool.do(b)
	}
}

// outPlanes starts with the planes of the group's output channels.
func (b *convBlock[T]) outPlanes() []T {
	if b.pool != nil {
		return b.out
	}
	return b.y[(b.image*b.groups+b.group)*b.passes[0].m*b.plane:]
}

// pass computes rows output rows of a pass, channel m to dst from m ld on.
func (b *convBlock[T]) pass(q *convPass[T], weights, dst []T, ld, rows int) {
	if q.taps() == 0 {
		for m := b.p0 * b.high; m < min(b.p1*b.high, q.m); m++ {
			clear(dst[m*ld : m*ld+rows*q.ow])
		}
		b.noTaps(q, dst, ld, rows)
		return
	}
	in := b.x[(b.image*b.groups+b.group)*q.c*q.h*q.w:]
	per := q.perChannel()
	q.window(b.mk, &b.r, b.pieces, b.i0, rows)
	for c := 0; c < q.c; c += q.block {
		channels := min(q.block, q.c-c)
		from := in[c*q.h*q.w:]
		if q.inPlace {
			from = from[b.i0*q.ow:]
		} else {
			q.pack(b.mk, &b.r, b.cols, from, channels, b.i0, rows)
			from = b.cols
		}
		b.t = convTile[T]{off: &q.off[0], k: channels * per, ldc: ld}
		if c > 0 {
			b.t.add = 1
		}
		b.tiles(q, from, weights[(b.group*b.panels*q.taps()+c*per)*maxMR:], dst, rows*q.ow, c+channels == q.c)
	}
}

// noTaps applies the epilogue to zeros.
func (b *convBlock[T]) noTaps(q *convPass[T], dst []T, ld, rows int) {
	if !b.useEpi {
		return
	}
	for p := b.p0; p < b.p1; p++ {
		b.t = convTile[T]{c: &dst[p*b.high*ld], ldc: ld, rows: min(b.high, q.m-p*b.high), cols: rows * q.ow}
		b.epilogue(p*b.high, dst, p*b.high*ld)
	}
}

// tiles multiplies all panels of the unit with n columns, in strips of equal
// numbers of vectors.
func (b *convBlock[T]) tiles(q *convPass[T], in, weights, dst []T, n int, last bool) {
	t, mk := &b.t, b.mk
	vecs := (n + mk.lanes - 1) / mk.lanes
	strips := (vecs + mk.nv - 1) / mk.nv
	for s := range strips {
		v0, v1 := s*vecs/strips, (s+1)*vecs/strips
		j := v0 * mk.lanes
		t.cols = min(n-j, (v1-v0)*mk.lanes)
		for v := range v1 - v0 {
			t.b[v] = &in[q.vector(j+v*mk.lanes)]
		}
		for p := b.p0; p < b.p1; p++ {
			m := p * b.high
			if t.rows = min(b.high, q.m-m); t.rows < 1 {
				break
			}
			t.a, t.c = &weights[p*q.taps()*maxMR], &dst[m*t.ldc+j]
			mk.tile[t.rows][v1-v0](t)
			if last && b.useEpi {
				b.epilogue(m, dst, m*t.ldc+j)
			}
		}
	}
}

// epilogue finishes the tile that starts with channel m at dst[at].
func (b *convBlock[T]) epilogue(m int, dst []T, at int) {
	t, e := &b.t, &b.e
	*e = epilogue[T]{c: t.c, ldc: t.ldc, ldr: t.ldc, rows: t.rows, cols: t.cols}
	if b.epi.Residual != nil {
		e.residual = &b.epi.Residual[len(b.y)-len(dst)+at] // dst is a tail of y
	}
	e.apply(b.finish, &b.epi, b.group*b.passes[0].m+m, 0)
}

// spread copies the rows of the passes to the output, whose columns they share.
func (b *convBlock[T]) spread() {
	q := b.passes[0]
	rows := min(q.unitRows, q.oh-b.i0)
	for m := b.p0 * b.high; m < min(b.p1*b.high, q.m); m++ {
		dst := b.outPlanes()[m*b.plane+(b.rowAt+b.i0*b.step)*b.width:]
		done := 0
		if len(b.passes) == 2 {
			done = b.merge(dst, m, rows)
		}
		out := b.out
		for t, q := range b.passes {
			for i := 0; i < rows && done < q.ow; i++ {
				b.spreadRow(dst[i*b.step*b.width:], out[(m*rows+i)*q.ow:(m*rows+i+1)*q.ow], t, done)
			}
			out = out[b.area(q):]
		}
	}
}

// spreadRow copies a row of pass t from column from on.
func (b *convBlock[T]) spreadRow(dst, src []T, t, from int) {
	if len(b.passes) == 1 {
		copy(dst, src)
		return
	}
	for j := from; j < len(src); j++ {
		dst[t+j*len(b.passes)] = src[j]
	}
}

// merge merges whole vectors of two passes and returns the columns of each.
func (b *convBlock[T]) merge(dst []T, m, rows int) int {
	even, odd, size := b.passes[0], b.passes[1], sizeOf[T]()
	n := odd.ow / b.mk.evenLanes
	if n > 0 {
		b.g = convMerge[T]{dst: &dst[0], even: &b.out[m*rows*even.ow], odd: &b.out[b.area(even)+m*rows*odd.ow],
			rows: rows, vecs: n, ldd: b.step * b.width * size, lde: even.ow * size, ldo: odd.ow * size}
		b.mk.merge(&b.g)
	}
	return n * b.mk.evenLanes
}

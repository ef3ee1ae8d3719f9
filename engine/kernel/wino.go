package kernel

// convWino computes a convolution of 3 x 3 weights with stride 1, and its input
// gradient, in tiles of 2 x 2 outputs with 16 products a tile and channel instead
// of 36,
//
//	Y = A^T [ sum_c (G w G^T) . (B^T x B) ] A,
//
// as in Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR
// 2016, F(2x2, 3x3). At each of the 16 positions of a tile, the sum over the
// channels is a matrix product, outputs x channels times channels x tiles. Its
// units are a run of rows of tiles of an image, or all those of a run of images,
// and a run of panels of output channels. A row of positions of all channels is
// transformed and multiplied before the next.
type convWino[T Float] struct {
	mk     *convMicro[T]
	finish *micro[T]

	c, h, w, m, oh, ow int // of a group of an image
	padTop, padLeft    int
	images, groups     int
	th, tw             int // rows and columns of tiles
	rows               int // of tiles in a unit, of an image
	some               int // images of a unit
	pitch              int // tiles of a unit and what rounds them up to vectors
	panels, high       int
	blocks, cuts       int // runs of rows, runs of panels
	units, grain       int
	weights            []T // positions x groups x panels x c x maxMR
	off                []int
	full, narrow       *winoOrder // of tiles of one row of tiles in a vector, of two or nil
	turned             bool       // the weights are those of the forward convolution

	rowOf [4]winoRow[T]

	x, w9, y []T
	epi      Epilogue[T]
	useEpi   bool
	workers  []winoScratch[T]
	none     []T // a row of zeros
}

// winoRow says which two rows of inputs make a row of positions, and by which kernel.
type winoRow[T Float] struct {
	a, b   int
	kernel func(*winoRows[T])
}

// winoScratch is the work space of one worker.
type winoScratch[T Float] struct {
	in, out []T // 4 x c x pitch, 16 x m x pitch
	taps    []T // c x 9 x maxMR
	k       winoTaps[T]
	r       winoRows[T]
	o       winoTiles[T]
	t       convTile[T]
	e       epilogue[T]
	_       [128]byte
}

const (
	winoTile   = 16 // positions of a tile
	winoVecs   = 8  // vectors of tiles in a unit
	winoPanels = 4  // panels that a unit has at least
)

// winoShape says whether the weights are 3 x 3 and the stride 1.
func (s *ConvShape) winoShape() bool {
	return s.KH == 3 && s.KW == 3 && s.StrideH == 1 && s.StrideW == 1 && s.DilH == 1 && s.DilW == 1 && s.lenY()*s.taps() > 0
}

// winoFits says where convWino was measured to win.
func (mk *convMicro[T]) winoFits(s *ConvShape) bool {
	return s.winoShape() && min(s.cg(), s.mg()) >= mk.winoLeast && s.OH > 1 && s.OW > 1
}

// newWinoForward plans the convolution itself.
func newWinoForward[T Float](s *ConvShape) *convWino[T] {
	t := &convWino[T]{c: s.cg(), h: s.H, w: s.W, m: s.mg(), oh: s.OH, ow: s.OW, padTop: s.PadTop, padLeft: s.PadLeft}
	return t.plan(s)
}

// newWinoInput plans the input gradient: a convolution of dy with the weights turned
// around.
func newWinoInput[T Float](s *ConvShape) *convWino[T] {
	t := &convWino[T]{c: s.mg(), h: s.OH, w: s.OW, m: s.cg(), oh: s.H, ow: s.W, padTop: 2 - s.PadTop, padLeft: 2 - s.PadLeft}
	t.turned = true
	return t.plan(s)
}

// plan divides the work.
func (t *convWino[T]) plan(s *ConvShape) *convWino[T] {
	t.mk, t.finish = convMicroFor[T](), microFor[T]()
	t.images, t.groups = s.N, s.Groups
	t.th, t.tw = (t.oh+1)/2, (t.ow+1)/2
	t.panels = (t.m + t.mk.mr - 1) / t.mk.mr
	t.high = (t.m + t.panels - 1) / t.panels
	want := (convUnits + s.N*s.Groups - 1) / (s.N * s.Groups) // units of a group of an image
	t.rows = even(t.th, max(1, min(winoVecs*t.mk.lanes/t.tw, max((t.th+want-1)/want, (2*t.mk.lanes+t.tw-1)/t.tw))))
	t.some = 1
	if t.rows >= t.th {
		t.some = even(s.N, max(1, min(winoVecs*t.mk.lanes/(t.th*t.tw), s.N*s.Groups/convUnits)))
	}
	t.blocks = (t.th + t.rows - 1) / t.rows
	t.cuts = min(max(1, t.panels/winoPanels), (want+t.blocks-1)/t.blocks)
	t.units = (s.N + t.some - 1) / t.some * t.groups * t.blocks * t.cuts
	_, t.grain = Split(t.units, 1)
	t.weights = make([]T, winoTile*t.groups*t.panels*t.c*maxMR)
	t.lay()
	return t
}

// lay decides where the tiles of a unit are.
func (t *convWino[T]) lay() {
	lanes, size, k := t.mk.lanes, sizeOf[T](), t.mk.wino
	t.pitch = (t.some*t.rows*t.tw + lanes - 1) / lanes * lanes
	if t.pitch%(16*lanes) == 0 {
		t.pitch += lanes // rows a multiple of 1 KB apart share places in the cache
	}
	t.rowOf = [4]winoRow[T]{{0, 2, k.input[0]}, {1, 2, k.input[1]}, {2, 1, k.input[0]}, {1, 3, k.input[0]}}
	t.none = make([]T, 2*t.tw+4*lanes)
	t.full = newWinoOrder(lanes/2, lanes, size)
	if 2*t.tw == lanes || 2*t.tw < lanes && k.anyHalf {
		t.narrow = newWinoOrder(t.tw, lanes, size)
	}
	for c := range t.c {
		t.off = append(t.off, c*t.pitch*size)
	}
}

// reserve makes the work space of the workers.
func (t *convWino[T]) reserve(threads int) {
	if len(t.workers) >= threads {
		return
	}
	t.workers = make([]winoScratch[T], threads)
	for i := range t.workers {
		t.workers[i].in = make([]T, 4*t.inStep()+convSpare)
		t.workers[i].taps = make([]T, 9*t.c*maxMR)
		t.workers[i].out = make([]T, winoTile*t.outStep()+convSpare)
	}
}

// outStep is the distance of the products of positions, in numbers.
func (t *convWino[T]) outStep() int { return t.panels*t.high*t.pitch + t.mk.lanes }

// packWeights transforms the weights.
func (t *convWino[T]) packWeights(p *Pool, w []T) {
	t.reserve(p.Threads())
	t.w9 = w
	p.Do((*winoPacking[T])(t), t.groups*t.panels)
	t.w9 = nil
}

// winoPacking transforms the weights of a panel of a group.
type winoPacking[T Float] convWino[T]

func (p *winoPacking[T]) Run(worker, i int) {
	t := (*convWino[T])(p)
	s := &t.workers[worker]
	g, m0 := i/t.panels, i%t.panels*t.high
	rows, size := min(t.high, t.m-m0), sizeOf[T]()
	s.k = winoTaps[T]{dst: &t.weights[i*t.c*maxMR], src: &s.taps[0], count: t.c,
		step: t.groups * t.panels * t.c * maxMR * size, tap: maxMR * size}
	if !t.turned {
		t.finish.transpose(s.taps, maxMR, t.w9[(g*t.m+m0)*t.c*9:], 9*t.c, rows, 9*t.c)
	} else {
		s.k.src, s.k.tap = &s.taps[8*maxMR], -maxMR*size
		for c := range t.c {
			t.finish.transpose(s.taps[c*9*maxMR:], maxMR, t.w9[((g*t.c+c)*t.m+m0)*9:], 9, rows, 9)
		}
	}
	t.mk.wino.weights(&s.k)
}

// run computes y from x.
func (t *convWino[T]) run(p *Pool, x, y []T, e *Epilogue[T]) {
	t.reserve(p.Threads())
	t.x, t.y, t.useEpi = x, y, e != nil
	if e != nil {
		t.epi = *e
		t.epi.BiasRow = true
	}
	p.Do(t, (t.units+t.grain-1)/t.grain)
	t.x, t.y, t.epi = nil, nil, Epilogue[T]{}
}

// Run implements Task.
func (t *convWino[T]) Run(worker, i int) {
	for u := i * t.grain; u < min((i+1)*t.grain, t.units); u++ {
		b := winoBlock[T]{convWino: t, winoScratch: &t.workers[worker]}
		cut, rest := u%t.cuts, u/t.cuts
		b.p0, b.p1 = cut*t.panels/t.cuts, (cut+1)*t.panels/t.cuts
		b.r0 = rest % t.blocks * t.rows
		b.r1 = min(t.th, b.r0+t.rows)
		b.group = rest / t.blocks % t.groups
		b.n0 = rest / t.blocks / t.groups * t.some
		b.n1 = min(t.images, b.n0+t.some)
		b.run()
	}
}

// winoBlock is a unit of a convWino: panels p0 to p1 of rows r0 to r1 of tiles of
// images n0 to n1.
type winoBlock[T Float] struct {
	*convWino[T]
	*winoScratch[T]
	group, p0, p1, r0, r1, n0, n1 int
}

func (b *winoBlock[T]) run() {
	for i := range 4 {
		b.transform(i)
		for j := range 4 {
			b.multiply(4*i + j)
		}
	}
	b.outputs()
	if b.useEpi {
		b.epilogues()
	}
}

// multiply computes the products of a position.
func (b *winoBlock[T]) multiply(pos int) {
	t, mk := &b.t, b.mk
	vecs := ((b.n1-b.n0)*(b.r1-b.r0)*b.tw + mk.lanes - 1) / mk.lanes
	in, out := b.in[pos%4*b.inStep():], b.out[pos*b.outStep():]
	weights := b.weights[(pos*b.groups+b.group)*b.panels*b.c*maxMR:]
	*t = convTile[T]{off: &b.off[0], k: b.c, ldc: b.pitch}
	strips := (vecs + mk.nv - 1) / mk.nv
	for s := range strips {
		v0, v1 := s*vecs/strips, (s+1)*vecs/strips
		t.cols = (v1 - v0) * mk.lanes
		for v := range v1 - v0 {
			t.b[v] = &in[(v0+v)*mk.lanes]
		}
		for p := b.p0; p < b.p1; p++ {
			t.rows = min(b.high, b.m-p*b.high)
			t.a, t.c = &weights[p*b.c*maxMR], &out[p*b.high*b.pitch+v0*mk.lanes]
			mk.tile[t.rows][v1-v0](t)
		}
	}
}

// inStep is the distance of positions of the input, in numbers.
func (t *convWino[T]) inStep() int { return t.c*t.pitch + t.mk.lanes }

// transform computes row i of the positions of all tiles from their rows of inputs.
func (b *winoBlock[T]) transform(i int) {
	k, r, size := b.rowOf[i], &b.r, sizeOf[T]()
	*r = winoRows[T]{channels: b.c, nextDst: b.pitch * size, step: b.inStep() * size}
	lo := (max(0, b.padTop-min(k.a, k.b)) + 1) / 2 // rows of tiles without padding
	hi := max(lo, (b.h+b.padTop-max(k.a, k.b)+1)/2)
	at := 0
	for n := b.n0; n < b.n1; n++ {
		in := b.x[(n*b.groups+b.group)*b.c*b.h*b.w:]
		for row := b.r0; row < b.r1; {
			rows := 1
			if row >= lo && row < hi {
				rows = min(hi, b.r1) - row
			}
			from := 2*row - b.padTop
			r.a, r.nextA, r.atA = b.row(in, from+k.a)
			r.b, r.nextB, r.atB = b.row(in, from+k.b)
			b.rowsOf(k.kernel, at, rows)
			at += rows * b.tw
			row += rows
		}
	}
}

// row returns where column -padLeft of row i of a plane is, for winoRows: zeros
// outside of the image.
func (b *winoBlock[T]) row(in []T, i int) (p *T, next, at int) {
	if i < 0 || i >= b.h {
		return &b.none[0], 0, 0
	}
	return &in[0], b.h * b.w * sizeOf[T](), (i*b.w - b.padLeft) * sizeOf[T]()
}

// rowsOf transforms rows rows of tiles to tile at and on, two at a time if they fit
// into a vector.
func (b *winoBlock[T]) rowsOf(kernel func(*winoRows[T]), at, rows int) {
	r, lanes, size, w := &b.r, b.mk.lanes, sizeOf[T](), 2*b.w*sizeOf[T]()
	if pairs := rows / 2; b.narrow != nil && pairs > 0 {
		r.order, r.rows, r.second, r.ldd, r.lds = b.narrow, pairs, w, 2*b.tw*size, 2*w
		row, later := laneMask(-b.padLeft, lanes, b.w), laneMask(2-b.padLeft, lanes, b.w)
		r.mask, r.out = [4]uint64{row, row, later, later}, 1<<(2*b.tw)-1
		r.dst = &b.in[at]
		kernel(r)
		at, rows = at+2*pairs*b.tw, rows-2*pairs
		r.atA, r.atB = r.atA+2*pairs*w, r.atB+2*pairs*w
	}
	if rows == 0 {
		return
	}
	r.order, r.rows, r.second, r.ldd, r.lds = b.full, rows, lanes*size, b.tw*size, w
	atA, atB := r.atA, r.atB
	for j := 0; j < b.tw; j += lanes {
		for v := range r.mask {
			r.mask[v] = laneMask(2*j-b.padLeft+v%2*lanes+v/2*2, lanes, b.w)
		}
		r.out, r.dst = 1<<min(lanes, b.tw-j)-1, &b.in[at+j]
		r.atA, r.atB = atA+2*j*size, atB+2*j*size
		kernel(r)
	}
}

// outputs transforms the products.
func (b *winoBlock[T]) outputs() {
	size, m0, m1 := sizeOf[T](), b.p0*b.high, min(b.p1*b.high, b.m)
	o := &b.o
	*o = winoTiles[T]{channels: m1 - m0, nextDst: b.oh * b.ow * size, nextSrc: b.pitch * size,
		step: b.outStep() * size, row: 4 * b.outStep() * size}
	at := m0 * b.pitch
	for n := b.n0; n < b.n1; n++ {
		out := b.y[((n*b.groups+b.group)*b.m+m0)*b.oh*b.ow:]
		whole := max(0, min(b.r1, b.oh/2)-b.r0) // rows of tiles with both rows of outputs
		b.outputRows(out, at, b.r0, whole, true)
		b.outputRows(out, at+whole*b.tw, b.r0+whole, b.r1-b.r0-whole, false)
		at += (b.r1 - b.r0) * b.tw
	}
}

// outputRows transforms tiles at and on to rows rows of tiles.
func (b *winoBlock[T]) outputRows(out []T, at, row, rows int, both bool) {
	o, lanes, size, w := &b.o, b.mk.lanes, sizeOf[T](), 2*b.ow*sizeOf[T]()
	set := func(j int, mask [2]uint64) {
		from := 2*row*b.ow + j
		o.src, o.dst, o.mask = &b.out[at], [2]*T{&out[from], &out[from]}, [4]uint64{mask[0], mask[1]}
		if both {
			o.dst[1], o.mask[2], o.mask[3] = &out[from+b.ow], mask[0], mask[1]
		}
	}
	if pairs := rows / 2; b.narrow != nil && pairs > 0 {
		o.order, o.rows, o.second, o.ldd, o.lds = b.narrow, pairs, w, 2*w, 2*b.tw*size
		mask := laneMask(0, lanes, b.ow)
		set(0, [2]uint64{mask, mask})
		b.mk.wino.output(o)
		at, row, rows = at+2*pairs*b.tw, row+2*pairs, rows-2*pairs
	}
	if rows == 0 {
		return
	}
	o.order, o.rows, o.second, o.ldd, o.lds = b.full, rows, lanes*size, w, b.tw*size
	for j := 0; j < b.tw; j += lanes {
		set(2*j, [2]uint64{laneMask(2*j, lanes, b.ow), laneMask(2*j+lanes, lanes, b.ow)})
		b.mk.wino.output(o)
		at += lanes
	}
}

// epilogues finishes the outputs, a panel of an image at a time.
func (b *winoBlock[T]) epilogues() {
	plane, from := b.oh*b.ow, 2*b.r0*b.ow
	count := min(2*b.r1, b.oh)*b.ow - from
	for n := b.n0; n < b.n1; n++ {
		for p := b.p0; p < b.p1; p++ {
			m, e := p*b.high, &b.e
			at := ((n*b.groups+b.group)*b.m+m)*plane + from
			*e = epilogue[T]{c: &b.y[at], ldc: plane, ldr: plane, rows: min(b.high, b.m-m), cols: count}
			if b.epi.Residual != nil {
				e.residual = &b.epi.Residual[at]
			}
			e.apply(b.finish, &b.epi, b.group*b.m+m, 0)
		}
	}
}

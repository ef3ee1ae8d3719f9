package kernel

// convGrad computes the gradient of the weights,
//
//	dw[m,c,a,b] = sum_n,i,j dy[n,m](i,j) x[n,c](i StrideH + a.shift, j StrideW + b.shift),
//
// as dot products of rows of dy, in place, with the shifted inputs of a
// convPass. Its units are a run of images, a group and a run of blocks of
// channels; the sums of the runs of images are added up in order. Neither
// depends on the number of threads.
type convGrad[T Float] struct {
	mk     *convMicro[T]
	s      *ConvShape
	pass   *convPass[T]
	blocks int // of channels in a group
	cuts   int // runs of blocks
	parts  int // runs of images
	chunk  int // images packed at a time
	sets   int // of width taps in a block, dotGroup numbers apart
	width  int
	rows   int // output channels of a dot kernel

	pool      *PoolShape // if not nil, dy is the gradient of the pooled output, whose maxima are at arg
	arg       []int32
	x, dy, dw []T
	sums      []T // parts x M x blocks x sets x dotGroup
	workers   []convGradScratch[T]
}

type convGradScratch[T Float] struct {
	cols   []T
	full   []T // dy of the images packed at a time, if it is pooled
	pieces []convPiece
	r      convRows[T]
	d      convDots[T]
	_      [128]byte
}

// Limits of a block: taps, and bytes of packed input, which must leave room for
// dy in the first cache level.
const (
	gradTaps  = 18
	gradBytes = 32 << 10
	gradParts = 8
)

func newConvGrad[T Float](s *ConvShape) *convGrad[T] {
	g := &convGrad[T]{mk: convMicroFor[T](), s: s, pass: forwardPass[T](s)}
	q := g.pass
	per := max(1, q.perChannel())
	q.lay(q.oh, (gradTaps+per-1)/per, gradBytes, 1)
	g.blocks = (q.c + q.block - 1) / q.block
	taps := q.block * per
	g.sets = (taps + maxConvTaps - 1) / maxConvTaps
	g.width = (taps + g.sets - 1) / max(1, g.sets)
	cuts := (s.mg() + g.mk.dots - 1) / g.mk.dots
	g.rows = (s.mg() + cuts - 1) / max(1, cuts)
	g.parts = max(1, min(s.N, gradParts))
	g.chunk = 1
	if q.unitRows == q.oh {
		g.chunk = even((s.N+g.parts-1)/g.parts, max(1, gradBytes/max(1, q.packed()*sizeOf[T]())))
	}
	g.cuts = min(max(1, g.blocks), (gradParts+g.parts*s.Groups-1)/(g.parts*s.Groups))
	g.sums = make([]T, g.parts*s.M*g.perRow())
	return g
}

// perRow is the number of sums of an output channel.
func (g *convGrad[T]) perRow() int { return g.blocks * g.sets * dotGroup }

func (g *convGrad[T]) run(p *Pool, x, dy, dw []T) {
	s := g.s
	if len(dw) == 0 {
		return
	}
	if s.lenY() == 0 {
		clear(dw)
		return
	}
	if len(g.workers) < p.Threads() {
		g.workers = make([]convGradScratch[T], p.Threads())
		for i := range g.workers {
			g.workers[i].cols = make([]T, g.chunk*g.pass.packed()+convSpare)
			g.workers[i].pieces = make([]convPiece, g.pass.maxPieces(g.mk))
			if g.pool != nil {
				g.workers[i].full = make([]T, g.chunk*s.M*s.OH*s.OW+convSpare)
			}
		}
	}
	g.x, g.dy, g.dw = x, dy, dw
	p.Do(g, g.parts*s.Groups*g.cuts)
	p.Do((*convGradSum[T])(g), s.M)
	g.x, g.dy, g.dw = nil, nil, nil
}

// Run implements Task.
func (g *convGrad[T]) Run(worker, i int) {
	b := convGradBlock[T]{convGrad: g, convGradScratch: &g.workers[worker]}
	cut, rest := i%g.cuts, i/g.cuts
	b.group, b.part = rest%g.s.Groups, rest/g.s.Groups
	b.b0, b.b1 = cut*g.blocks/g.cuts, (cut+1)*g.blocks/g.cuts
	for m := range g.s.mg() {
		row := b.sumsOf(m)
		clear(row[b.b0*g.sets*dotGroup : b.b1*g.sets*dotGroup])
	}
	n1 := (b.part + 1) * g.s.N / g.parts
	for n := b.part * g.s.N / g.parts; n < n1; n += g.chunk {
		if g.pool != nil {
			b.unpool(n, min(g.chunk, n1-n))
		}
		for i0 := 0; i0 < g.pass.oh; i0 += g.pass.unitRows {
			b.add(n, min(g.chunk, n1-n), i0, min(g.pass.unitRows, g.pass.oh-i0))
		}
	}
}

// convGradBlock is a unit of a convGrad.
type convGradBlock[T Float] struct {
	*convGrad[T]
	*convGradScratch[T]
	group, part, b0, b1 int
}

// sumsOf returns the sums of output channel m of the group.
func (b *convGradBlock[T]) sumsOf(m int) []T {
	at := ((b.part*b.s.Groups+b.group)*b.s.mg() + m) * b.perRow()
	return b.sums[at : at+b.perRow()]
}

// unpool sets full to the gradient of the convolution's output.
func (b *convGradBlock[T]) unpool(n, images int) {
	in, out := b.pool.H*b.pool.W, b.pool.OH*b.pool.OW
	for k := range images * b.s.M {
		at := (n*b.s.M + k) * out
		maxPlaneGrad(b.pool, b.dy[at:at+out], b.full[k*in:(k+1)*in], b.arg[at:at+out])
	}
}

// add adds what output rows i0 to i0+rows of images n to n+images contribute.
func (b *convGradBlock[T]) add(n, images, i0, rows int) {
	q, s, d := b.pass, b.s, &b.d
	per, plane, size := q.perChannel(), s.OH*s.OW, sizeOf[T]()
	count := rows * q.ow
	*d = convDots[T]{ldx: plane, ldo: b.perRow(), images: images, whole: count / b.mk.lanes, tail: count % b.mk.lanes}
	d.skipX = (s.M*plane - d.whole*b.mk.lanes) * size
	q.window(b.mk, &b.r, b.pieces, i0, rows)
	dy := b.full
	if b.pool == nil {
		dy = b.dy[n*s.M*plane:]
	}
	for blk := b.b0; blk < b.b1; blk++ {
		c := blk * q.block
		channels := min(q.block, q.c-c)
		d.y = &b.shifted(n, images, c, channels, i0, rows)[0]
		for m := 0; m < s.mg(); m += b.rows {
			d.rows = min(b.rows, s.mg()-m)
			d.x = &dy[(b.group*s.mg()+m)*plane+i0*s.OW]
			b.taps(b.sumsOf(m)[blk*b.sets*dotGroup:], channels*per)
		}
	}
}

// taps multiplies the rows of dy with all taps of a block.
func (b *convGradBlock[T]) taps(out []T, taps int) {
	d := &b.d
	for t := 0; t < taps; t += b.width {
		d.taps, d.off, d.out = min(b.width, taps-t), &b.pass.off[t], &out[t/b.width*dotGroup]
		b.mk.dot[d.rows][d.taps](d)
	}
}

// shifted returns the shifted inputs of channels of a group, and sets what lies
// between images.
func (b *convGradBlock[T]) shifted(n, images, c, channels, i0, rows int) []T {
	q, s, d := b.pass, b.s, &b.d
	pitch := s.C * q.h * q.w
	at := n*pitch + (b.group*q.c+c)*q.h*q.w
	from := b.x[at:]
	if q.inPlace {
		from = from[i0*q.ow:]
	} else {
		for i := range images {
			q.pack(b.mk, &b.r, b.cols[i*q.packed():], b.x[at+i*pitch:], channels, i0, rows)
		}
		from, pitch = b.cols, q.packed()
	}
	d.skipY = (pitch - d.whole*b.mk.lanes) * sizeOf[T]()
	return from
}

// convGradSum adds up the parts of an output channel's sums.
type convGradSum[T Float] convGrad[T]

func (t *convGradSum[T]) Run(_, m int) {
	g := (*convGrad[T])(t)
	q, n := g.pass, g.perRow()
	total := g.sums[m*n : (m+1)*n]
	for p := 1; p < g.parts; p++ {
		at := (p*g.s.M + m) * n
		for i, v := range g.sums[at : at+n] {
			total[i] += v
		}
	}
	per := q.perChannel()
	dw := g.dw[m*q.taps() : (m+1)*q.taps()]
	for blk := range g.blocks {
		taps := min(q.block, q.c-blk*q.block) * per
		for set := 0; set*g.width < taps; set++ {
			copy(dw[blk*q.block*per+set*g.width:], total[(blk*g.sets+set)*dotGroup:][:min(g.width, taps-set*g.width)])
		}
	}
}

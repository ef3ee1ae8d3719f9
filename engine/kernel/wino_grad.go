package kernel

// winoGrad computes the gradient of 3 x 3 weights of a convolution with stride 1 in
// Winograd tiles,
//
//	dw = G^T [ sum_n,tiles (B^T x B) . (A dy A^T) ] G,
//
// the derivative of the product that convWino computes. At each of the 16
// positions of a tile the sums are the dot products of all channels of x with all
// of dy, over tiles in the order of memory. Its units are a run of images, a group
// and, where the sums are too many for the cache, a row of positions; the sums of
// the runs are added up in order.
type winoGrad[T Float] struct {
	s     *ConvShape
	x, dy *convWino[T] // the tiles of both
	parts int
	split int // 4 if a unit has one row of positions, 1 if it has all
	sets  int // of width channels of x, dotGroup numbers apart
	width int
	high  int // output channels of a dot kernel
	sums  []T // parts x positions x M x sets x dotGroup

	dw      []T
	workers []winoGradScratch[T]
}

type winoGradScratch[T Float] struct {
	x, dy winoScratch[T]
	d     convDots[T]
	_     [128]byte
}

const (
	winoGradBytes = 256 << 10 // of the tiles of a row of positions
	winoGradParts = 8
	winoGradSums  = 64 << 10 // bytes of sums of all positions that a unit may have
	winoGradLeast = 32       // channels from which on it wins
	winoGradTiles = 1024     // tiles from which on it wins
)

// winoGradFits says where winoGrad was measured to win.
func (s *ConvShape) winoGradFits() bool {
	return s.winoShape() && min(s.cg(), s.mg()) >= winoGradLeast && s.N*((s.OH+1)/2)*((s.OW+1)/2) >= winoGradTiles
}

func newWinoGrad[T Float](s *ConvShape) *winoGrad[T] {
	t := &winoGrad[T]{s: s, split: 1}
	t.sets = (s.cg() + maxConvTaps - 1) / maxConvTaps
	t.width = (s.cg() + t.sets - 1) / t.sets
	if winoTile*s.mg()*t.perRow()*sizeOf[T]() > winoGradSums {
		t.split = 4
	}
	t.parts = min(s.N, winoGradParts/t.split)
	mk := convMicroFor[T]()
	t.x = &convWino[T]{mk: mk, c: s.cg(), h: s.H, w: s.W, oh: s.OH, ow: s.OW, padTop: s.PadTop, padLeft: s.PadLeft}
	t.dy = &convWino[T]{mk: mk, c: s.mg(), h: s.OH, w: s.OW, oh: s.OH, ow: s.OW}
	tiles := winoGradBytes / (4 * (s.cg() + s.mg()) * sizeOf[T]()) // in work space
	for _, w := range []*convWino[T]{t.x, t.dy} {
		w.images, w.groups = s.N, s.Groups
		w.th, w.tw = (s.OH+1)/2, (s.OW+1)/2
		w.rows = even(w.th, max(1, min(w.th, tiles/w.tw)))
		w.some = 1
		if w.rows == w.th {
			w.some = even((s.N+t.parts-1)/t.parts, max(1, tiles/(w.th*w.tw)))
		}
		w.lay()
	}
	t.dy.rowOf = [4]winoRow[T]{{0, 0, mk.wino.grad[1]}, {0, 1, mk.wino.grad[1]}, {0, 1, mk.wino.grad[0]}, {1, 1, mk.wino.grad[1]}}
	t.high = mk.dots
	t.sums = make([]T, t.parts*winoTile*s.M*t.perRow())
	return t
}

// perRow is the number of sums of an output channel at a position.
func (t *winoGrad[T]) perRow() int { return t.sets * dotGroup }

func (t *winoGrad[T]) run(p *Pool, x, dy, dw []T) {
	if len(t.workers) < p.Threads() {
		t.workers = make([]winoGradScratch[T], p.Threads())
		for i := range t.workers {
			w := &t.workers[i]
			w.x.in, w.dy.in = make([]T, 4*t.x.inStep()+convSpare), make([]T, 4*t.dy.inStep()+convSpare)
		}
	}
	t.x.x, t.dy.x, t.dw = x, dy, dw
	p.Do(t, t.parts*t.s.Groups*t.split)
	p.Do((*winoGradSum[T])(t), t.s.M)
	t.x.x, t.dy.x, t.dw = nil, nil, nil
}

// Run implements Task.
func (t *winoGrad[T]) Run(worker, u int) {
	w := &t.workers[worker]
	i0, group, part := u%t.split, u/t.split%t.s.Groups, u/t.split/t.s.Groups
	i1 := i0 + 4/t.split
	for pos := 4 * i0; pos < 4*i1; pos++ {
		clear(t.sumsOf(part, pos, group*t.s.mg())[:t.s.mg()*t.perRow()])
	}
	end := (part + 1) * t.s.N / t.parts
	for n := part * t.s.N / t.parts; n < end; n += t.x.some {
		for r := 0; r < t.x.th; r += t.x.rows {
			x := winoBlock[T]{convWino: t.x, winoScratch: &w.x, group: group, r0: r, r1: min(t.x.th, r+t.x.rows), n0: n, n1: min(end, n+t.x.some)}
			for i := i0; i < i1; i++ {
				t.addRow(w, &x, i, part)
			}
		}
	}
}

// addRow adds the dot products of some tiles at a row of positions.
func (t *winoGrad[T]) addRow(w *winoGradScratch[T], x *winoBlock[T], i, part int) {
	dy := *x
	dy.convWino, dy.winoScratch = t.dy, &w.dy
	x.transform(i)
	dy.transform(i)
	for j := range 4 {
		t.add(w, part, 4*i+j, x.group, (x.n1-x.n0)*(x.r1-x.r0)*x.tw)
	}
}

// sumsOf returns the sums of a part at a position from output channel m on.
func (t *winoGrad[T]) sumsOf(part, pos, m int) []T {
	return t.sums[((part*winoTile+pos)*t.s.M+m)*t.perRow():]
}

// add adds the dot products of some tiles at a position.
func (t *winoGrad[T]) add(w *winoGradScratch[T], part, pos, group, tiles int) {
	d, mk := &w.d, t.x.mk
	*d = convDots[T]{ldx: t.dy.pitch, ldo: t.perRow(), images: 1, whole: tiles / mk.lanes, tail: tiles % mk.lanes,
		y: &w.x.in[pos%4*t.x.inStep()]}
	for m := 0; m < t.dy.c; m += t.high {
		d.rows = min(t.high, t.dy.c-m)
		d.x = &w.dy.in[pos%4*t.dy.inStep()+m*t.dy.pitch]
		sums := t.sumsOf(part, pos, group*t.dy.c+m)
		for set := range t.sets {
			c := set * t.width
			d.taps, d.off, d.out = min(t.width, t.x.c-c), &t.x.off[c], &sums[set*dotGroup]
			mk.dot[d.rows][d.taps](d)
		}
	}
}

// winoGradSum turns the sums of an output channel into the gradient of its weights.
type winoGradSum[T Float] winoGrad[T]

func (g *winoGradSum[T]) Run(_, m int) {
	t := (*winoGrad[T])(g)
	for c := range t.x.c {
		var s [winoTile]T
		at := c/t.width*dotGroup + c%t.width
		for pos := range s {
			for part := range t.parts {
				s[pos] += t.sumsOf(part, pos, m)[at]
			}
		}
		dw := winoWeightsGrad(&s)
		copy(t.dw[(m*t.x.c+c)*9:], dw[:])
	}
}

// winoWeightsGrad returns G^T s G, where rows 0 and 3 of s are twice what they
// should be and the last row and column have the other sign: see winoRows.
func winoWeightsGrad[T Float](s *[winoTile]T) (dw [9]T) {
	var down [3][4]T
	for j := range 4 {
		down[0][j], down[1][j], down[2][j] = winoThree(s[j]/2, s[4+j], s[8+j], s[12+j]/2)
	}
	for i, r := range down {
		dw[3*i], dw[3*i+1], dw[3*i+2] = winoThree(r[0], r[1], r[2], r[3])
	}
	return dw
}

// winoThree multiplies G^T with a vector whose last number has the other sign.
func winoThree[T Float](p, q, r, s T) (a, b, c T) { return p + (q+r)/2, (q - r) / 2, (q+r)/2 - s }

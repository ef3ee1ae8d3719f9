package kernel

// convScatter computes the input gradient of a convolution with stride 1 as the
// product of the transposed weights and the output's gradient, an image at a time,
//
//	cols[c,a,b](i,j) = sum_m w[m,c,a,b] dy[m](i,j)
//
// and sums of shifted columns, dx[c](h,w) = sum_a,b cols[c,a,b](h - a.shift, w -
// b.shift). The products are those of the forward convolution, where a sum over
// the taps of each input, as convRun computes it, has as many more as the input
// has more elements than the output. Units are a group of an image.
type convScatter[T Float] struct {
	*convRun[T] // a convolution with 1 x 1 weights from dy to cols
	s           *ConvShape
	sums        []convSum
	terms       []convTerm
}

// scatterWaste is from how many inputs an output on the scatter wins.
const scatterWaste = 1.5

// newScatter returns nil where convRun is better.
func newScatter[T Float](s *ConvShape) *convScatter[T] {
	out, taps := s.OH*s.OW, s.taps()
	if s.StrideH != 1 || s.StrideW != 1 || s.N*s.Groups < convUnits || s.lenY()*taps == 0 ||
		float64(s.H*s.W) < scatterWaste*float64(out) {
		return nil
	}
	r := &convRun[T]{passes: []*convPass[T]{{c: s.mg(), h: s.OH, w: s.OW, m: taps, oh: s.OH, ow: s.OW, stepH: 1, stepW: 1,
		rowTaps: []convTap{{}}, colTaps: []convTap{{}}}}, step: 1, plane: out, width: s.OW, across: true}
	r.at = func(_ *convPass[T], g, m, l int) int { return (g*s.mg()+l)*taps + m }
	r.plan(s)
	if q := r.passes[0]; q.unitRows < q.oh || r.cuts > 1 {
		return nil
	}
	t := &convScatter[T]{convRun: r, s: s}
	t.list()
	return t
}

// list makes the sums of a plane, vectors of its rows, and their terms.
func (t *convScatter[T]) list() {
	s, size, lanes := t.s, sizeOf[T](), t.mk.lanes
	for h := range s.H {
		for w := 0; w < s.W; w += lanes {
			from := len(t.terms)
			for a := range s.KH {
				if i := h + s.PadTop - a*s.DilH; i >= 0 && i < s.OH {
					t.row(i, w, a*s.KW)
				}
			}
			t.sums = append(t.sums, convSum{dst: (h*s.W + w) * size, mask: laneMask(w, lanes, s.W), terms: len(t.terms) - from})
		}
	}
}

// row adds what row i of the columns from tap on contributes to a vector at w.
func (t *convScatter[T]) row(i, w, tap int) {
	s := t.s
	for b := range s.KW {
		j := w + s.PadLeft - b*s.DilW
		if mask := laneMask(j, t.mk.lanes, s.OW); mask != 0 {
			at := (tap+b)*s.OH*s.OW + i*s.OW + j
			t.terms = append(t.terms, convTerm{src: at * sizeOf[T](), mask: mask})
		}
	}
}

func (t *convScatter[T]) run(p *Pool, dy, w, dx []T) {
	t.packWeights(p, w)
	if len(t.workers) < p.Threads() {
		t.reserve(p.Threads())
		for i := range t.workers {
			t.workers[i].out = make([]T, t.panels*t.high*t.plane+convSpare)
		}
	}
	t.x, t.y = dy, dx
	p.Do(t, t.units)
	t.x, t.y = nil, nil
}

// Run implements Task.
func (t *convScatter[T]) Run(worker, i int) {
	s, q := t.s, t.passes[0]
	b := convBlock[T]{convRun: t.convRun, convScratch: &t.workers[worker], p1: t.panels, group: i % t.groups, image: i / t.groups}
	b.pass(q, t.weights[0], b.out, t.plane, q.oh)
	b.s = convSums[T]{dst: &t.y[i*s.cg()*s.H*s.W], src: &b.out[0], sums: &t.sums[0], terms: &t.terms[0], count: len(t.sums), channels: s.cg(),
		nextDst: s.H * s.W * sizeOf[T](), nextSrc: s.KH * s.KW * t.plane * sizeOf[T]()}
	t.mk.sum(&b.s)
}

package kernel

// convSparse computes the gradients of a convolution whose output goes into 2 x 2
// maximum pooling and nowhere else. Of its output's gradient only one of four
// numbers is not zero: g[m,o] of window o at position arg[m,o] of the plane of
// channel m. With cols[i,j] the K = KH KW C inputs that output (i,j) sees,
//
//	dw[m] = sum_n,o g[n,m,o] cols[n,arg[n,m,o]],
//	dcols[i,j] = sum_m,o g[m,o] w[m] where arg[m,o] = (i,j),
//
// a quarter of the products of the dense gradients, and dx is the sum of dcols
// over the taps. Images are kept as H W C, so that the inputs of a row of taps
// lie next to each other. Units are an image, and for the weights a run of images,
// the sums of which are added up in order.
type convSparse[T Float] struct {
	s       *ConvShape
	mk      *convMicro[T]
	tr      *micro[T]
	o       *vecOps[T]
	k       int // numbers of a row of cols
	pitch   int // from a row to the next: an odd number of cache lines
	blocks  int // runs of up to maxSparse vectors of a row
	windows int // of a plane
	parts   int // runs of images
	counts  []int
	sums    []convSum
	terms   []convTerm
	packed  []T // weights: M x pitch, of KH KW C
	partial []T // parts x M x pitch
	workers []convSparseScratch[T]

	x, g, w, dx, dw []T
	arg             []int32
}

type convSparseScratch[T Float] struct {
	image, cols []T // H W C, its padding included; OH OW x pitch
	grad        []T // H W C, of the input
	planes      []T // C H W with whole vectors of 8
	idx         []int32
	val         []T
	count       []int
	r           convSparseRows[T]
	s           convSums[T]
	_           [128]byte
}

// Limits of a convSparse.
const (
	sparseCols  = 64       // numbers that an output sees at least
	sparseBytes = 48 << 10 // of the rows that a block reads
)

// sparseFits says that convSparse is better than dense gradients.
func sparseFits[T Float](s *ConvShape, mk *convMicro[T]) bool {
	one := s.StrideH == 1 && s.StrideW == 1 && s.DilH == 1 && s.DilW == 1 && s.Groups == 1
	return one && mk.sparse != nil && s.lenX()*s.lenY() > 0 && s.taps() >= sparseCols &&
		max(s.OH*s.OW, s.M)*maxSparse*mk.lanes*sizeOf[T]() <= sparseBytes
}

// newConvSparse returns nil where dense gradients are better.
func newConvSparse[T Float](s *ConvShape) *convSparse[T] {
	mk := convMicroFor[T]()
	if !sparseFits(s, mk) {
		return nil
	}
	line := 64 / sizeOf[T]()
	t := &convSparse[T]{s: s, mk: mk, tr: microFor[T](), o: ops[T](), k: s.taps(), windows: (s.OH / 2) * (s.OW / 2)}
	t.pitch = ((t.k+line-1)/line | 1) * line
	t.blocks = (t.vecs() + maxSparse - 1) / maxSparse
	t.parts = min(s.N, gradParts)
	t.counts = make([]int, s.M)
	for m := range t.counts {
		t.counts[m] = t.windows
	}
	t.packed, t.partial = make([]T, s.M*t.pitch), make([]T, t.parts*s.M*t.pitch)
	t.list()
	return t
}

// vecs is the number of vectors of a row.
func (t *convSparse[T]) vecs() int { return (t.k + t.mk.lanes - 1) / t.mk.lanes }

// list makes the sums of an image as H W C, vectors of its rows, and their terms:
// all of a row of taps of an output at a time.
func (t *convSparse[T]) list() {
	s, size, lanes := t.s, sizeOf[T](), t.mk.lanes
	for h := range s.H {
		for v := 0; v < s.W*s.C; v += lanes {
			from := len(t.terms)
			for a := range s.KH {
				if i := h + s.PadTop - a; i >= 0 && i < s.OH {
					t.row(i, v, a)
				}
			}
			t.sums = append(t.sums, convSum{dst: (h*s.W*s.C + v) * size, mask: laneMask(v, lanes, s.W*s.C), terms: len(t.terms) - from})
		}
	}
}

// row adds what row i of outputs contributes through row a of the taps to a vector at v.
func (t *convSparse[T]) row(i, v, a int) {
	n := t.s.KW * t.s.C
	for j := range t.s.OW {
		from := v - (j-t.s.PadLeft)*t.s.C
		if mask := laneMask(from, t.mk.lanes, n); mask != 0 {
			at := (i*t.s.OW+j)*t.pitch + a*n + from
			t.terms = append(t.terms, convTerm{src: at * sizeOf[T](), mask: mask})
		}
	}
}

// reserve makes the work space of the workers.
func (t *convSparse[T]) reserve(threads int) {
	if len(t.workers) >= threads {
		return
	}
	s := t.s
	t.workers = make([]convSparseScratch[T], threads)
	for i := range t.workers {
		c := &t.workers[i]
		c.image = make([]T, (s.H+s.PadTop+s.PadBottom)*t.wide()*s.C+convSpare)
		c.grad = make([]T, s.H*s.W*s.C+convSpare)
		c.cols, c.planes = make([]T, s.OH*s.OW*t.pitch+convSpare), make([]T, up8(s.C)*up8(s.H*s.W)+convSpare)
		c.idx, c.val, c.count = make([]int32, s.OH*s.OW*s.M), make([]T, s.OH*s.OW*s.M), make([]int, s.OH*s.OW)
	}
}

// up8 rounds up to a multiple of 8.
func up8(n int) int { return (n + 7) &^ 7 }

// wide is the width of a padded image.
func (t *convSparse[T]) wide() int { return t.s.W + t.s.PadLeft + t.s.PadRight }

// multiply computes all columns of the product that c.r describes.
func (t *convSparse[T]) multiply(r *convSparseRows[T], dst, src []T) {
	for b := range t.blocks {
		v0, v1 := b*t.vecs()/t.blocks, (b+1)*t.vecs()/t.blocks
		r.dst, r.src = &dst[v0*t.mk.lanes], &src[v0*t.mk.lanes]
		t.mk.sparse[v1-v0](r)
	}
}

// weight sets dw to the gradient of the weights.
func (t *convSparse[T]) weight(p *Pool, x, g []T, arg []int32, dw []T) {
	t.reserve(p.Threads())
	t.x, t.g, t.arg, t.dw = x, g, arg, dw
	p.Do((*convSparseWeight[T])(t), t.parts)
	p.Do((*convSparseSum[T])(t), t.s.M)
	t.x, t.g, t.arg, t.dw = nil, nil, nil, nil
}

// convSparseWeight adds up the gradient of the weights for a run of images.
type convSparseWeight[T Float] convSparse[T]

func (u *convSparseWeight[T]) Run(worker, part int) {
	t := (*convSparse[T])(u)
	s, c := t.s, &t.workers[worker]
	sums := t.partial[part*s.M*t.pitch : (part+1)*s.M*t.pitch]
	ld, all := t.pitch*sizeOf[T](), s.M*t.windows
	first := part * s.N / t.parts
	for n := first; n < (part+1)*s.N/t.parts; n++ {
		t.columns(c, t.x[n*s.C*s.H*s.W:(n+1)*s.C*s.H*s.W])
		c.r = convSparseRows[T]{idx: &t.arg[n*all], val: &t.g[n*all], count: &t.counts[0], rows: s.M, ldd: ld, lds: ld, lde: t.windows, add: n - first}
		t.multiply(&c.r, sums, c.cols)
	}
}

// columns sets c.cols to those of an image.
func (t *convSparse[T]) columns(c *convSparseScratch[T], x []T) {
	s := t.s
	t.channelsLast(c.image, x)
	n := s.KW * s.C
	for i := range s.OH {
		for a := range s.KH {
			row := c.image[(i+a)*t.wide()*s.C:]
			for j := range s.OW {
				copy(c.cols[(i*s.OW+j)*t.pitch+a*n:][:n], row[j*s.C:])
			}
		}
	}
}

// channelsLast copies the C H W image x into one of H W C with padding. Vectors of 8
// channels reach into the next column, so that the first channels come last.
func (t *convSparse[T]) channelsLast(dst, x []T) {
	s, wide := t.s, t.wide()
	rows, cols := s.H, s.W
	if wide == s.W {
		rows, cols = 1, s.H*s.W
	}
	for c := (s.C - 1) &^ 7; c >= 0; c -= 8 {
		for h := range rows {
			at := ((h+s.PadTop)*wide+s.PadLeft)*s.C + c
			t.tr.transpose(dst[at:], s.C, x[c*s.H*s.W+h*cols:], s.H*s.W, min(8, s.C-c), cols)
		}
	}
	if gap := (wide - s.W) * s.C; gap > 0 || s.PadBottom > 0 {
		for h := range s.H {
			at := ((h+s.PadTop)*wide + s.PadLeft + s.W) * s.C
			clear(dst[at : at+gap])
		}
		end := ((s.H+s.PadTop)*wide + s.PadLeft) * s.C
		clear(dst[end : end+min(8, s.PadBottom*wide*s.C)])
	}
}

// convSparseSum adds up the parts of an output channel, in the order C KH KW.
type convSparseSum[T Float] convSparse[T]

func (u *convSparseSum[T]) Run(_, m int) {
	t := (*convSparse[T])(u)
	s := t.s
	total := t.partial[m*t.pitch:][:t.k]
	for p := 1; p < t.parts; p++ {
		t.o.add(total, total, t.partial[(p*s.M+m)*t.pitch:][:t.k])
	}
	per, dw := s.KH*s.KW, t.dw[m*t.k:(m+1)*t.k]
	for i := range per {
		for c, v := range total[i*s.C : (i+1)*s.C] {
			dw[c*per+i] = v
		}
	}
}

// input sets dx to the gradient of the input.
func (t *convSparse[T]) input(p *Pool, g []T, arg []int32, w, dx []T) {
	t.reserve(p.Threads())
	t.g, t.arg, t.w, t.dx = g, arg, w, dx
	p.Do((*convSparsePacking[T])(t), t.s.M)
	p.Do((*convSparseInput[T])(t), t.s.N)
	t.g, t.arg, t.w, t.dx = nil, nil, nil, nil
}

// convSparsePacking arranges the weights of an output channel as KH KW C.
type convSparsePacking[T Float] convSparse[T]

func (u *convSparsePacking[T]) Run(_, m int) {
	t := (*convSparse[T])(u)
	per, row := t.s.KH*t.s.KW, t.packed[m*t.pitch:]
	for c := range t.s.C {
		for i, v := range t.w[m*t.k+c*per : m*t.k+(c+1)*per] {
			row[i*t.s.C+c] = v
		}
	}
}

// convSparseInput computes the gradient of an image.
type convSparseInput[T Float] convSparse[T]

func (u *convSparseInput[T]) Run(worker, n int) {
	t := (*convSparse[T])(u)
	s, c, size := t.s, &t.workers[worker], sizeOf[T]()
	t.sort(c, n)
	c.r = convSparseRows[T]{idx: &c.idx[0], val: &c.val[0], count: &c.count[0], rows: s.OH * s.OW, ldd: t.pitch * size, lds: t.pitch * size, lde: s.M}
	t.multiply(&c.r, c.cols, t.packed)
	c.s = convSums[T]{dst: &c.grad[0], src: &c.cols[0], sums: &t.sums[0], terms: &t.terms[0], count: len(t.sums), channels: 1}
	t.mk.sum(&c.s)
	t.channelsFirst(c, t.dx[n*s.C*s.H*s.W:(n+1)*s.C*s.H*s.W])
}

// sort lists the output channels whose maxima are at each output of image n.
func (t *convSparse[T]) sort(c *convSparseScratch[T], n int) {
	clear(c.count)
	for m := range t.s.M {
		at := (n*t.s.M + m) * t.windows
		g := t.g[at : at+t.windows]
		for o, k := range t.arg[at : at+t.windows] {
			e := int(k)*t.s.M + c.count[k]
			c.idx[e], c.val[e] = int32(m), g[o]
			c.count[k]++
		}
	}
}

// channelsFirst copies the gradient H W C to dx, C H W.
func (t *convSparse[T]) channelsFirst(c *convSparseScratch[T], dx []T) {
	n, ld := t.s.H*t.s.W, up8(t.s.H*t.s.W)
	t.tr.transpose(c.planes, ld, c.grad, t.s.C, n, up8(t.s.C))
	for ch := range t.s.C {
		copy(dx[ch*n:(ch+1)*n], c.planes[ch*ld:])
	}
}

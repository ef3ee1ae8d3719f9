package nd

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// CP is A ~ sum over r of u1_r o u2_r o ... o uD_r (Hitchcock 1927; Carroll and
// Chang 1970; Harshman 1970).
type CP struct {
	U []*linalg.Mat // Nn x R
}

// CPOpts configures DecomposeCP; zero values mean the defaults.
type CPOpts struct {
	Rank   int
	Sweeps int     // at most; 0 means 100
	Tol    float64 // change of the relative error of a sweep to stop at; 0 means 1e-5
	Starts int     // random starts beside the deterministic ones, the best goes on; 0 means 1, 3 or 6 for small arrays, negative none
	Ridge  float64 // relative to the mean eigenvalue of the normal equations; 0 means 1e-10
	// Slack bounds the correction after the sweeps: the error may grow by this
	// fraction while the components' sensitivity is lowered. 0 means 0.001, negative no correction.
	Slack float64
	Start *CP // goes on from here, with random components added, instead of fresh starts
	Seed  uint64
}

func (o CPOpts) withDefaults() CPOpts {
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	if o.Sweeps == 0 {
		o.Sweeps = 100
	}
	def(&o.Tol, 1e-5)
	def(&o.Ridge, 1e-10)
	def(&o.Slack, 1e-3)
	return o
}

// effort is what starts get before the best is chosen: small problems can afford more.
type effort struct{ work, starts, sweeps int } // work is a bound on elements times rank

var efforts = []effort{{1 << 15, 6, 40}, {1 << 19, 3, 20}, {math.MaxInt, 1, 8}}

// DecomposeCP fits the R components by alternating least squares from several
// starts, with extrapolation between sweeps, and then corrects them
// (CP.Correct), since the sweeps like to end in huge components that cancel. relErr
// is the relative error of the result.
func DecomposeCP(ctx context.Context, a *Array, o CPOpts) (c *CP, relErr float64, err error) {
	o = o.withDefaults()
	if o.Rank < 1 {
		return nil, 0, fmt.Errorf("nd: CP rank %d: ranks start at 1", o.Rank)
	}
	s := newALS(a, o)
	if s.whole == 0 {
		return zeroCP(a.Shape, o.Rank), 0, nil
	}
	if o.Rank >= MaxCPRank(a.Shape) {
		return trivialCP(a, o.Rank), 0, nil
	}
	best := s.start(ctx)
	if err := s.run(ctx, best, o.Sweeps); err != nil {
		return nil, 0, err
	}
	if o.Slack >= 0 {
		if err := s.correct(ctx, best, best.err*(1+o.Slack)); err != nil {
			return nil, 0, err
		}
	}
	best.cp.Balance()
	return best.cp, best.err, nil
}

func zeroCP(shape []int, r int) *CP {
	c := &CP{}
	for _, n := range shape {
		c.U = append(c.U, linalg.NewMat(n, r))
	}
	return c
}

// MaxCPRank returns a rank that represents every array of a shape: that of trivialCP.
func MaxCPRank(shape []int) int { return size(shape) / max(1, slices.Max(shape)) }

// trivialCP has a component for every fibre of the longest mode.
func trivialCP(a *Array, rank int) *CP {
	c, long := zeroCP(a.Shape, rank), 0
	for n, v := range a.Shape {
		if v > a.Shape[long] {
			long = n
		}
	}
	fibres := a.Unfold(long)
	for i := range fibres.Rows {
		copy(c.U[long].Row(i), fibres.Row(i))
	}
	for r := range fibres.Cols {
		at := r
		for n := len(a.Shape) - 1; n >= 0; n-- {
			if n != long {
				c.U[n].Set(at%a.Shape[n], r, 1)
				at /= a.Shape[n]
			}
		}
	}
	c.Balance()
	return c
}

// Full multiplies the components out.
func (c *CP) Full() *Array {
	var shape []int
	for _, u := range c.U {
		shape = append(shape, u.Rows)
	}
	a, row := linalg.NewMat(shape[0], size(shape[1:])), size(shape[2:])
	strips(shape, c.U[0].Cols, size(shape)/8, func(lo, hi int) {
		linalg.Mul(a.Slice(0, a.Rows, lo*row, hi*row), 1, c.U[0], false, khatriRao(c.but1(lo, hi)), true, 0)
	})
	return OfMat(a, shape...)
}

// Features returns the column-wise Kronecker product of all factors but the first, rest x R.
func (c *CP) Features() *linalg.Mat { return khatriRao(c.U[1:]) }

// khatriRao returns the column-wise Kronecker product, the last matrix's rows fastest.
func khatriRao(us []*linalg.Mat) *linalg.Mat {
	k := us[0]
	for _, u := range us[1:] {
		next := linalg.NewMat(k.Rows*u.Rows, u.Cols)
		for i := range k.Rows {
			for j := range u.Rows {
				dst := next.Row(i*u.Rows + j)
				b := u.Row(j)
				for r, v := range k.Row(i) {
					dst[r] = v * b[r]
				}
			}
		}
		k = next
	}
	return k
}

// Limits of arrays of more than smallArray elements, in components for an index of the longest mode, such that a fit takes
// at most three times the memory of the array. Sweeps are extrapolated, which takes a second set of factors, up to
// extrapolated; they solve for all components at once, which takes matrices of rank x rank, up to atOnce.
const (
	smallArray   = 1 << 17
	extrapolated = 1.5
	atOnce       = 2
)

// MaxCPRankAtOnce returns up to which rank sweeps of an array of a shape solve for all components at once. Above it they solve
// for a block of components after the other, and converge in more sweeps.
func MaxCPRankAtOnce(shape []int) int {
	if size(shape) <= smallArray {
		return math.MaxInt
	}
	return int(atOnce * float64(slices.Max(shape)))
}

// als holds what all starts share: the array, flattened to N1 x rest.
type als struct {
	o     CPOpts
	shape []int
	a0    *linalg.Mat
	data  *Array
	whole float64 // squared norm
	block int     // components to solve for at once
}

// fit is one set of factors on its way.
type fit struct {
	cp    *CP
	grams []*linalg.Mat // U^T U of every mode, nil where it is not kept
	prev  []*linalg.Mat // factors before the last sweep, which extrapolate overwrites
	err   float64
	mu    float64 // weight of the sensitivity
}

func newALS(a *Array, o CPOpts) *als {
	n := a.Norm()
	s := &als{o: o, shape: a.Shape, a0: a.Mat(a.Shape[0]), data: a, whole: n * n, block: o.Rank}
	if o.Rank > MaxCPRankAtOnce(a.Shape) {
		s.block = max(1, slices.Max(a.Shape)/2)
	}
	return s
}

// tight reports whether there is no room for a second set of factors.
func (s *als) tight() bool { return s.block < s.o.Rank }

// start returns the best of several starts after a few sweeps: singular vectors, the
// grown fit, and random ones; one of the first two where there is room for one.
func (s *als) start(ctx context.Context) *fit {
	if s.o.Start != nil {
		return s.newFit(s.extended(s.o.Start.U, 0))
	}
	level := slices.IndexFunc(efforts, func(e effort) bool { return s.data.Len()*s.o.Rank <= e.work })
	sweeps, random := efforts[level].sweeps, cmp.Or(s.o.Starts, efforts[level].starts)
	if half := s.o.Rank / 2; s.tight() && random > 0 {
		return s.grown(ctx, half, sweeps)
	} else if s.tight() {
		return s.newFit(s.fromSVD())
	}
	best := &fit{err: math.Inf(1)}
	try := func(f *fit) {
		if err := s.run(ctx, f, sweeps); best.cp == nil || err == nil && f.err < best.err {
			best = &fit{cp: f.cp, err: f.err} // without what takes memory while others are tried
		}
	}
	try(s.newFit(s.fromSVD()))
	if half := s.o.Rank / 2; half > 0 && random > 0 {
		try(s.grown(ctx, half, sweeps))
	}
	for i := range random {
		try(s.newFit(s.padded(nil, uint64(i+1))))
	}
	best.refreshAll()
	return best
}

// grown starts from a fit of half the rank, itself grown, with new components added.
func (s *als) grown(ctx context.Context, half, sweeps int) *fit {
	o := s.o
	o.Rank = half
	sub := newALS(s.data, o)
	var f *fit
	if half > 1 {
		f = sub.grown(ctx, half/2, sweeps)
	} else {
		f = sub.newFit(sub.fromSVD())
	}
	_ = sub.run(ctx, f, sweeps) // a fit that fails is no worse a start
	return s.newFit(s.extended(f.cp.U, uint64(half)))
}

// fromSVD starts from leading singular vectors of the unfoldings.
func (s *als) fromSVD() []*linalg.Mat {
	us := make([]*linalg.Mat, len(s.shape))
	for n := range us {
		u, _, err := leading(s.data.Unfold(n), exactly(s.o.Rank))
		if err != nil {
			return s.padded(nil, 0)
		}
		us[n] = u.T()
	}
	return s.padded(us, 0)
}

// padded fills factors up with random columns.
func (s *als) padded(us []*linalg.Mat, stream uint64) []*linalg.Mat {
	rnd := tensor.NewRand(s.o.Seed, "cp").Sub(stream)
	out := make([]*linalg.Mat, len(s.shape))
	for n, rows := range s.shape {
		m, r := linalg.NewMat(rows, s.o.Rank), rnd.Sub(uint64(n))
		norm := 1 / math.Sqrt(float64(rows))
		for i := range m.Data {
			m.Data[i] = r.Normal(uint64(i)) * norm
		}
		if us != nil {
			for i := range rows {
				copy(m.Row(i), us[n].Row(i))
			}
		}
		out[n] = m
	}
	return out
}

// extended adds components to factors that are zero in the first mode: the error stays.
func (s *als) extended(us []*linalg.Mat, stream uint64) []*linalg.Mat {
	out := s.padded(us, stream)
	for i := range out[0].Rows {
		clear(out[0].Row(i)[us[0].Cols:])
	}
	return out
}

func (s *als) newFit(us []*linalg.Mat) *fit {
	f := &fit{cp: &CP{us}, err: math.Inf(1)}
	f.refreshAll()
	return f
}

// refreshAll recomputes the Gram matrices.
func (f *fit) refreshAll() {
	f.grams = make([]*linalg.Mat, len(f.cp.U))
	for n := range f.grams {
		f.refresh(n)
	}
}

// refresh recomputes the Gram matrix of a mode. It is not kept where it is large, and larger than the factor, or so much
// larger that it is soon computed.
func (f *fit) refresh(n int) {
	f.grams[n] = nil
	if u := f.cp.U[n]; u.Cols < 16*u.Rows && u.Cols <= max(u.Rows, 256) {
		f.grams[n] = f.gram(n, 0, u.Cols, 0, u.Cols)
	}
}

// gram returns rows r0 to r1 and columns c0 to c1 of U^T U of a mode.
func (f *fit) gram(n, r0, r1, c0, c1 int) *linalg.Mat {
	if g := f.grams[n]; g != nil {
		return g.Slice(r0, r1, c0, c1)
	}
	u, g := f.cp.U[n], linalg.NewMat(r1-r0, c1-c0)
	linalg.Mul(g, 1, u.Slice(0, u.Rows, r0, r1), true, u.Slice(0, u.Rows, c0, c1), false, 0)
	return g
}

// gramStrip is how many rows of a Gram matrix that is not kept, or of the product of all, there is room for.
const gramStrip = 64

// normal returns rows r0 to r1 and columns c0 to c1 of the elementwise product of all Gram matrices but that of one mode,
// or of all for -1.
func (f *fit) normal(but, r0, r1, c0, c1 int) *linalg.Mat {
	g := linalg.NewMat(r1-r0, c1-c0)
	for i := range g.Data {
		g.Data[i] = 1
	}
	for n := range f.grams {
		if n == but {
			continue
		}
		for lo := r0; lo < r1; lo += gramStrip {
			hi := min(lo+gramStrip, r1)
			part := f.gram(n, lo, hi, c0, c1)
			for i := lo; i < hi; i++ {
				multiply(g.Row(i-r0), part.Row(i-lo))
			}
		}
	}
	return g
}

func multiply(a, b []float64) {
	b = b[:len(a)]
	for i, v := range b {
		a[i] *= v
	}
}

// squaredNorm returns that of the array that the components add up to.
func (f *fit) squaredNorm() float64 {
	r, sum := f.cp.U[0].Cols, 0.0
	for lo := 0; lo < r; lo += gramStrip {
		for _, v := range f.normal(-1, lo, min(lo+gramStrip, r), 0, r).Data {
			sum += v
		}
	}
	return sum
}

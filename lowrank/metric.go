package lowrank

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// Decompositions of arrays with more than two axes see the inputs' moments in two steps.
// The array is scaled by S on its input channels, C_K = S S^T being their moments
// averaged over kernel positions, so that its plain error is nearly the output's.
// The factor of the input channels is scaled back, and the last factor, which maps R
// features to M outputs, is then fitted to the outputs exactly (refit).

// scaled returns group g's weight (M, K, kernel...) scaled on K, and S^-1; the weight itself
// and nil without moments.
func (p *Problem) scaled(g int) (w *nd.Array, inv *linalg.Mat, err error) {
	w = p.W.Index(g)
	if g == p.Site.Groups-1 {
		w = p.take().Index(g)
	}
	if p.Moments == nil || p.Moments.In == nil {
		return w, nil, nil
	}
	s, inv, err := whitener(p.Moments.channelMoments(g, p.Site.K))
	if err != nil {
		return nil, nil, err
	}
	return w.ModeMul(1, s, true), inv, nil
}

// unscaled maps a factor of the input channels (K x R) back: S^-T U.
func unscaled(inv, u *linalg.Mat) *linalg.Mat {
	if inv == nil {
		return u.Clone()
	}
	out := linalg.NewMat(u.Rows, u.Cols)
	linalg.Mul(out, 1, inv, true, u, false, 0)
	return out
}

// refit returns the A (M x R) of least output error for features B x, B being R x (K kernel):
//
//	A = W C B^T (B C B^T)^-1
//
// and a itself without moments.
func (p *Problem) refit(g int, a, b *linalg.Mat) (*linalg.Mat, error) {
	if p.Moments == nil || p.Moments.In == nil {
		return a, nil
	}
	c := p.Moments.In[g]
	bc := product(b, c)
	gram, rhs := linalg.NewMat(b.Rows, b.Rows), linalg.NewMat(b.Rows, a.Rows)
	linalg.Mul(gram, 1, bc, false, b, true, 0)
	linalg.Mul(rhs, 1, bc, false, p.W.Index(g).Mat(a.Rows), true, 0)
	trace := 0.0
	for i := range gram.Rows {
		trace += gram.At(i, i)
	}
	x, err := linalg.SolveSPD(gram, rhs, trace/float64(gram.Rows)*1e-9)
	if err != nil {
		return a, nil // features that the data do not tell apart: the plain factor stands
	}
	return x.T(), nil
}

// curvePoints bounds the points that are measured by factoring.
const curvePoints = 16

// measured makes a curve of the given ranks. Where the output's error is not known the estimated
// errors, which are exactly the weight's then, stand; otherwise each of a selection on the frontier is factored and its
// output error taken.
func measured(ctx context.Context, d Decomposition, p *Problem, ranks []Ranks, est []float64) ([]Point, error) {
	ps := make([]Point, len(ranks))
	for i, r := range ranks {
		ps[i] = Point{d.Name(), r, d.Cost(p.Site, r), est[i]}
	}
	if !p.outputKnown(d) {
		return ps, nil
	}
	ps = thinned(frontier(p.Site, ps, Params), curvePoints)
	for i := range ps {
		f, err := d.Factor(ctx, p, ps[i].Ranks)
		if err != nil {
			return nil, err
		}
		ps[i].Error = p.outputError(d.Reconstruct(p.Site, f))
	}
	return ps, nil
}

// thinned keeps n points that are spread evenly in the logarithm of their errors.
func thinned(ps []Point, n int) []Point {
	if len(ps) <= n {
		return ps
	}
	lo, hi := math.Log(ps[len(ps)-1].Error+1e-9), math.Log(ps[0].Error+1e-9)
	out := ps[:0:0]
	for _, pt := range ps {
		want := hi - (hi-lo)*float64(len(out))/float64(n-1)
		if math.Log(pt.Error+1e-9) <= want+1e-12 {
			out = append(out, pt)
		}
	}
	return out
}

// distinct removes repeated ranks.
func distinct(ranks []Ranks) []Ranks {
	slices.SortFunc(ranks, func(a, b Ranks) int { return slices.CompareFunc(a, b, cmp.Compare[int]) })
	return slices.CompactFunc(ranks, func(a, b Ranks) bool { return slices.Equal(a, b) })
}

// grouped returns the weight whose groups f makes, each for the last time.
func grouped(s *Site, f func(g int) *nd.Array) *nd.Array {
	if s.Groups == 1 {
		return f(0).Reshape(s.Shape()...)
	}
	w := nd.New(s.Shape()...)
	for g := range s.Groups {
		put(w, g, f(g).Data)
	}
	return w
}

// put copies group g's factor into the stack of all groups.
func put(dst *nd.Array, g int, src []float64) { copy(dst.Data[g*len(src):(g+1)*len(src)], src) }

// stack is a parameter of a convolution, which the groups' factors fill in order: outs outputs in each group and ins
// inputs, with a kernel. It takes memory when the first is there, and none of its own for one group.
type stack struct {
	name   string
	shape  []int
	groups int
	all    *nd.Array
}

func stacked(name string, s *Site, outs, ins int, kernel []int) *stack {
	return &stack{name: name, shape: append([]int{s.Groups * outs, ins}, kernel...), groups: s.Groups}
}

// add puts group g's factor, which belongs to the stack then.
func (k *stack) add(g int, src []float64) {
	if k.groups == 1 {
		k.all = nd.Of(src, k.shape...)
		return
	}
	if k.all == nil {
		k.all = nd.New(k.shape...)
	}
	put(k.all, g, src)
}

// partsOf returns the parameters.
func partsOf(ks ...*stack) []Part {
	ps := make([]Part, len(ks))
	for i, k := range ks {
		ps[i] = Part{Name: k.name, nd: k.all}
	}
	return ps
}

// alongAxis returns the kernel that is only long on axis i.
func alongAxis(kernel []int, i int) []int {
	u := unit(kernel)
	u[i] = kernel[i]
	return u
}

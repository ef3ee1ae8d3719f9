package lowrank

import (
	"context"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

func init() { Register(ttNaive{}) }

// ttNaive is the tensor train of a convolution's axes as they are, in the order K,
// kernel..., M (the naive form of Garipov et al. 2016, "Ultimate tensorization:
// compressing convolutional and FC layers alike"):
//
//	W[m, k, i, j] ~ G1[k] G2[i] G3[j] G4[m]
//
// emitted as 1 x 1 (K to R1), a convolution along each kernel axis (R1 to R2, ...) and 1 x 1 to M.
type ttNaive struct{}

func (ttNaive) Name() string { return "tt-naive" }

// shape is that of the train: K, kernel..., M.
func (ttNaive) shape(s *Site) []int { return append(append([]int{s.K}, s.Kernel...), s.M) }

func (d ttNaive) MaxRanks(s *Site) (Ranks, error) {
	if s.Kind != Conv {
		return nil, unsuited(d, s, "the site is not a convolution: use tt-matrix")
	}
	return nd.MaxTTRanks(d.shape(s)), nil
}

func (d ttNaive) Cost(s *Site, r Ranks) graph.Cost {
	g := int64(s.Groups)
	st := []stage{{params: g * int64(s.K*r[0])}}
	for i, k := range s.Kernel {
		st = append(st, stage{params: g * int64(r[i]*k*r[i+1]), axes: i + 1})
	}
	return s.chainCost(append(st, stage{params: g * int64(r[len(r)-1]*s.M), axes: len(s.Kernel)})...)
}

// order is the permutation of M, K, kernel... to the train's axes.
func (ttNaive) order(s *Site) []int {
	perm := []int{1}
	for i := range s.Kernel {
		perm = append(perm, i+2)
	}
	return append(perm, 0)
}

func (d ttNaive) Curve(ctx context.Context, p *Problem) ([]Point, error) {
	return trainCurve(ctx, d, p, p.Site.Groups, func(g int) (*nd.Array, error) {
		w, _, err := p.scaled(g)
		if err != nil {
			return nil, err
		}
		return w.Permute(d.order(p.Site)...), nil
	})
}

// epsGrid are the errors that curves of tensor trains are measured at.
var epsGrid = []float64{0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.07, 0.05, 0.02}

// equalRanks are equal ranks that curves of trains have besides: weights near noise, as fresh ones
// are, need large ranks for every error of epsGrid.
var equalRanks = []int{1, 2, 3, 4, 6, 8, 12, 16, 24, 32}

// trainCurve cuts trains at equal ranks and at a grid of errors, up to where they are as large as the
// dense weight; groups share the largest ranks.
func trainCurve(ctx context.Context, d Decomposition, p *Problem, groups int, array func(g int) (*nd.Array, error)) ([]Point, error) {
	most, err := d.MaxRanks(p.Site)
	if err != nil {
		return nil, err
	}
	arrays := make([]*nd.Array, groups)
	for g := range arrays {
		if arrays[g], err = array(g); err != nil {
			return nil, err
		}
	}
	var ranks []Ranks
	smaller := func(r Ranks) bool {
		r = aligned(r, most, p.Align)
		if d.Cost(p.Site, r).Params >= p.Site.Params() {
			return false
		}
		ranks = append(ranks, r)
		return true
	}
	for _, n := range equalRanks {
		if !smaller(clampRanks(Ranks{n}, most)) {
			break
		}
	}
	cuts, err := newTrainCuts(ctx, arrays, most)
	if err != nil {
		return nil, err
	}
	for _, eps := range epsGrid {
		if !smaller(cuts.at(eps)) {
			break
		}
	}
	ranks = distinct(ranks)
	est := make([]float64, len(ranks))
	for i, r := range ranks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if cuts.wide(arrays[0].Shape, r) {
			est[i] = cuts.bound(r)
			continue
		}
		if est[i], err = cuts.error(arrays, r); err != nil {
			return nil, err
		}
	}
	return measured(ctx, d, p, ranks, est)
}

// trainCuts finds ranks of trains by errors.
type trainCuts struct {
	spectra [][][]float64 // of the unfoldings of each array
	norms   []float64
	most    Ranks
}

func newTrainCuts(ctx context.Context, arrays []*nd.Array, most Ranks) (*trainCuts, error) {
	c := &trainCuts{most: most}
	for _, a := range arrays {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sq, err := nd.TTSpectra(a)
		if err != nil {
			return nil, err
		}
		c.spectra, c.norms = append(c.spectra, sq), append(c.norms, a.Norm())
	}
	return c, nil
}

// at returns the least ranks that keep the relative error of every train to eps.
func (c *trainCuts) at(eps float64) Ranks {
	r := make(Ranks, len(c.most))
	for g, unfoldings := range c.spectra {
		delta := eps * c.norms[g] / math.Sqrt(float64(len(r)))
		for i, sq := range unfoldings {
			r[i] = max(r[i], min(nd.CutAt(sq, delta), c.most[i]))
		}
	}
	return r
}

// wide reports whether some rank is so near its maximum that the projection for it, most singular vectors of an
// unfolding, would take more memory than the weight.
func (c *trainCuts) wide(shape []int, r Ranks) bool {
	rows, cols := 1, product1(shape)
	for i, n := range shape[:len(shape)-2] { // of the last unfolding no vectors are needed
		rows, cols = rows*n, cols/n
		if 5*r[i] > 3*min(rows, cols) && r[i] < rows && min(rows, cols) > largeTrain {
			return true
		}
		rows = r[i]
	}
	return false
}

// largeTrain is the side of an unfolding up to which its singular vectors take little memory.
const largeTrain = 256

// bound returns the joint relative error that trains of given ranks do not exceed: what their unfoldings lose adds up
// (Oseledets 2011, theorem 2.2).
func (c *trainCuts) bound(r Ranks) float64 {
	lost, whole := 0.0, 0.0
	for g, unfoldings := range c.spectra {
		for i, sq := range unfoldings {
			lost += nd.Tail(sq, r[i])
		}
		whole += c.norms[g] * c.norms[g]
	}
	return rootRatio(lost, whole)
}

// error returns the joint relative error of trains of the arrays at given ranks.
func (c *trainCuts) error(arrays []*nd.Array, r Ranks) (float64, error) {
	lost, whole := 0.0, 0.0
	for g, a := range arrays {
		e, err := nd.TTError(a, r)
		if err != nil {
			return 0, err
		}
		sq := c.norms[g] * c.norms[g]
		lost, whole = lost+e*e*sq, whole+sq
	}
	return rootRatio(lost, whole), nil
}

// rootRatio is the relative error of squared norms; nothing of nothing is 0.
func rootRatio(lost, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return math.Sqrt(lost / whole)
}

func (d ttNaive) Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error) {
	if err := checkRanks(d, p.Site, r); err != nil {
		return nil, err
	}
	s, last := p.Site, len(r)-1
	stacks := []*stack{stacked("in", s, r[0], s.K, unit(s.Kernel))}
	for i := range s.Kernel {
		stacks = append(stacks, stacked(axisName(i), s, r[i+1], r[i], alongAxis(s.Kernel, i)))
	}
	stacks = append(stacks, stacked("out", s, s.M, r[last], unit(s.Kernel)))
	for g := range s.Groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t, err := d.group(p, g, r)
		if err != nil {
			return nil, err
		}
		for i, c := range t.Cores { // R(i-1), N, Ri to Ri, R(i-1), N
			stacks[i].add(g, c.Permute(2, 0, 1).Data)
		}
		stacks[last+1].add(g, t.Cores[last+1].Permute(1, 0, 2).Data)
	}
	return &Factors{Method: d.Name(), Ranks: r, Parts: partsOf(stacks...)}, nil
}

// group computes the train of group g in its own scale.
func (d ttNaive) group(p *Problem, g int, r Ranks) (*nd.TT, error) {
	w, inv, err := p.scaled(g)
	if err != nil {
		return nil, err
	}
	t, _, err := nd.DecomposeTT(w.Permute(d.order(p.Site)...), nd.TTOpts{Ranks: r})
	if err != nil || inv == nil {
		return t, err
	}
	s, last := p.Site, len(r)
	t.Cores[0] = nd.OfMat(unscaled(inv, t.Cores[0].Mat(s.K)), 1, s.K, r[0])
	head := &nd.TT{Cores: append(append([]*nd.Array{}, t.Cores[:last]...), identityCore(r[last-1]))}
	b := head.Full().Mat(s.K * s.taps()).T()
	a, err := p.refit(g, t.Cores[last].Mat(r[last-1]).T(), b)
	if err != nil {
		return nil, err
	}
	t.Cores[last] = nd.OfMat(a.T(), r[last-1], s.M, 1)
	return t, nil
}

// identityCore ends a train with its open rank as a mode.
func identityCore(r int) *nd.Array {
	c := nd.New(r, r, 1)
	for i := range r {
		c.Data[i*r+i] = 1
	}
	return c
}

func (d ttNaive) Reconstruct(s *Site, f *Factors) *nd.Array {
	shape, last := d.shape(s), len(f.Ranks)
	back := []int{last}
	for i := range last {
		back = append(back, i)
	}
	return grouped(s, func(g int) *nd.Array {
		core := func(i int) *nd.Array {
			before, _ := ends(f.Ranks, i)
			if i == last {
				return f.Parts[last].nd.Reshape(s.Groups, s.M, before).Index(g).Permute(1, 0).Reshape(before, s.M, 1)
			}
			return f.Parts[i].nd.Reshape(s.Groups, f.Ranks[i], before, shape[i]).Index(g).Permute(1, 2, 0)
		}
		return nd.FullTT(last+1, core, shape, back)
	})
}

func (d ttNaive) Emit(e *Emitter, x graph.Value) graph.Value {
	s := e.Site
	x = e.conv("in", x, 0, s.Groups, nil, "")
	for i := range s.Kernel {
		x = e.conv(axisName(i), x, i+1, s.Groups, []int{i}, "")
	}
	return e.conv("out", x, len(e.Parts)-1, s.Groups, nil, e.Bias)
}

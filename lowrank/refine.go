package lowrank

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// refineRidge ties the fitted weight to the original, relative to the mean of C's diagonal.
const refineRidge = 1e-3

// refined factors the chosen sites in the network's order, each for what the sites
// before it now send (the asymmetric reconstruction of Zhang et al. 2015, "Accelerating very
// deep convolutional networks"): with x what the dense network's site reads and x' what
// the factorised one's does,
//
//	B = argmin E ||W x - B x'||^2 = W E[x x'^T] E[x' x'^T]^-1
//
// is factored in the metric of x' in place of W. Errors that the sites before have made
// are thereby corrected, not passed on.
func (r *run) refined(ctx context.Context, choice []*Point) (*graph.Model, []*factored, error) {
	m, fs := r.m.Clone(), make([]*factored, len(choice))
	same, err := Find(m, r.c.Selection) // the same sites in the same order, of the copy
	if err != nil {
		return nil, nil, err
	}
	for n, step := range r.order(choice) {
		r.progress("refine", n, len(choice))
		sites, err := Find(m, Selection{Dims: r.c.Dims}) // all: names may change with what is factored
		if err != nil {
			return nil, nil, err
		}
		var rs []Replacement
		for _, i := range step {
			at := slices.IndexFunc(sites, func(s *Site) bool { return s.Param == same[i].Param })
			if at < 0 {
				return nil, nil, fmt.Errorf("lowrank: site %q is lost: exclude it", r.cands[i].Site.Name)
			}
			sites[at].like(r.cands[i].Site)
			if r.pairable(i) {
				fs[i], err = r.refit(ctx, m, i, choice[i])
			} else {
				fs[i], err = r.factor(ctx, i, choice[i])
			}
			if err != nil {
				return nil, nil, err
			}
			rs = append(rs, Replacement{sites[at], fs[i].f, fs[i].shift})
		}
		if err := Apply(m, rs); err != nil {
			return nil, nil, err
		}
	}
	return m, fs, m.Check()
}

// order lists the candidates that are factored, in the order of the network; those of one
// node, as both matrices of a recurrent one, are factored together.
func (r *run) order(choice []*Point) [][]int {
	place := map[*graph.Node]int{}
	for i, n := range r.m.Graph.Nodes {
		place[n] = i
	}
	var order []int
	for i, pt := range choice {
		if pt != nil {
			order = append(order, i)
		}
	}
	node := func(i int) *graph.Node { return r.cands[i].Site.Uses[0].Node }
	slices.SortStableFunc(order, func(a, b int) int { return place[node(a)] - place[node(b)] })
	var steps [][]int
	for k, i := range order {
		if k > 0 && node(i) == node(order[k-1]) {
			steps[len(steps)-1] = append(steps[len(steps)-1], i)
		} else {
			steps = append(steps, []int{i})
		}
	}
	return steps
}

// pairable reports whether a site has moments of its inputs, so that joint ones fit as well.
func (r *run) pairable(i int) bool {
	return r.mom[i] != nil && r.mom[i].In != nil && !r.cands[i].Site.recurrent()
}

// refit factors candidate i for its input in m, where all sites before it are factored.
func (r *run) refit(ctx context.Context, m *graph.Model, i int, pt *Point) (*factored, error) {
	s := r.cands[i].Site
	j, err := r.joint(ctx, m, s)
	if err != nil {
		return nil, err
	}
	p, err := r.problem(i)
	if err != nil {
		return nil, err
	}
	q := &Problem{Site: s, Moments: &Moments{Rows: j.rows, In: j.now, Mean: j.meanNow}, Seed: p.Seed, Align: p.Align}
	ws := stacked("", s, s.M, s.K, s.Kernel)
	for g := range s.Groups {
		b, err := fitted(p.W.Index(g).Mat(s.M), j.cross[g], j.now[g])
		if err != nil {
			return nil, fmt.Errorf("lowrank: site %q: %w", s.Name, err)
		}
		ws.add(g, b.Data)
	}
	q.W = ws.all.Reshape(s.Shape()...)
	d, err := Lookup(pt.Method)
	if err != nil {
		return nil, err
	}
	f, err := d.Factor(ctx, q, pt.Ranks)
	if err != nil {
		return nil, fmt.Errorf("lowrank: site %q by %s at rank %v: %w", s.Name, pt.Method, pt.Ranks, err)
	}
	approx := d.Reconstruct(s, f)
	if n := approx.NonFinite(); n > 0 {
		return nil, fmt.Errorf("lowrank: site %q by %s: %d values of the result are NaN or infinite", s.Name, pt.Method, n)
	}
	if p, err = r.problem(i); err != nil { // again, so that it was not held while another was factored
		return nil, err
	}
	we, oe := nd.RelError(p.W, approx), j.error(p, approx)
	f.round(s.Param.DType)
	return &factored{f: f, weightError: &we, outputError: &oe, shift: j.shift(p, approx)}, nil
}

// fitted returns W D C^-1 with D = E[x x'^T] and C = E[x' x'^T], tied to W by a ridge.
func fitted(w, d, c *linalg.Mat) (*linalg.Mat, error) {
	lambda := refineRidge * trace(c) / float64(max(1, c.Rows))
	rhs := product(w, d) // M x K
	for i, v := range w.Data[:len(rhs.Data)] {
		rhs.Data[i] += lambda * v
	}
	if lambda == 0 {
		return w.Clone(), nil
	}
	x := rhs.T()
	if err := linalg.SolveSPDInPlace(c.Clone(), x, lambda); err != nil {
		return nil, err
	}
	x.TransposeTo(rhs)
	return rhs, nil
}

func trace(m *linalg.Mat) float64 {
	sum := 0.0
	for i := range m.Rows {
		sum += m.At(i, i)
	}
	return sum
}

// joint holds moments of a site's input in the dense network (x) and in another (x').
type joint struct {
	s             *Site
	atOnce        int // vectors
	rows          int64
	cross, now    []*linalg.Mat // E[x x'^T], E[x' x'^T], about the means when centred
	mean, meanNow [][]float64
	centred       bool // the site's bias takes the means over
}

// joint gathers the moments over the calibration batches.
func (r *run) joint(ctx context.Context, m *graph.Model, s *Site) (*joint, error) {
	n := s.K * s.taps()
	j := &joint{s: s, atOnce: rowsAtOnce(s, r.c.Memory), centred: s.bias != nil}
	for range s.Groups {
		j.cross, j.now = append(j.cross, linalg.NewMat(n, n)), append(j.now, linalg.NewMat(n, n))
		j.mean, j.meanNow = append(j.mean, make([]float64, n)), append(j.meanNow, make([]float64, n))
	}
	v := s.Uses[0].Node.In[dataInput(s.Uses[0].Node, s.Uses[0].input)]
	dense, small := newRunner(r.m, v), newRunner(m, v)
	batch := uint64(0)
	for feeds, err := range r.c.Calibration(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		x, err := dense.run(feeds)
		if err != nil {
			return nil, err
		}
		y, err := small.run(feeds)
		if err != nil {
			return nil, err
		}
		if err := j.add(x, y, batch); err != nil {
			return nil, err
		}
		batch++
	}
	j.finish()
	return j, nil
}

func (j *joint) add(x, y *tensor.Tensor, batch uint64) error {
	var ps [2]*patches
	for i, t := range []*tensor.Tensor{x, y} {
		data, err := float64s(t)
		if err != nil {
			return err
		}
		if ps[i], err = newPatches(j.s, data, t.Shape()); err != nil {
			return err
		}
	}
	pick := ps[0].sample(batch)
	for g := range j.s.Groups {
		for some := range slices.Chunk(pick, j.atOnce) {
			a, b := ps[0].rows(g, some), ps[1].rows(g, some)
			linalg.Mul(j.cross[g], 1, a, true, b, false, 1)
			linalg.Mul(j.now[g], 1, b, true, b, false, 1)
			addRows(j.mean[g], a)
			addRows(j.meanNow[g], b)
		}
	}
	j.rows += int64(len(pick))
	return nil
}

// addRows adds the rows of x up.
func addRows(sum []float64, x *linalg.Mat) {
	for r := range x.Rows {
		for j, v := range x.Row(r) {
			sum[j] += v
		}
	}
}

// finish divides and centres.
func (j *joint) finish() {
	inv := 1 / float64(max(1, j.rows))
	for g := range j.now {
		for i := range j.now[g].Data {
			j.now[g].Data[i] *= inv
			j.cross[g].Data[i] *= inv
		}
		for i := range j.mean[g] {
			j.mean[g][i] *= inv
			j.meanNow[g][i] *= inv
		}
		if j.centred {
			centre(j.now[g], j.meanNow[g], j.meanNow[g])
			centre(j.cross[g], j.mean[g], j.meanNow[g])
		}
	}
	if !j.centred {
		j.meanNow = nil
	}
}

// shift returns W E[x] - W' E[x'], which keeps the output's mean; nil where there is no bias.
func (j *joint) shift(p *Problem, approx *nd.Array) []float64 {
	if !j.centred {
		return nil
	}
	s := j.s
	n := s.K * s.taps()
	out := make([]float64, s.Groups*s.M)
	for i := range out {
		g := i / s.M
		for k := range n {
			out[i] += p.W.Data[i*n+k]*j.mean[g][k] - approx.Data[i*n+k]*j.meanNow[g][k]
		}
	}
	return out
}

// error returns the relative error of the output, E ||W x - W' x'||^2 over E ||W x||^2.
func (j *joint) error(p *Problem, approx *nd.Array) float64 {
	whole := p.Moments.energy(p.W)
	sum := whole + (&Moments{In: j.now}).energy(approx)
	for g, w := range groupMats(p.W) {
		a := approx.Index(g).Mat(w.Rows)
		for lo := 0; lo < w.Rows; lo += energyRows {
			wd := product(w.Slice(lo, min(lo+energyRows, w.Rows), 0, w.Cols), j.cross[g])
			for i, v := range a.Data[lo*w.Cols : lo*w.Cols+len(wd.Data)] {
				sum -= 2 * v * wd.Data[i]
			}
		}
	}
	if whole <= 0 {
		return 0
	}
	return math.Sqrt(max(0, sum) / whole)
}

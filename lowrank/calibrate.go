package lowrank

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Batches yields the model's inputs, batch by batch. It is run several times and must
// yield the same batches each time. A batch is only used until the next is asked for.
type Batches func(ctx context.Context) iter.Seq2[map[graph.Value]*tensor.Tensor, error]

// calibrate runs the model over the calibration batches and gathers the moments of what
// the sites read. Sites of subgraphs, embeddings and recurrent matrices have none, nor
// have those that would not fit in memory: their errors stay those of the weights.
func (r *run) calibrate(ctx context.Context) error {
	if r.c.Calibration == nil {
		return nil
	}
	var gs []*gatherer
	room := room{limit: r.c.Memory}
	for _, c := range r.cands {
		room.work = max(room.work, work(c.Site, 0))
	}
	for i, c := range r.cands {
		if c.Skipped != "" {
			continue
		}
		if _, err := c.Site.Load(); err != nil { // before what it computes is not finite elsewhere
			return err
		}
		if g := newGatherer(r.m, c.Site, &room); g != nil {
			g.index = i
			gs = append(gs, g)
		}
	}
	if len(gs) == 0 {
		return nil
	}
	if err := r.gather(ctx, gs); err != nil {
		return err
	}
	for _, g := range gs {
		if g.rows == 0 {
			return fmt.Errorf("lowrank: site %q: the calibration batches are empty", g.s.Name)
		}
		m, err := g.moments()
		if err != nil {
			return err
		}
		r.mom[g.index] = m
	}
	r.gate.limit -= room.moments
	return nil
}

// gather feeds every batch and every site's input.
func (r *run) gather(ctx context.Context, gs []*gatherer) error {
	var fetch []graph.Value
	for _, g := range gs {
		if v := g.value(); !slices.Contains(fetch, v) {
			fetch = append(fetch, v)
		}
	}
	done := 0
	return eachBatch(ctx, r.m, r.c.Calibration, graph.Options{Fetch: fetch, Only: true}, func(s *graph.Session) error {
		for _, g := range gs {
			if err := g.add(s.Tensor(g.value()), uint64(done)); err != nil {
				return err
			}
		}
		done++
		r.progress("calibrate", done, 0)
		return nil
	})
}

// room is what moments may take of the memory: beside all that are kept, one site can be worked on.
type room struct {
	limit   int64
	moments int64 // that are kept
	weights int64 // that are needed to gather them
	work    int64 // the most that a site takes
}

// admit takes room for the moments of n values in each of a site's groups, if there is any, and for its weight when
// they are of the outputs.
func (r *room) admit(s *Site, n int, outputs bool) bool {
	size := 8 * int64(s.Groups) * int64(n) * int64(n)
	with := room{r.limit, r.moments + size, r.weights, max(r.work, work(s, size))}
	if outputs {
		with.weights += 8 * s.Params()
	}
	strips := 16 * int64(rowsAtOnce(s, r.limit)) * int64(s.K*s.taps())
	if with.moments+max(with.work, with.weights+strips) > r.limit {
		return false
	}
	*r = with
	return true
}

// work estimates the bytes that it takes to factor a site whose moments take so many, beside those: the weight in
// float64 and twice as much for its bases, and of the moments' size as many as five matrices: where the sites before
// are factored, two of joint moments, a copy that is solved, a root and its inverse.
func work(s *Site, moments int64) int64 { return 3*8*s.Params() + 5*moments }

// gatherer accumulates the moments of one site.
type gatherer struct {
	s      *Site
	index  int
	atOnce int           // vectors
	w      []*linalg.Mat // weights of the groups, when only the outputs' moments are kept
	sum    []*linalg.Mat // of x x^T or y y^T
	mean   [][]float64   // sum of x
	rows   int64
}

// newGatherer returns nil when the site is not seen by calibration or its moments have no room.
func newGatherer(m *graph.Model, s *Site, room *room) *gatherer {
	if s.Kind == Embedding || s.Kind == Recurrence || s.Blocked != "" || s.flipped() {
		return nil
	}
	for _, u := range s.Uses {
		if u.Graph != m.Graph || u.how == byGather {
			return nil
		}
	}
	if len(s.Uses) != 1 {
		return nil
	}
	n := s.K * s.taps()
	g := &gatherer{s: s, atOnce: rowsAtOnce(s, room.limit), mean: make([][]float64, s.Groups)}
	for i := range g.mean {
		g.mean[i] = make([]float64, n)
	}
	switch {
	case room.admit(s, n, false):
	case room.admit(s, s.M, true):
		w, err := s.Load()
		if err != nil {
			return nil // reported when the site is factored
		}
		g.w, n = groupMats(w), s.M
	default:
		return nil
	}
	for range s.Groups {
		g.sum = append(g.sum, linalg.NewMat(n, n))
	}
	return g
}

// value is what the site reads.
func (g *gatherer) value() graph.Value {
	u := g.s.Uses[0]
	return u.Node.In[dataInput(u.Node, u.input)]
}

// add takes the vectors of one batch, or an even sample of them.
func (g *gatherer) add(x *tensor.Tensor, batch uint64) error {
	if x == nil {
		return errors.New("lowrank: calibration did not compute " + string(g.value()))
	}
	data, err := float64s(x)
	if err != nil {
		return fmt.Errorf("lowrank: site %q: %w", g.s.Name, err)
	}
	p, err := newPatches(g.s, data, x.Shape())
	if err != nil {
		return err
	}
	pick := p.sample(batch)
	for i := range g.s.Groups {
		for some := range slices.Chunk(pick, g.atOnce) {
			g.addRows(i, p.rows(i, some))
		}
	}
	g.rows += int64(len(pick))
	return nil
}

func (g *gatherer) addRows(i int, x *linalg.Mat) {
	addRows(g.mean[i], x)
	if g.w != nil {
		y := linalg.NewMat(x.Rows, g.s.M)
		linalg.Mul(y, 1, x, false, g.w[i], true, 0)
		x = y
	}
	linalg.Mul(g.sum[i], 1, x, true, x, false, 1)
}

// moments divides the sums, and centres them when the site's bias can take the mean over.
func (g *gatherer) moments() (*Moments, error) {
	m := &Moments{Rows: g.rows}
	inv := 1 / float64(g.rows)
	for i, c := range g.sum {
		for j := range c.Data {
			c.Data[j] *= inv
			if c.Data[j]-c.Data[j] != 0 {
				return nil, badModel("site %q: its inputs over the calibration data are NaN or infinite: check the data and the model", g.s.Name)
			}
		}
		mean := g.mean[i]
		for j := range mean {
			mean[j] *= inv
		}
		if g.s.bias == nil {
			continue
		}
		about := g.projected(i, mean)
		centre(c, about, about)
		m.Mean = append(m.Mean, mean)
	}
	if g.w != nil {
		m.Out = g.sum
	} else {
		m.In = g.sum
	}
	return m, nil
}

// projected returns the mean of what the sums are of.
func (g *gatherer) projected(i int, mean []float64) []float64 {
	if g.w == nil {
		return mean
	}
	out := make([]float64, g.s.M)
	for m := range out {
		for j, v := range g.w[i].Row(m) {
			out[m] += v * mean[j]
		}
	}
	return out
}

// centre subtracts a b^T.
func centre(c *linalg.Mat, a, b []float64) {
	for i, v := range a {
		row := c.Row(i)
		for j, w := range b {
			row[j] -= v * w
		}
	}
}

package train

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// piece is a part of one parameter that one unit of work updates.
type piece struct {
	p        *trained
	from, to int
	state    [][]float32
}

// trained is a parameter under training.
type trained struct {
	param *graph.Param
	w, g  []float32   // g is the session's gradient, or the sum over the parts of a batch
	sum   []float32   // the sum over parts; nil until a batch is cut
	state [][]float32 // optimizer state
	scale float64     // factor on the learning rate
	decay float64
	step  *kernel.WeightStep[float32] // set if the session can update it in the backward pass
}

// updater turns the gradients of a step into new weights. Its work is cut into
// fixed pieces, so that the bits do not depend on the number of threads.
type updater struct {
	c      *Config
	params []*trained
	pieces []piece   // what the session can update in the backward pass comes last
	apart  int       // pieces before
	norms  []float64 // squared norm of each piece's gradient
	parts  int       // parts of the batch collected so far

	fused

	phase func(*updater, *piece, int)
	gscal float32 // factor on gradients: 1/weight, clipping
	lr    float64
	t     int
}

// pieceLen is the length of a piece: with state, a few times it fits the level 1 cache.
const pieceLen = 1 << 13

func newUpdater(r *run, s *graph.Session) *updater {
	u := &updater{c: &r.c}
	for _, p := range r.trainable() {
		g := s.Grad(p.Name)
		if g == nil {
			continue // no path to the loss
		}
		t := &trained{param: p, w: p.Data.F32s(), g: g.F32s(), scale: r.lrScale(p.Name)}
		if r.c.DecayAll || len(p.Shape) >= 2 {
			t.decay = r.c.WeightDecay
		}
		for range r.c.Optimizer.Slots() {
			t.state = append(t.state, make([]float32, len(t.w)))
		}
		u.params = append(u.params, t)
	}
	u.chooseSteps(s)
	u.cut(false)
	u.apart = len(u.pieces)
	u.cut(true)
	u.norms = make([]float64, len(u.pieces))
	return u
}

// cut makes pieces of the parameters that are steppable, or of the others.
func (u *updater) cut(steppable bool) {
	for _, t := range u.params {
		if (t.step != nil) != steppable {
			continue
		}
		for from := 0; from < len(t.w); from += pieceLen {
			to := min(from+pieceLen, len(t.w))
			pc := piece{p: t, from: from, to: to}
			for _, st := range t.state {
				pc.state = append(pc.state, st[from:to])
			}
			u.pieces = append(u.pieces, pc)
		}
	}
}

// Run implements kernel.Task: one piece of the current phase.
func (u *updater) Run(_, i int) { u.phase(u, &u.pieces[i], i) }

// collect takes over the gradients of a session; cut batches are summed with
// their number of samples as weight.
func (u *updater) collect(s *graph.Session, weight float64, cut bool) {
	u.parts++
	if !cut {
		u.use(s)
		return
	}
	for _, p := range u.params {
		g := s.Grad(p.param.Name).F32s()
		if p.sum == nil {
			p.sum = make([]float32, len(p.w))
		}
		p.g = p.sum
		if u.parts == 1 {
			kernel.MulScalar(p.sum, g, float32(weight))
		} else {
			kernel.Axpy(p.sum, float32(weight), g)
		}
	}
}

// finish returns the norm of the whole gradient, or an error that names the
// first parameter whose gradient is not finite.
func (u *updater) finish(weight float64) (norm float64, err error) {
	u.gscal = 1
	if len(u.params) > 0 && u.params[0].sum != nil && u.parts > 1 {
		u.gscal = float32(1 / weight)
	}
	u.parts = 0
	i, sum := u.sumSquares(u.left())
	if i >= 0 {
		p := u.pieces[i].p.param
		return 0, fmt.Errorf("the gradient of %q (%v) is not finite; lower the learning rate or clip gradients", p.Name, p.Shape)
	}
	if u.stepped {
		sum += u.stepSum
	}
	return math.Sqrt(sum) * float64(u.gscal), nil
}

// left returns how many pieces, from the first, still have to be updated.
func (u *updater) left() int {
	if u.stepped {
		return u.apart
	}
	return len(u.pieces)
}

// sumSquares returns the sum of the squares of the gradient of the first n pieces, or
// the number of the first piece where it is not finite, else -1.
func (u *updater) sumSquares(n int) (bad int, sum float64) {
	u.phase = (*updater).squares
	u.c.Pool.Do(u, n)
	for i, x := range u.norms[:n] {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return i, 0
		}
		sum += x
	}
	return -1, sum
}

func (u *updater) squares(pc *piece, i int) {
	u.norms[i] = float64(kernel.SumSq(pc.p.g[pc.from:pc.to]))
}

// apply clips, lets the optimizer update every parameter, and constrains norms.
func (u *updater) apply(lr, norm float64, t int) {
	u.gscal *= float32(optim.ClipScale(norm, u.c.ClipNorm))
	u.lr, u.t = lr, t
	u.phase = (*updater).updatePiece
	u.c.Pool.Do(u, u.left())
	if u.c.MaxNorm <= 0 {
		return
	}
	for _, p := range u.params {
		if len(p.param.Shape) >= 2 {
			optim.MaxNorm(p.w, p.param.Shape[0], u.c.MaxNorm)
		}
	}
}

func (u *updater) updatePiece(pc *piece, _ int) {
	w, g := pc.p.w[pc.from:pc.to], pc.p.g[pc.from:pc.to]
	if u.gscal != 1 {
		kernel.MulScalar(g, g, u.gscal)
	}
	if v := float32(u.c.ClipValue); v > 0 {
		for i, x := range g {
			g[i] = max(-v, min(v, x))
		}
	}
	u.c.Optimizer.Update(w, g, pc.state, optim.Step{LR: u.lr * pc.p.scale, T: u.t, WeightDecay: pc.p.decay})
}

// diagnose names the first value of the forward pass that is not finite. It runs
// the batch once more, unfused and with every value kept.
func (r *run) diagnose(s *graph.Session, x *tensor.Tensor, loss float64) error {
	for i, v := range x.F32s() {
		if v-v != 0 {
			return fmt.Errorf("the loss is %v because element %d of the input batch is %v", loss, i, v)
		}
	}
	for _, p := range r.copy.Graph.Params {
		if p.DType == tensor.F32 && !finite(p.Data.F32s()) {
			return fmt.Errorf("the loss is %v because parameter %q holds a value that is not finite", loss, p.Name)
		}
	}
	if v := r.firstBadValue(s, x); v != "" {
		return fmt.Errorf("the loss is %v; the first value that is not finite is %q; lower the learning rate", loss, v)
	}
	return fmt.Errorf("the loss is %v; lower the learning rate", loss)
}

func (r *run) firstBadValue(s *graph.Session, x *tensor.Tensor) graph.Value {
	var order []graph.Value
	for _, n := range r.copy.Graph.Nodes {
		order = append(order, n.Out...)
	}
	full, err := graph.Compile(r.copy, graph.Options{
		Fetch: order, Dims: r.copy.Graph.DimsOf(x.Shape()), Train: true, Unfused: true, Pool: r.c.Pool, Seed: r.c.Seed,
	})
	if err != nil {
		return ""
	}
	for _, in := range full.Inputs() {
		full.Tensor(in).CopyFrom(s.Tensor(in))
	}
	if full.Forward() != nil {
		return ""
	}
	for _, v := range order {
		if t := full.Tensor(v); t != nil && t.DType() == tensor.F32 && !finite(t.F32s()) {
			return v
		}
	}
	return ""
}

func finite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}

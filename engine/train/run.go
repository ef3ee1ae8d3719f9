package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// run is the state of a training run.
type run struct {
	c        Config
	copy     *graph.Model // the model with the objective's loss; parameters are shared
	loss     graph.Value
	metrics  []string
	metricV  map[string]graph.Value
	input    graph.Value
	sessions map[int]*graph.Session // by batch size
	loader   *dataset.Loader
	up       *updater
	stats    []stat // running statistics, and their values before the current step

	perEpoch  int // updates of an epoch
	step      int // updates done
	epoch     int // epochs done
	micro     int // micro-batches done in this epoch
	lossSum   float64
	lossN     float64
	metricSum []float64
	lastLR    float64
	best      *Eval
	bestEpoch int
	bestData  map[graph.Value]*tensor.Tensor
	stale     int // epochs since the best
	history   []EpochInfo

	metricBackup []float64 // metricSum before the current step

	samples   int
	seconds   float64
	saved     time.Time
	resumedAt float64
}

type stat struct{ live, backup *tensor.Tensor }

// Run trains the model in place. When the context is cancelled it finishes the
// current update, writes a checkpoint when it has a directory for one, and returns
// the context's error with the result so far.
func Run(ctx context.Context, c Config) (*Result, error) {
	r, err := newRun(c)
	if err != nil {
		return nil, err
	}
	defer r.loader.Close()
	if err := r.restore(); err != nil {
		return nil, err
	}
	r.saved = time.Now()
	r.loader.Start(ctx, dataset.Cursor{Epoch: r.epoch, Batch: r.micro})
	early := r.impatient() // a run that had stopped stays so
	for r.epoch < r.c.Epochs && !early {
		if err := r.runEpoch(ctx); err != nil {
			return r.stop(ctx, err)
		}
		if early, err = r.endEpoch(ctx); err != nil {
			return r.stop(ctx, err)
		}
	}
	if r.c.KeepBest && r.best != nil {
		r.restoreBest()
	}
	res := r.result()
	res.StoppedEarly = early
	return res, nil
}

// newRun builds the training copy, the loader and the updater.
func newRun(c Config) (*run, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	for _, p := range c.Model.AllParams() {
		if err := p.Materialize(); err != nil {
			return nil, fmt.Errorf("train: reading parameter %q: %w", p.Name, err)
		}
	}
	r := &run{c: c, copy: c.Model.Clone(), sessions: map[int]*graph.Session{}, input: c.Model.Graph.Inputs[0].Name}
	if err := r.build(); err != nil {
		return nil, err
	}
	if r.loader, err = c.loader(); err != nil {
		return nil, err
	}
	r.perEpoch = (r.loader.BatchesPerEpoch() + c.Accumulate - 1) / c.Accumulate
	full, err := r.session(c.Batch / c.Accumulate)
	if err != nil {
		r.loader.Close()
		return nil, err
	}
	r.up = newUpdater(r, full)
	return r, nil
}

// build adds the objective to the training copy.
func (r *run) build() error {
	b, err := graph.Extend(r.copy)
	if err != nil {
		return err
	}
	if r.loss, err = r.c.Objective.Build(b, r.copy); err != nil {
		return err
	}
	if b.Err() != nil {
		return b.Err()
	}
	if m, ok := r.c.Objective.(Metered); ok {
		r.metricV = m.Metrics()
		r.metrics = slices.Sorted(maps.Keys(r.metricV))
		r.metricSum, r.metricBackup = make([]float64, len(r.metrics)), make([]float64, len(r.metrics))
	}
	for _, p := range r.copy.Graph.Params {
		if !p.Trainable && p.DType.IsFloat() && len(p.Shape) > 0 {
			r.stats = append(r.stats, stat{p.Data, p.Data.Clone()})
		}
	}
	return r.copy.Check()
}

// trainable returns the parameters that this run changes.
func (r *run) trainable() []*graph.Param {
	var ps []*graph.Param
	for _, p := range r.copy.Graph.Params {
		if p.Trainable && p.DType == tensor.F32 && r.lrScale(p.Name) != 0 {
			ps = append(ps, p)
		}
	}
	return ps
}

func (r *run) lrScale(v graph.Value) float64 {
	if r.c.LRScale == nil {
		return 1
	}
	return r.c.LRScale(v)
}

// session returns the compiled training step for batches of n samples.
func (r *run) session(n int) (*graph.Session, error) {
	if s := r.sessions[n]; s != nil {
		return s, nil
	}
	var wrt, fetch []graph.Value
	for _, p := range r.trainable() {
		wrt = append(wrt, p.Name)
	}
	for _, m := range r.metrics {
		fetch = append(fetch, r.metricV[m])
	}
	s, err := graph.Compile(r.copy, graph.Options{
		Fetch: fetch, Only: true, Dims: r.copy.Graph.DimsOf(append(tensor.Shape{n}, r.c.Data.Shape()...)), Loss: r.loss, Wrt: wrt,
		Train: true, Steps: r.c.fuses(), Pool: r.c.Pool, Seed: r.c.Seed,
	})
	if err != nil {
		return nil, err
	}
	r.sessions[n] = s
	return s, nil
}

// at returns the point of the run that the next update belongs to.
func (r *run) at() At {
	e := float64(r.epoch) + float64(r.micro)/float64(r.loader.BatchesPerEpoch())
	return At{Step: r.step, Steps: r.perEpoch * r.c.Epochs, Epoch: e, Epochs: float64(r.c.Epochs)}
}

// runEpoch does the updates that are left of the current epoch.
func (r *run) runEpoch(ctx context.Context) error {
	begin := time.Now()
	defer func() { r.seconds += time.Since(begin).Seconds() }()
	for r.micro < r.loader.BatchesPerEpoch() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.update(ctx); err != nil {
			return err
		}
		if err := r.maybeSave(); err != nil {
			return err
		}
	}
	return nil
}

// update takes one training step: forward and backward over the parts of a
// batch, the checks, and the optimizer.
func (r *run) update(ctx context.Context) error {
	at := r.at()
	for _, s := range r.stats {
		s.backup.CopyFrom(s.live)
	}
	copy(r.metricBackup, r.metricSum)
	weight, lossSum := 0.0, 0.0
	lr := r.c.LR * r.c.Schedule.Factor(at.Epoch, at.Epochs)
	parts := min(r.c.Accumulate, r.loader.BatchesPerEpoch()-r.micro)
	for part := range parts {
		n, loss, err := r.pass(ctx, at, lr, part, parts)
		if err != nil {
			r.undo()
			return err
		}
		weight += float64(n)
		lossSum += float64(n) * loss
	}
	norm, err := r.up.finish(weight)
	if err != nil {
		r.undo()
		return r.diverged(err)
	}
	r.up.apply(lr, norm, r.step+1)
	r.step++
	r.micro += parts
	r.lossSum += lossSum
	r.lossN += weight
	r.lastLR = lr
	r.samples += int(weight)
	if r.c.Hooks.Step != nil {
		after := r.at()
		r.c.Hooks.Step(StepInfo{At: after, Loss: lossSum / weight, LR: lr, GradNorm: norm, Samples: r.samples})
	}
	return nil
}

// pass runs one part of a batch forward and backward and collects its gradients. lr is
// that of the update.
func (r *run) pass(ctx context.Context, at At, lr float64, part, parts int) (n int, loss float64, err error) {
	batch, err := r.loader.Next(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer batch.Release()
	n = batch.X.Dim(0)
	s, err := r.session(n)
	if err != nil {
		return 0, 0, err
	}
	if err := s.Feed(r.input, batch.X); err != nil {
		return 0, 0, err
	}
	if err := r.c.Objective.Feed(ctx, batch, at, s); err != nil {
		return 0, 0, err
	}
	s.SetStep(uint64(r.epoch)<<32 | uint64(r.micro+part))
	if err := s.Forward(); err != nil {
		return 0, 0, err
	}
	loss = float64(s.Tensor(r.loss).F32s()[0])
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, 0, r.diverged(r.diagnose(s, batch.X, loss))
	}
	for i, m := range r.metrics {
		r.metricSum[i] += float64(n) * float64(s.Tensor(r.metricV[m]).F32s()[0])
	}
	if err := r.up.backward(s, lr, r.step+1); err != nil {
		return 0, 0, err
	}
	r.up.collect(s, float64(n), parts > 1)
	return n, loss, nil
}

// undo takes back what the passes of an unfinished update changed.
func (r *run) undo() {
	for _, s := range r.stats {
		s.live.CopyFrom(s.backup)
	}
	copy(r.metricSum, r.metricBackup)
	r.up.parts = 0
}

func (r *run) diverged(cause error) error {
	return fmt.Errorf("%w at step %d (epoch %d): %w", ErrDiverged, r.step+1, r.epoch+1, cause)
}

// endEpoch evaluates, reports, keeps the best and saves; it reports whether to stop early.
func (r *run) endEpoch(ctx context.Context) (stop bool, err error) {
	info := EpochInfo{Epoch: r.epoch + 1, TrainLoss: r.lossSum / r.lossN, LR: r.lastLR}
	if len(r.metrics) > 0 {
		info.Metrics = map[string]float64{}
	}
	for i, m := range r.metrics {
		info.Metrics[m] = r.metricSum[i] / r.lossN
		r.metricSum[i] = 0
	}
	if r.c.Evaluate != nil {
		e, err := r.c.Evaluate(ctx, r.c.Model)
		if err != nil {
			return false, err
		}
		info.Eval = &e
		info.Best = r.noteEval(e)
	}
	r.epoch++
	r.micro, r.lossSum, r.lossN = 0, 0, 0
	r.history = append(r.history, info)
	if r.c.Hooks.Epoch != nil {
		r.c.Hooks.Epoch(info)
	}
	return r.impatient(), r.save()
}

// impatient reports whether the best evaluation is too long ago to go on.
func (r *run) impatient() bool { return r.c.Patience > 0 && r.stale >= r.c.Patience }

// noteEval reports whether e is the best so far, and keeps the weights if it is.
func (r *run) noteEval(e Eval) bool {
	if r.best != nil && e.Accuracy <= r.best.Accuracy {
		r.stale++
		return false
	}
	r.best, r.bestEpoch, r.stale = &e, r.epoch+1, 0
	if r.c.KeepBest {
		if r.bestData == nil {
			r.bestData = map[graph.Value]*tensor.Tensor{}
		}
		for _, p := range r.c.Model.Graph.Params {
			if !p.DType.IsFloat() {
				continue
			}
			if r.bestData[p.Name] == nil {
				r.bestData[p.Name] = tensor.New(p.DType, p.Shape)
			}
			r.bestData[p.Name].CopyFrom(p.Data)
		}
	}
	return true
}

func (r *run) restoreBest() {
	for _, p := range r.c.Model.Graph.Params {
		if t := r.bestData[p.Name]; t != nil {
			p.Data.CopyFrom(t)
		}
	}
}

// stop ends an unfinished run. One that was cancelled, or diverged, saves its state
// first, which is that of before the update at fault.
func (r *run) stop(ctx context.Context, err error) (*Result, error) {
	diverged := errors.Is(err, ErrDiverged)
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if !diverged {
		return r.result(), err
	}
	if serr := r.save(); serr != nil {
		return r.result(), fmt.Errorf("%w; and the checkpoint was not saved: %w", err, serr)
	}
	if diverged && r.c.Checkpoint.Dir != "" {
		err = fmt.Errorf("%w; the weights from before are in %s", err, filepath.Join(r.c.Checkpoint.Dir, checkpointFile))
	}
	return r.result(), err
}

func (r *run) result() *Result {
	res := &Result{
		Epochs: r.epoch, Steps: r.step, Best: r.best, BestEpoch: r.bestEpoch, History: r.history,
		Samples: r.samples, Seconds: r.seconds, ResumedFromEpoch: r.resumedAt, MemoryBytes: r.memory(),
	}
	if n := len(r.history); n > 0 {
		res.TrainLoss = r.history[n-1].TrainLoss
	}
	return res
}

// memory counts the bytes of what a step works on.
func (r *run) memory() int64 {
	n := 0
	for _, s := range r.sessions {
		n += s.MemoryBytes()
	}
	for _, p := range r.copy.Graph.Params {
		n += p.Shape.Size() * p.DType.Size()
	}
	for _, p := range r.up.params {
		n += 4 * len(p.w) * (1 + len(p.state)) // the gradient and the optimizer's state
	}
	return int64(n)
}

package lowrank

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// factored is what factoring one site gave.
type factored struct {
	f           *Factors
	weightError *float64
	outputError *float64
	shift       []float64 // added to the bias: (W - W') E[x], G x M; nil when the bias stays
}

// try builds the model for a choice and evaluates it, or the dense one as it is.
func (r *run) try(ctx context.Context, choice []*Point) ([]bool, error) {
	if !slices.ContainsFunc(choice, func(pt *Point) bool { return pt != nil }) {
		return r.c.Evaluate(ctx, r.m)
	}
	m, _, err := r.build(ctx, choice)
	if err != nil {
		return nil, err
	}
	return r.c.Evaluate(ctx, m)
}

// build factors every chosen site and rewrites a copy of the model.
func (r *run) build(ctx context.Context, choice []*Point) (*graph.Model, []*factored, error) {
	fs := make([]*factored, len(choice))
	err := r.parallel(ctx, "factor", func(i int) error {
		if choice[i] == nil {
			return nil
		}
		var err error
		fs[i], err = r.factor(ctx, i, choice[i])
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	m := r.m.Clone()
	sites, err := Find(m, r.c.Selection) // the same sites in the same order, of the copy
	if err != nil {
		return nil, nil, err
	}
	var rs []Replacement
	for i, f := range fs {
		if f != nil {
			sites[i].like(r.cands[i].Site)
			rs = append(rs, Replacement{sites[i], f.f, f.shift})
		}
	}
	if err := Apply(m, rs); err != nil {
		return nil, nil, err
	}
	return m, fs, m.Check()
}

// final builds the result: refined when there is calibration, unless that lowers the accuracy
// that a policy relied on.
func (r *run) final(ctx context.Context, choice []*Point) (*graph.Model, []*factored, error) {
	if r.c.Calibration == nil || r.c.Unrefined {
		return r.build(ctx, choice)
	}
	m, fs, err := r.refined(ctx, choice)
	if _, relied := r.c.Policy.(MaxDrop); err != nil || !relied {
		return m, fs, err
	}
	plain, were, err := r.build(ctx, choice)
	if err != nil {
		return nil, nil, err
	}
	was, err := r.c.Evaluate(ctx, plain)
	if err != nil {
		return nil, nil, err
	}
	is, err := r.c.Evaluate(ctx, m)
	if err != nil || count(is) < count(was) {
		return plain, were, err
	}
	return m, fs, nil
}

func count(right []bool) (n int) {
	for _, ok := range right {
		if ok {
			n++
		}
	}
	return n
}

// factor factors candidate i, or recalls it: searches try the same point again.
func (r *run) factor(ctx context.Context, i int, pt *Point) (*factored, error) {
	key := fmt.Sprintf("%d %s %v", i, pt.Method, pt.Ranks)
	r.gate.mu.Lock()
	f := r.cache[key]
	r.gate.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f, err := r.factorNew(ctx, i, pt)
	if err != nil {
		return nil, fmt.Errorf("lowrank: site %q by %s at rank %v: %w", r.cands[i].Site.Name, pt.Method, pt.Ranks, err)
	}
	if r.c.Evaluate != nil || r.c.Guard == Latency { // asked for again
		r.gate.mu.Lock()
		r.cache[key] = f
		r.gate.mu.Unlock()
	}
	return f, nil
}

func (r *run) factorNew(ctx context.Context, i int, pt *Point) (*factored, error) {
	d, err := Lookup(pt.Method)
	if err != nil {
		return nil, err
	}
	p, err := r.problem(i)
	if err != nil {
		return nil, err
	}
	f, err := d.Factor(ctx, p, pt.Ranks)
	if err != nil {
		return nil, err
	}
	p = nil // its weight is not held while the factors are multiplied out
	approx := d.Reconstruct(r.cands[i].Site, f)
	f.round(r.cands[i].Site.Param.DType)
	if p, err = r.problem(i); err != nil {
		return nil, err
	}
	if n := approx.NonFinite(); n > 0 {
		return nil, fmt.Errorf("%d values of the result are NaN or infinite", n)
	}
	out := &factored{f: f}
	e := nd.RelError(p.W, approx)
	out.weightError = &e
	if p.Moments != nil {
		out.shift = p.shift(approx)
	}
	if p.outputKnown(d) {
		o := p.outputError(approx)
		out.outputError = &o
	}
	return out, nil
}

// measure fills the curves of all candidates in parallel, for policies that need them.
func (r *run) measure(ctx context.Context) error {
	switch r.c.Policy.(type) {
	case FixedRank, VBMF:
		return nil
	}
	return r.parallel(ctx, "measure", func(i int) error {
		_, err := r.cands[i].Points(ctx, Params)
		return err
	})
}

// parallel calls f for every candidate, as many at a time as threads and memory allow,
// and returns the error of the first that failed.
func (r *run) parallel(ctx context.Context, stage string, f func(i int) error) error {
	n := len(r.cands)
	errs := make([]error, n)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		need := work(r.cands[i].Site, r.mom[i].bytes())
		r.gate.enter(need)
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { <-slots; r.gate.leave(need) }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = f(i)
			}
			mu.Lock()
			done++
			r.progress(stage, done, n)
			mu.Unlock()
		}()
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// gate admits work while its memory fits; one piece of work is always admitted.
type gate struct {
	mu          sync.Mutex
	free        *sync.Cond
	limit, used int64
}

func newGate(limit int64) *gate {
	g := &gate{limit: limit}
	g.free = sync.NewCond(&g.mu)
	return g
}

func (g *gate) enter(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.used > 0 && g.used+n > g.limit {
		g.free.Wait()
	}
	g.used += n
}

func (g *gate) leave(n int64) {
	g.mu.Lock()
	g.used -= n
	g.mu.Unlock()
	g.free.Broadcast()
}

package lowrank

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
)

// Config says how to factorise a model. The zero value keeps half of the
// parameters, by any method, without calibration.
type Config struct {
	// Method is a family (svd, tucker, cp, tt), the name of a decomposition, several
	// of either with commas between, or auto, the default: the best for each site.
	Method string
	Policy RankPolicy // Keep{Fraction: 0.5} when nil
	Selection
	Calibration Batches // inputs to weigh errors with; none when nil
	// Weighted measures on the calibration data how much each site's error moves the network's
	// outputs and plans by that; otherwise all sites' own relative errors count alike.
	Weighted bool
	// Unrefined factors every site for the dense network's inputs. With Calibration, sites
	// are otherwise factored in order, each for what those before it now send.
	Unrefined bool
	// Evaluate tells which of the held-out samples, always the same ones, a model gets right;
	// MaxDrop needs it, and gives it the dense model itself once, else copies.
	Evaluate func(ctx context.Context, m *graph.Model) ([]bool, error)
	Align    int // ranks become multiples of it, where the axes are long enough
	// AllowMACs lets auto choose forms that multiply more than the dense weight, as tensor trains of
	// dense layers do at equal size; a method that is named may always.
	AllowMACs bool
	// Frozen says that no training follows: a recurrent layer then becomes a Scan, which does not train,
	// where its steps one after the other would take more of a file than the factors save.
	Frozen   bool
	Tradeoff bool // the report gets the curve of error against size
	// Bytes returns the bytes of each of a model's parameters as it will be stored; as Storage says when nil.
	Bytes    func(m *graph.Model) map[*graph.Param]int64
	Guard    Measure          // a site must get smaller by this measure or stays dense
	Memory   int64            // bytes for moments and factoring, besides the model; 2 GiB when 0
	Modes    map[string]Modes // of tensor-train matrices, by site name; automatic elsewhere
	Seed     uint64
	DryRun   bool                              // plan and count, do not factor: Run returns a nil model
	Progress func(stage string, done, all int) // called now and then, never concurrently
}

// families are the methods that stand for several decompositions, each for its kind of site.
var families = map[string][]string{
	"svd":    {"svd", "channel"},
	"tucker": {"tucker"},
	"cp":     {"cp"},
	"tt":     {"tt-matrix", "tt-conv", "tt-naive"},
	"auto":   {"svd", "channel", "spatial", "tucker", "cp", "tt-matrix"},
}

// methods resolves the method names, in order, each once.
func (c *Config) methods() ([]Decomposition, error) {
	var ds []Decomposition
	seen := map[string]bool{}
	for _, name := range strings.Split(c.Method, ",") {
		if name = strings.TrimSpace(name); name == "" {
			name = "auto"
		}
		members, ok := families[name]
		if !ok {
			members = []string{name}
		}
		for _, m := range members {
			d, err := Lookup(m)
			if err != nil {
				return nil, badConfig("method: %w, or a family: auto, cp, svd, tt, tucker", err)
			}
			if !seen[m] {
				ds, seen[m] = append(ds, d), true
			}
		}
	}
	return ds, nil
}

// limitsMACs reports whether the choice of decompositions is left to auto and may not multiply more.
func (c *Config) limitsMACs() bool {
	auto := func(name string) bool { return strings.TrimSpace(name) == "" || strings.TrimSpace(name) == "auto" }
	return !c.AllowMACs && slices.ContainsFunc(strings.Split(c.Method, ","), auto)
}

// Run returns a factorised copy of m and a report. The input model is not changed;
// parameters that stay are shared with it.
func Run(ctx context.Context, m *graph.Model, c Config) (*graph.Model, *Report, error) {
	r, err := newRun(m, c)
	if err != nil {
		return nil, nil, err
	}
	if err := r.calibrate(ctx); err != nil {
		return nil, nil, err
	}
	pl := &Planner{Candidates: r.cands, total: r.total}
	if c.Evaluate != nil {
		pl.Try = r.try
	}
	if err := r.measure(ctx); err != nil {
		return nil, nil, err
	}
	if err := r.weigh(ctx); err != nil {
		return nil, nil, err
	}
	out, rep, err := r.reduce(ctx, pl)
	if err != nil || !c.Tradeoff {
		return out, rep, err
	}
	rep.Tradeoff, err = r.tradeoff(ctx, pl)
	return out, rep, err
}

// reduce plans and builds the model, again when it costs more than its plan and thereby more than the budget.
func (r *run) reduce(ctx context.Context, pl *Planner) (*graph.Model, *Report, error) {
	for {
		choice, err := r.plan(ctx, pl)
		if err != nil {
			return nil, nil, err
		}
		if r.c.DryRun { // nothing is factored, so that latency cannot guard
			return nil, r.report(choice, nil, r.estimate(choice.Points)), nil
		}
		if r.c.Guard == Latency {
			if err := r.guardLatency(ctx, choice); err != nil {
				return nil, nil, err
			}
		}
		out, fs, err := r.final(ctx, choice.Points)
		if err != nil {
			return nil, nil, err
		}
		after, _, _ := r.c.count(out) // what cannot be counted could not before
		if again, err := r.tighten(pl, after); err != nil {
			return nil, nil, err
		} else if !again {
			return out, r.report(choice, fs, after), nil
		}
	}
}

// plan asks the policy until what it chooses is within its budget.
func (r *run) plan(ctx context.Context, pl *Planner) (*Choice, error) {
	for {
		choice, err := r.c.Policy.Plan(ctx, pl)
		if err != nil {
			return nil, err
		}
		r.guard(choice)
		if again, err := r.tighten(pl, r.estimate(choice.Points)); err != nil || !again {
			return choice, err
		}
	}
}

type run struct {
	c     Config
	m     *graph.Model
	total totals
	inf   *graph.Inferred // nil when MACs cannot be counted
	cands []*Candidate
	mom   []*Moments // by candidate
	cache map[string]*factored
	gate  *gate
}

func newRun(m *graph.Model, c Config) (*run, error) {
	if c.Policy == nil {
		c.Policy = Keep{Fraction: 0.5}
	}
	if c.Memory == 0 {
		c.Memory = 2 << 30
	}
	if c.Dims == nil {
		c.Dims = m.AnyDims(nil)
	}
	methods, err := c.methods()
	if err != nil {
		return nil, err
	}
	sites, err := Find(m, c.Selection)
	if err != nil {
		return nil, err
	}
	r := &run{c: c, m: m, cache: map[string]*factored{}, mom: make([]*Moments, len(sites)), gate: newGate(c.Memory)}
	var why error
	r.total, r.inf, why = c.count(m)
	if r.inf != nil {
		r.inf.Specs = nil // folded constants are not held
	}
	if err := c.checkCountable(m, why); err != nil {
		return nil, err
	}
	bytes := c.paramBytes(m)
	for i, s := range sites {
		s.frozen = c.Frozen
		s.modes, s.elementBytes = c.Modes[s.Name], bytes[s.Param]/max(1, s.Params())
		cand := &Candidate{Site: s, Sensitivity: 1, align: c.Align, fewMACs: c.limitsMACs()}
		if err := cand.suit(methods); err != nil {
			return nil, err
		}
		cand.load = func(ctx context.Context) (*Problem, error) { return r.problem(i) }
		r.cands = append(r.cands, cand)
	}
	return r, r.checkModes(sites)
}

// checkModes rejects modes of sites that do not exist.
func (r *run) checkModes(sites []*Site) error {
	for name := range r.c.Modes {
		if !slices.ContainsFunc(sites, func(s *Site) bool { return s.Name == name }) {
			return badConfig("modes are given for %q, which is no selected site", name)
		}
	}
	return nil
}

// suit keeps the methods that apply to the candidate's site.
func (c *Candidate) suit(methods []Decomposition) error {
	if c.Skipped = c.Site.Blocked; c.Skipped != "" {
		return nil
	}
	var why []string
	for _, d := range methods {
		_, err := d.MaxRanks(c.Site)
		switch {
		case err == nil:
			c.Methods = append(c.Methods, d)
		case errors.Is(err, ErrUnsuited):
			why = append(why, err.Error())
		default:
			return err
		}
	}
	if len(c.Methods) == 0 {
		c.Skipped = strings.Join(why, "; ")
	}
	return nil
}

// problem loads the weight of candidate i.
func (r *run) problem(i int) (*Problem, error) {
	s := r.cands[i].Site
	w, err := s.Load()
	if err != nil {
		return nil, err
	}
	return &Problem{Site: s, W: w, Moments: r.mom[i], Seed: r.c.Seed, Align: r.c.Align, once: true}, nil
}

// guard puts sites back to dense that would not get smaller.
func (r *run) guard(choice *Choice) {
	for i, pt := range choice.Points {
		if pt == nil {
			continue
		}
		if why := r.c.Guard.worse(r.cands[i].Site, pt); why != "" {
			choice.dense(i, why)
		}
	}
}

// report describes the choice and what the model costs then; fs is nil before factoring.
func (r *run) report(choice *Choice, fs []*factored, after totals) *Report {
	lines := make([]Line, len(choice.Points))
	for i, pt := range choice.Points {
		c := r.cands[i]
		why := cmp.Or(c.Skipped, choice.Why[i], c.reason, "no form of it is smaller")
		lines[i] = newLine(c.Site, pt, why)
		lines[i].outputs = c.Site.outputs(r.m.Graph)
		if pt != nil && fs != nil {
			lines[i].WeightError, lines[i].OutputError = fs[i].weightError, fs[i].outputError
		}
	}
	rep := &Report{Version: 1, ParamsBefore: r.total[Params], ParamsAfter: after[Params], Sites: lines}
	if r.inf != nil {
		rep.MACsBefore, rep.MACsAfter = &r.total[MACs], &after[MACs]
	}
	return rep
}

// progress reports to the caller's hook.
func (r *run) progress(stage string, done, all int) {
	if r.c.Progress != nil {
		r.c.Progress(stage, done, all)
	}
}

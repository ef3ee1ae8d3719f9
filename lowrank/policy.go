package lowrank

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// RankPolicy chooses a decomposition and ranks for all sites together.
type RankPolicy interface {
	Plan(ctx context.Context, p *Planner) (*Choice, error)
}

// Choice is a plan for all candidates.
type Choice struct {
	Points []*Point // nil where the weight stays dense
	Why    []string // it does, empty where no form is smaller
}

// dense keeps candidate i as it is.
func (c *Choice) dense(i int, why string) { c.Points[i], c.Why[i] = nil, why }

// Planner is what a policy sees.
type Planner struct {
	Candidates []*Candidate
	// Try builds the model for a choice of points and tells which held-out samples it
	// gets right. It is nil when the caller cannot evaluate.
	Try func(ctx context.Context, choice []*Point) ([]bool, error)

	total totals // of the whole model, dense
	less  int64  // than its total a budget shall plan for, as plans turned out to cost more
	spare int64  // what the budget of the last plan left beyond the smallest forms
	floor bool   // it left nothing
}

// each plans every site by itself: for a point, or for why there is none.
func (p *Planner) each(plan func(*Candidate) (pt *Point, why string, err error)) (*Choice, error) {
	out := &Choice{make([]*Point, len(p.Candidates)), make([]string, len(p.Candidates))}
	for i, c := range p.Candidates {
		if c.Skipped != "" {
			continue
		}
		var err error
		if out.Points[i], out.Why[i], err = plan(c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// FixedRank gives every site the same ranks, limited to its maximum. One number
// stands for all ranks of a decomposition. A site takes the first of its methods.
type FixedRank struct{ Ranks Ranks }

// Plan implements RankPolicy.
func (f FixedRank) Plan(ctx context.Context, p *Planner) (*Choice, error) {
	if len(f.Ranks) == 0 || slices.Min(f.Ranks) < 1 {
		return nil, badConfig("rank %v: ranks start at 1", f.Ranks)
	}
	return p.each(func(c *Candidate) (*Point, string, error) {
		pt, err := c.At(c.Methods[0], f.Ranks)
		return pt, "", err
	})
}

// Epsilon chooses the smallest point of every site whose relative error is at most Error.
type Epsilon struct{ Error float64 }

// Plan implements RankPolicy.
func (e Epsilon) Plan(ctx context.Context, p *Planner) (*Choice, error) {
	if !(e.Error > 0 && e.Error < 1) {
		return nil, badConfig("epsilon %g is not above 0 and below 1", e.Error)
	}
	return p.each(func(c *Candidate) (*Point, string, error) {
		ps, err := c.Points(ctx, Params)
		if err != nil || len(ps) == 0 {
			return nil, "", err
		}
		for i := range ps {
			if ps[i].Error <= e.Error {
				return &ps[i], "", nil
			}
		}
		return nil, fmt.Sprintf("no smaller form has an error of at most %g", e.Error), nil
	})
}

// Energy keeps the given fraction of the sum of squares: of the weight, or with
// calibration of the output. It is Epsilon at sqrt(1 - Kept).
type Energy struct{ Kept float64 }

// Plan implements RankPolicy.
func (e Energy) Plan(ctx context.Context, p *Planner) (*Choice, error) {
	if !(e.Kept > 0 && e.Kept < 1) {
		return nil, badConfig("energy %g is not above 0 and below 1", e.Kept)
	}
	return Epsilon{rootsOf([]float64{1 - e.Kept})[0]}.Plan(ctx, p)
}

// VBMF takes the ranks of variational Bayesian matrix factorisation (Kim et al.
// 2016 for convolutions): what stands out of the noise of each weight. It needs a
// decomposition whose ranks are those of matrices.
type VBMF struct{}

// Plan implements RankPolicy.
func (VBMF) Plan(ctx context.Context, p *Planner) (*Choice, error) {
	return p.each(func(c *Candidate) (*Point, string, error) {
		at := slices.IndexFunc(c.Methods, func(d Decomposition) bool { _, ok := d.(Unfolder); return ok })
		if at < 0 {
			return nil, "the rank selection by variational Bayes needs a method with matrix ranks, such as svd, channel or tucker; given " + methodNames(c.Methods), nil
		}
		pr, err := c.Problem(ctx)
		if err != nil {
			return nil, "", err
		}
		r, err := vbmfRanks(c.Methods[at].(Unfolder).Unfoldings(c.Site, pr.W))
		if err != nil {
			return nil, "", err
		}
		pt, err := c.At(c.Methods[at], r)
		return pt, "", err
	})
}

// vbmfRanks takes the largest rank in each list of matrices, at least 1.
func vbmfRanks(unfoldings [][]*linalg.Mat) (Ranks, error) {
	r := make(Ranks, len(unfoldings))
	for i, ms := range unfoldings {
		r[i] = 1
		for _, m := range ms {
			s, err := linalg.SingularValues(m)
			if err != nil {
				return nil, err
			}
			r[i] = max(r[i], nd.VBMFRank(s, m.Rows, m.Cols))
		}
	}
	return r, nil
}

func methodNames(ds []Decomposition) string {
	var names []string
	for _, d := range ds {
		names = append(names, d.Name())
	}
	return strings.Join(names, ", ")
}

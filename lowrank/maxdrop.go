package lowrank

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// MaxDrop searches the smallest model whose accuracy is, at 95 % confidence, at most
// Points percentage points below the dense one's, by bisection on the fraction kept of By.
type MaxDrop struct {
	Points float64
	By     Measure
	Steps  int // evaluations; 0 means 10
}

// Plan implements RankPolicy.
func (d MaxDrop) Plan(ctx context.Context, p *Planner) (*Choice, error) {
	if !(d.Points > 0) {
		return nil, badConfig("maximal drop %g is not positive", d.Points)
	}
	if p.Try == nil {
		return nil, badConfig("a maximal drop needs held-out data to evaluate on: give Evaluate")
	}
	curves, err := p.curves(ctx, d.By)
	if err != nil {
		return nil, err
	}
	base, err := p.Try(ctx, make([]*Point, len(p.Candidates)))
	if err != nil {
		return nil, err
	}
	if err := d.Resolves(len(base)); err != nil {
		return nil, err
	}
	best, err := d.search(ctx, p, curves, base)
	if err != nil {
		return nil, err
	}
	if best == nil {
		why := fmt.Sprintf("no smaller model that was tried keeps the drop within %g percentage points at 95 %% confidence", d.Points)
		return explained(make([]*Point, len(p.Candidates)), curves, why), nil
	}
	return explained(best, curves, byPlan), nil
}

// confidence is the normal quantile of a one-sided bound at 95 %.
const confidence = 1.645

// Resolves fails when n held-out samples are too few to tell a drop of Points.
func (d MaxDrop) Resolves(n int) error {
	if need := int(math.Ceil(confidence * math.Sqrt2 / (d.Points / 100))); n < need {
		return badConfig("%d held-out samples cannot tell a drop of %g percentage points: hold out at least %d", n, d.Points, need)
	}
	return nil
}

// UpperDrop returns the 95 % upper bound of how much accuracy now has lost against
// base, both telling which of the same samples are right: with b samples lost and c
// recovered of n, the drop is (b-c)/n and its standard error, with one sample added to
// either so that small counts are not taken for certainty, sqrt(b+c+2-(b-c)^2/n)/n.
func UpperDrop(base, now []bool) float64 {
	var b, c float64
	for i, right := range now {
		switch {
		case base[i] && !right:
			b++
		case right && !base[i]:
			c++
		}
	}
	n := float64(len(now))
	return ((b - c) + confidence*math.Sqrt(b+c+2-(b-c)*(b-c)/n)) / n
}

// within reports whether now keeps the promise.
func (d MaxDrop) within(base, now []bool) bool { return UpperDrop(base, now) <= d.Points/100+1e-12 }

// search returns the smallest choice that is within the drop, nil when none that it tries is.
func (d MaxDrop) search(ctx context.Context, p *Planner, curves [][]Point, base []bool) (best []*Point, err error) {
	least, dense := p.extent(curves, d.By)
	lo, hi := math.Log(max(1, float64(least))), math.Log(max(1, float64(dense)))
	for range cmp.Or(d.Steps, 10) {
		mid := (lo + hi) / 2
		choice, err := p.choose(curves, d.By, max(least, int64(math.Exp(mid))))
		if err != nil {
			return nil, err
		}
		now, err := p.Try(ctx, choice)
		if err != nil {
			return nil, err
		}
		if d.within(base, now) {
			best, hi = choice, mid
		} else {
			lo = mid
		}
	}
	return best, nil
}

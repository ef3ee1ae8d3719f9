package lowrank

import (
	"context"
	"errors"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
)

// sensitivityVectors bounds the calibration examples that sensitivities are measured on.
const sensitivityVectors = 512

// sensitivityError is the error of a site at which the network's reaction is measured.
const sensitivityError = 0.3

// weigh measures how much each site's error moves the network's outputs: with only that site
// factored, to a relative error e of its own output, the outputs' relative error is d,
// and the site's sensitivity is d^2 / e^2. The plan then minimises the sum of
// sensitivity times squared error, the first-order estimate of the outputs' squared error when
// the sites' errors are independent.
func (r *run) weigh(ctx context.Context) error {
	if r.c.Calibration == nil || !r.c.Weighted || !planned(r.c.Policy) {
		return nil
	}
	dense, err := r.outputs(ctx, r.m)
	if err != nil {
		return err
	}
	for i, c := range r.cands {
		pts, err := c.Points(ctx, Params)
		if err != nil {
			return err
		}
		if len(pts) == 0 {
			continue
		}
		choice := make([]*Point, len(r.cands))
		pt := nearest(pts, sensitivityError)
		choice[i] = &pt
		m, _, err := r.build(ctx, choice)
		if err != nil {
			return err
		}
		now, err := r.outputs(ctx, m)
		if err != nil {
			return err
		}
		c.Sensitivity = max(distance(dense, now)/max(pt.Error*pt.Error, 1e-12), 1e-9)
		r.progress("sensitivity", i+1, len(r.cands))
	}
	return nil
}

// planned reports whether a policy weighs sites against each other.
func planned(p RankPolicy) bool {
	switch p := p.(type) {
	case Keep:
		return !p.Uniform
	case Budget, MaxDrop:
		return true
	}
	return false
}

// nearest returns the point whose error is closest to e in ratio.
func nearest(ps []Point, e float64) Point {
	best, at := math.Inf(1), 0
	for i, p := range ps {
		if d := math.Abs(math.Log(max(p.Error, 1e-9) / e)); d < best {
			best, at = d, i
		}
	}
	return ps[at]
}

var errEnough = errors.New("enough batches")

// outputs runs a model over the first calibration batches: one list of numbers for each
// floating-point output.
func (r *run) outputs(ctx context.Context, m *graph.Model) ([][]float64, error) {
	out := make([][]float64, len(m.Graph.Outputs))
	seen := 0
	err := eachBatch(ctx, m, r.c.Calibration, graph.Options{}, func(s *graph.Session) error {
		for i, v := range s.Outputs() {
			t := s.Tensor(v)
			if !t.DType().IsFloat() {
				continue
			}
			x, err := float64s(t)
			if err != nil {
				return err
			}
			out[i] = append(out[i], x...)
			if i == 0 && len(t.Shape()) > 0 {
				seen += t.Shape()[0]
			}
		}
		if seen >= sensitivityVectors || seen == 0 {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// distance returns the mean over outputs of ||b - a||^2 / ||a - mean(a)||^2.
func distance(a, b [][]float64) float64 {
	sum, n := 0.0, 0
	for i, x := range a {
		if len(x) == 0 || len(x) != len(b[i]) {
			continue
		}
		mean := 0.0
		for _, v := range x {
			mean += v / float64(len(x))
		}
		d, whole := 0.0, 0.0
		for j, v := range x {
			d += (b[i][j] - v) * (b[i][j] - v)
			whole += (v - mean) * (v - mean)
		}
		if whole > 0 {
			sum, n = sum+d/whole, n+1
		}
	}
	return sum / float64(max(1, n))
}

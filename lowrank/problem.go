package lowrank

import (
	"context"
	"math"

	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// groupTails returns the squared relative error of every rank of the M x (K
// kernel) matrices of all groups, in the problem's metric.
func groupTails(ctx context.Context, p *Problem) ([]float64, error) {
	return tailsOf(ctx, groupMats(p.W), p.spectrum)
}

// tailsOf adds the spectra of several matrices that share one rank.
func tailsOf(ctx context.Context, ms []*linalg.Mat, spectrum func(g int, m *linalg.Mat) ([]float64, error)) ([]float64, error) {
	var sum []float64
	for g, m := range ms {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, err := spectrum(g, m)
		if err != nil {
			return nil, err
		}
		t := squaredTails(s, 1)
		if sum == nil {
			sum = make([]float64, len(t))
		}
		for i, v := range t {
			sum[i] += v
		}
	}
	return relative(sum), nil
}

// relative divides by the first entry, the error of rank 0.
func relative(t []float64) []float64 {
	if t[0] == 0 {
		return t
	}
	inv := 1 / t[0]
	for i := range t {
		t[i] *= inv
	}
	return t
}

// spectrum returns the singular values of group g's matrix in the problem's metric.
func (p *Problem) spectrum(g int, m *linalg.Mat) ([]float64, error) {
	if p.Moments == nil {
		return linalg.SingularValues(m)
	}
	return p.Moments.spectrum(g, m)
}

// split returns A (M x R) and B (R x K kernel) whose product is the best
// approximation of group g's matrix in the problem's metric, balanced so that both
// have the same norm.
func (p *Problem) split(ctx context.Context, g, r int) (a, b *linalg.Mat, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	m := p.W.Index(g).Mat(p.W.Shape[1])
	if p.Moments == nil {
		a, b, err = splitPlain(m, r, p.Seed)
	} else {
		a, b, err = p.Moments.split(g, m, r, p.Seed)
	}
	if err == nil {
		balance(a, b)
	}
	return a, b, err
}

// splitPlain projects on the leading singular vectors of the shorter side, A = U^T and B = U W
// or A = W V^T and B = V for their rows U or V, which is the truncated SVD but for scales.
func splitPlain(m *linalg.Mat, r int, seed uint64) (a, b *linalg.Mat, err error) {
	right := m.Rows > m.Cols
	u, err := linalg.LeadingVectors(m, right, r, seed)
	if err != nil {
		return nil, nil, err
	}
	if right {
		a, b = linalg.NewMat(m.Rows, r), u
		linalg.Mul(a, 1, m, false, u, true, 0)
		return a, b, nil
	}
	a, b = u.T(), linalg.NewMat(r, m.Cols)
	linalg.Mul(b, 1, u, false, m, false, 0)
	return a, b, nil
}

func scaleRow(m *linalg.Mat, i int, f float64) {
	for j := range m.Row(i) {
		m.Row(i)[j] *= f
	}
}

func scaleCol(m *linalg.Mat, j int, f float64) {
	for i := range m.Rows {
		m.Row(i)[j] *= f
	}
}

// balance scales column i of A and row i of B to equal norms, product kept: gradients
// of both factors then have one scale, and so does rounding to float32.
func balance(a, b *linalg.Mat) {
	for i := range a.Cols {
		na, nb := 0.0, nd.Of(b.Row(i), b.Cols).Norm()
		for j := range a.Rows {
			na = math.Hypot(na, a.At(j, i))
		}
		if na == 0 || nb == 0 {
			continue
		}
		f := math.Sqrt(nb / na)
		scaleCol(a, i, f)
		scaleRow(b, i, 1/f)
	}
}

// outputKnown reports whether the error of d's output can be told: from the moments of inputs
// always, from those of outputs for a projection of them. Otherwise the weight's stands.
func (p *Problem) outputKnown(d Decomposition) bool {
	_, projects := d.(Projector)
	return p.Moments != nil && (p.Moments.In != nil || projects)
}

// outputError returns the relative error of the output for a weight W' (G, M, K, kernel...), which becomes W' - W,
// of a decomposition for which it is known.
func (p *Problem) outputError(approx *nd.Array) float64 {
	m := p.Moments
	if m.In == nil {
		return m.projectionError(p.W, approx)
	}
	for i, v := range p.W.Data {
		approx.Data[i] -= v
	}
	whole := m.energy(p.W)
	if whole <= 0 {
		return 0
	}
	return math.Sqrt(max(0, m.energy(approx)) / whole)
}

// shift returns (W - W') E[x], which keeps the output's mean; nil without a mean.
func (p *Problem) shift(approx *nd.Array) []float64 {
	if p.Moments.Mean == nil {
		return nil
	}
	s := p.Site
	out := make([]float64, s.Groups*s.M)
	n := s.K * s.taps()
	for i := range out {
		for j, mu := range p.Moments.Mean[i/s.M] {
			out[i] += (p.W.Data[i*n+j] - approx.Data[i*n+j]) * mu
		}
	}
	return out
}

package nd

import "math"

// VBMFRank returns the rank that empirical variational Bayesian matrix
// factorisation gives a rows x cols matrix with singular values s (all min(rows,
// cols) of them, descending): the number of those that stand out of the noise,
// whose variance is estimated (Nakajima, Sugiyama, Babacan and Tomioka 2013,
// "Global analytic solution of fully-observed variational Bayesian matrix
// factorization", theorem 2 and equation 24). It is 0 for pure noise.
func VBMFRank(s []float64, rows, cols int) int {
	l, m := float64(min(rows, cols)), float64(max(rows, cols))
	alpha := l / m
	tau := 2.5129 * math.Sqrt(alpha)
	v := vbmf{sq: make([]float64, len(s)), m: m, alpha: alpha, edge: (1 + tau) * (1 + alpha/tau)}
	scale := 0.0
	if len(s) > 0 {
		scale = s[0]
	}
	if scale == 0 {
		return 0
	}
	for i, x := range s {
		v.sq[i] = max((x/scale)*(x/scale), 1e-30) // a zero would make the logarithms infinite
	}
	threshold := m * v.noise(l) * v.edge
	rank := 0
	for _, x := range v.sq {
		if x > threshold {
			rank++
		}
	}
	return rank
}

type vbmf struct {
	sq    []float64 // squared singular values
	m     float64   // the larger side
	alpha float64   // smaller side over larger
	edge  float64   // the smallest normalised square that is signal
}

// noise minimises the free energy over the noise variance within its bounds (equations 25 and 26).
func (v *vbmf) noise(l float64) float64 {
	h := min(int(math.Ceil(l/(1+v.alpha)))-1, len(v.sq)-1)
	h = max(h, 0)
	total, rest := 0.0, 0.0
	for i, x := range v.sq {
		total += x
		if i >= h {
			rest += x
		}
	}
	hi := total / (l * v.m)
	lo := max(v.sq[h]/(v.m*v.edge), rest/float64(len(v.sq)-h)/v.m)
	if lo >= hi {
		return hi
	}
	return math.Exp(minimise(func(x float64) float64 { return v.energy(math.Exp(x)) }, math.Log(lo), math.Log(hi)))
}

// energy is the free energy at noise variance s2, up to constants; all min(rows, cols)
// singular values are known, so its remainder terms vanish.
func (v *vbmf) energy(s2 float64) float64 {
	sum := 0.0
	for _, sq := range v.sq {
		x := sq / (v.m * s2)
		if x <= v.edge {
			sum += x - math.Log(x)
			continue
		}
		b := x - (1 + v.alpha)
		tau := (b + math.Sqrt(max(0, b*b-4*v.alpha))) / 2
		sum += x - tau + math.Log((tau+1)/x) + v.alpha*math.Log(tau/v.alpha+1)
	}
	return sum
}

// minimise finds the minimum of f on [lo, hi]: the best of a grid, refined by golden section.
func minimise(f func(float64) float64, lo, hi float64) float64 {
	const grid = 200
	step := (hi - lo) / grid
	best, at := math.Inf(1), lo
	for i := range grid + 1 {
		x := lo + float64(i)*step
		if y := f(x); y < best {
			best, at = y, x
		}
	}
	a, b := max(lo, at-step), min(hi, at+step)
	for range 60 {
		c, d := b-(b-a)*0.6180339887498949, a+(b-a)*0.6180339887498949
		if f(c) < f(d) {
			b = d
		} else {
			a = c
		}
	}
	return (a + b) / 2
}

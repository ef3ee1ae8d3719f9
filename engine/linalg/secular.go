package linalg

import "math"

const eps = 0x1p-53 // unit round-off

// poles are the diagonal of a rank-one modified eigenproblem, ascending. In
// the symmetric case (D + z z^T) pole i is d_i; for singular values, where the
// matrix is diagonal but for its first row z, it is d_i^2 with d_0 = 0.
type poles struct {
	d       []float64
	squared bool
}

// root is an eigenvalue, or a singular value, as base + shift with base the
// nearest d_i. That gives its distance from every pole to full relative
// accuracy, on which the orthogonality of the vectors rests (Gu and Eisenstat 1995).
type root struct{ base, shift float64 }

// distance writes pole i minus the root r (both squared for singular values)
// to dst[i-lo] for the poles from lo on.
func (p *poles) distance(dst []float64, lo int, r root) {
	d := p.d[lo : lo+len(dst)]
	if !p.squared {
		for i, v := range d {
			dst[i] = (v - r.base) - r.shift
		}
		return
	}
	for i, v := range d {
		dst[i] = ((v - r.base) - r.shift) * ((v + r.base) + r.shift)
	}
}

// secular is the function f(t) = 1 + sum_i z_i^2 / (delta_i - t), with t and
// the poles delta measured from one of them. It increases between two poles,
// has one root there, and one more after the last.
type secular struct {
	*poles
	z, delta []float64
	left     int     // f is modelled by its poles left and left+1
	near     int     // the pole next to the root, from which t is measured
	lo, hi   float64 // the root is between
}

// solve returns the root between poles j and j+1, or after the last one.
// delta is scratch, as long as z.
func (p *poles) solve(z []float64, j int, delta []float64) root {
	s := secular{poles: p, z: z, delta: delta, left: j, near: j}
	t := 0.0
	switch k := len(z); {
	case k == 1:
		t = z[0] * z[0]
	case j == k-1:
		t = s.startLast()
	default:
		t = s.start()
	}
	if len(z) > 1 {
		t = s.iterate(t)
	}
	r := root{p.d[s.near], t}
	if p.squared && t != 0 {
		r.shift = t / (r.base + math.Sqrt(r.base*r.base+t))
	}
	return r
}

func (s *secular) origin(near int) {
	s.near = near
	s.distance(s.delta, 0, root{base: s.d[near]})
}

// start decides by the sign of f in the middle which pole is nearer, and
// solves f with all terms but those of the two poles frozen there.
func (s *secular) start() float64 {
	s.origin(s.left)
	gap := s.delta[s.left+1]
	l, r := s.z[s.left], s.z[s.left+1]
	c := s.rest(gap / 2)
	if c+(r*r-l*l)/(gap/2) >= 0 {
		s.lo, s.hi = 0, gap/2
	} else {
		s.origin(s.left + 1)
		s.lo, s.hi = -gap/2, 0
	}
	return s.frozen(c)
}

// startLast does so for the last root, at most |z|^2 after the last pole.
func (s *secular) startLast() float64 {
	s.left--
	s.origin(s.left + 1)
	s.hi = dot(s.z, s.z)
	return s.frozen(s.rest(s.hi / 2))
}

// frozen solves c + z_l^2/(delta_l-t) + z_r^2/(delta_r-t) = 0 between lo and hi.
func (s *secular) frozen(c float64) float64 {
	zl, zr := s.z[s.left], s.z[s.left+1]
	dl, dr := s.delta[s.left], s.delta[s.left+1]
	b := -(c*(dl+dr) + zl*zl + zr*zr)
	t := quadratic(c, b, c*dl*dr+zl*zl*dr+zr*zr*dl, s.lo, s.hi)
	if t != t {
		t = s.bisect()
	}
	return t
}

// rest is f(t) without the terms of poles left and left+1.
func (s *secular) rest(t float64) float64 {
	sum := 1.0
	for i, z := range s.z[:s.left] {
		sum += z * (z / (s.delta[i] - t))
	}
	for i, z := range s.z[s.left+2:] {
		sum += z * (z / (s.delta[s.left+2+i] - t))
	}
	return sum
}

// sums are f, the terms of its derivative up to pole left and after it, and a
// bound on the rounding error of f in units of eps.
type sums struct{ f, dpsi, dphi, err float64 }

// eval sums f at t from the far ends towards the root, so that large terms
// come last; err follows LAPACK Working Note 89, section 5.
func (s *secular) eval(t float64) sums {
	var psi, phi, dpsi, dphi, err float64
	n := s.left + 1
	delta := s.delta[:n]
	for i, z := range s.z[:n] {
		q := z / (delta[i] - t)
		psi += z * q
		dpsi += q * q
		err -= psi
	}
	zs, delta := s.z[n:], s.delta[n:len(s.z)]
	for i := len(zs) - 1; i >= 0; i-- {
		z := zs[i]
		q := z / (delta[i] - t)
		phi += z * q
		dphi += q * q
		err += math.Abs(phi)
	}
	err += 8*(math.Abs(psi)+math.Abs(phi)+1) + math.Abs(t)*(dpsi+dphi)
	return sums{1 + psi + phi, dpsi, dphi, err}
}

// iterate refines t until f is below its rounding error. Steps solve a
// rational model through the two poles (Li 1993): with the weight of the near
// pole exact, or, when that is slow, with both weights fitted. The bracket
// guards them.
func (s *secular) iterate(t float64) float64 {
	weighted, prev := s.near != s.left+1 || s.hi == 0, math.Inf(1)
	for range 100 {
		v := s.eval(t)
		if math.Abs(v.f) <= eps*v.err {
			break
		}
		if v.f < 0 {
			s.lo = t
		} else {
			s.hi = t
		}
		if math.Abs(v.f) > prev/10 {
			weighted = !weighted
		}
		prev = math.Abs(v.f)
		next := t + s.step(t, v, weighted)
		if !(next > s.lo && next < s.hi) {
			next = s.bisect()
		}
		if next == t || !(next > s.lo && next < s.hi) {
			break
		}
		t = next
	}
	return t
}

// step returns the zero of the model nearest to t, or NaN.
func (s *secular) step(t float64, v sums, weighted bool) float64 {
	l, r, slope := s.delta[s.left]-t, s.delta[s.left+1]-t, v.dpsi+v.dphi
	c := v.f - l*v.dpsi - r*v.dphi
	if weighted {
		near, far := l, r
		if s.near != s.left {
			near, far = r, l
		}
		w := s.z[s.near] / near
		c = v.f - far*slope - w*w*(near-far)
	}
	return quadratic(c, l*r*slope-(l+r)*v.f, l*r*v.f, s.lo-t, s.hi-t)
}

// bisect returns a point inside the bracket, geometrically when the ends
// differ in order of magnitude.
func (s *secular) bisect() float64 {
	a, b := math.Abs(s.lo), math.Abs(s.hi)
	small, big := min(a, b), max(a, b)
	m := big / 64
	if small > 0 {
		m = math.Sqrt(small) * math.Sqrt(big)
	}
	if small > big/64 || s.lo < 0 && s.hi > 0 {
		return s.lo + (s.hi-s.lo)/2
	}
	return math.Copysign(m, s.lo+s.hi)
}

// quadratic returns a root of a x^2 + b x + c inside (lo, hi), the smaller
// one first, or NaN.
func quadratic(a, b, c, lo, hi float64) float64 {
	disc := math.Sqrt(math.Max(b*b-4*a*c, 0))
	q := -(b + math.Copysign(disc, b)) / 2
	if x := c / q; x > lo && x < hi {
		return x
	}
	if x := q / a; x > lo && x < hi {
		return x
	}
	return math.NaN()
}

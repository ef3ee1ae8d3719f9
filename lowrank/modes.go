package lowrank

import "slices"

// Modes split the M rows and K columns of a matrix into D factors each, for tensor trains.
type Modes struct{ Rows, Cols []int }

// modesOf returns the site's modes: the given ones, checked, or automatic ones.
func modesOf(s *Site) (Modes, error) {
	m := s.modes
	if m.Rows == nil && m.Cols == nil {
		return autoModes(s.M, s.K), nil
	}
	if len(m.Rows) != len(m.Cols) || len(m.Rows) < 2 {
		return m, badConfig("site %q: modes %v x %v: want two or more, as many for rows as for columns", s.Name, m.Rows, m.Cols)
	}
	if product1(m.Rows) != s.M || product1(m.Cols) != s.K {
		return m, badConfig("site %q: modes %v x %v do not multiply to its %d x %d matrix", s.Name, m.Rows, m.Cols, s.M, s.K)
	}
	return m, nil
}

func product1(v []int) int {
	n := 1
	for _, x := range v {
		n *= x
	}
	return n
}

// autoModes splits both sides into the same number of factors, as many as make them near
// 4 to 8, the large ones of rows where columns are small, so that cores are alike.
func autoModes(m, k int) Modes {
	pm, pk := primes(m), primes(k)
	d := min(len(pm), len(pk))
	for d > 2 && min(root(m, d), root(k, d)) < 4 {
		d--
	}
	d = max(d, 2)
	rows, cols := balanced(pm, d), balanced(pk, d)
	slices.SortFunc(rows, func(a, b int) int { return b - a })
	slices.Sort(cols)
	return Modes{rows, cols}
}

// root returns the whole part of the d-th root.
func root(n, d int) int {
	r := 1
	for pow(r+1, d) <= n {
		r++
	}
	return r
}

func pow(b, e int) int {
	n := 1
	for range e {
		n *= b
	}
	return n
}

// primes returns the prime factors in falling order.
func primes(n int) []int {
	var ps []int
	for p := 2; p*p <= n; p++ {
		for n%p == 0 {
			ps, n = append(ps, p), n/p
		}
	}
	if n > 1 {
		ps = append(ps, n)
	}
	slices.Reverse(ps)
	return ps
}

// balanced multiplies primes into d factors of similar size.
func balanced(ps []int, d int) []int {
	f := make([]int, d)
	for i := range f {
		f[i] = 1
	}
	for _, p := range ps {
		i := slices.Index(f, slices.Min(f))
		f[i] *= p
	}
	return f
}

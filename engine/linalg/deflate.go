package linalg

import (
	"cmp"
	"math"
	"slices"
)

// entry is one value of the two solved halves in a merge: its place d among
// the poles, its component z, the row that holds its vector, and the columns
// in which the vector is not zero.
type entry struct {
	d, z float64
	row  int
	kind kind
}

type kind uint8

const (
	inLeft kind = iota
	inBoth
	inRight
)

// deflate splits entries, sorted by d, into those that remain coupled and
// those whose value and vector are final: a z within ztol of zero changes
// nothing, and of two d within dtol of each other one z can be rotated away;
// rotate(a, b, c, s) must turn rows a, b into c a + s b, c b - s a
// (Cuppen 1981; Gu and Eisenstat 1995). It reuses the memory of es.
func deflate(es []entry, dtol, ztol float64, rotate func(a, b int, c, s float64)) (kept, gone []entry) {
	kept = es[:0]
	for _, e := range es {
		if math.Abs(e.z) <= ztol {
			gone = append(gone, e)
			continue
		}
		if n := len(kept) - 1; n >= 0 && e.d-kept[n].d <= dtol {
			p := kept[n]
			r := math.Hypot(e.z, p.z)
			rotate(e.row, p.row, e.z/r, p.z/r)
			e.z = r
			if e.kind != p.kind {
				e.kind, p.kind = inBoth, inBoth
			}
			gone = append(gone, p)
			kept = kept[:n]
		}
		kept = append(kept, e)
	}
	return kept, gone
}

func sortEntries(es []entry) {
	slices.SortFunc(es, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.d, b.d), a.row-b.row)
	})
}

func rotateRows(x, y []float64, c, s float64) {
	for i, a := range x {
		b := y[i]
		x[i] = c*a + s*b
		y[i] = c*b - s*a
	}
}

// rankOne is the coupled part of a merge with K poles, solved. Its entries
// are kept in slot order: those in the left half, in both, in the right.
type rankOne struct {
	slots       []entry
	poles       poles     // in slot order
	zhat        []float64 // in slot order
	roots       []root    // ascending
	lefts, both int       // how many entries are in the left half only, in both
}

// solveRankOne finds the K roots for the entries (ascending in d), and the z for which they
// are exact (Gu and Eisenstat 1995, Loewner's formula), so that vectors computed from them are
// orthogonal whatever the rounding in the roots.
func solveRankOne(es []entry, squared bool) *rankOne {
	k := len(es)
	p := poles{make([]float64, k), squared}
	z := make([]float64, k)
	for i, e := range es {
		p.d[i], z[i] = e.d, e.z
	}
	s := &rankOne{slots: es, roots: make([]root, k)}
	ranges(k, k, func(lo, hi int) {
		delta := make([]float64, k)
		for j := lo; j < hi; j++ {
			s.roots[j] = p.solve(z, j, delta)
		}
	})
	zhat := make([]float64, k)
	ranges(k, k, func(lo, hi int) { p.loewner(zhat[lo:hi], z[lo:hi], lo, s.roots) })
	s.intoSlots(p, zhat)
	return s
}

// loewner computes zhat_i for the poles from lo on:
//
//	zhat_i^2 = prod_j (lambda_j - p_i) / prod_{j != i} (p_j - p_i),
//
// every quotient being positive when paired by interlacing.
func (p *poles) loewner(zhat, z []float64, lo int, roots []root) {
	n, k := len(zhat), len(roots)
	num, den := make([]float64, n), make([]float64, n)
	for i := range zhat {
		zhat[i] = 1
	}
	for j, r := range roots[:k-1] {
		p.distance(num, lo, r)
		cut := min(max(j+1-lo, 0), n) // poles up to j pair with p_{j+1}
		p.distance(den[:cut], lo, root{base: p.d[j+1]})
		p.distance(den[cut:], lo+cut, root{base: p.d[j]})
		for i, v := range num {
			zhat[i] *= v / den[i]
		}
	}
	p.distance(num, lo, roots[k-1])
	for i, v := range num {
		zhat[i] = math.Copysign(math.Sqrt(-v*zhat[i]), z[i])
	}
}

// intoSlots orders entries, poles and zhat by the half their vectors are in.
func (s *rankOne) intoSlots(p poles, zhat []float64) {
	k := len(s.slots)
	es := make([]entry, 0, k)
	s.poles, s.zhat = poles{make([]float64, 0, k), p.squared}, make([]float64, 0, k)
	for h := inLeft; h <= inRight; h++ {
		for i, e := range s.slots {
			if e.kind == h {
				es = append(es, e)
				s.poles.d = append(s.poles.d, p.d[i])
				s.zhat = append(s.zhat, zhat[i])
			}
		}
		switch h {
		case inLeft:
			s.lefts = len(es)
		case inBoth:
			s.both = len(es) - s.lefts
		}
	}
	s.slots = es
}

// vectors writes the unit vector of root j, v_i = zhat_i / (p_i - lambda_j), to row j of
// q (K x K); or, for singular values and left set, u = (-1, d_i v_i) scaled to length 1.
func (s *rankOne) vectors(q *Mat, left bool) {
	ranges(q.Rows, q.Rows, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			row := q.Row(j)
			s.poles.distance(row, 0, s.roots[j])
			for i, v := range row {
				row[i] = s.zhat[i] / v
			}
			if left {
				s.leftVector(row)
			}
			scale(row, 1/math.Sqrt(dot(row, row)))
		}
	})
}

func (s *rankOne) leftVector(row []float64) {
	for i, d := range s.poles.d {
		if d == 0 {
			row[i] = -1
		} else {
			row[i] *= d
		}
	}
}

// update replaces the vectors of a merged block, the rows of x: rows 0..K-1 become q times the
// coupled ones, rows K.. the finished ones. Columns before cut belong to the
// left half. w is scratch of the size of x.
func (s *rankOne) update(x, q, w *Mat, gone []entry, cut int) {
	k := len(s.slots)
	for i, e := range s.slots {
		copy(w.Row(i), x.Row(e.row))
	}
	for i, e := range gone {
		copy(w.Row(k+i), x.Row(e.row))
	}
	for i := range gone {
		copy(x.Row(k+i), w.Row(k+i))
	}
	l := s.lefts + s.both
	Mul(x.Slice(0, k, 0, cut), 1, q.Slice(0, k, 0, l), false, w.Slice(0, l, 0, cut), false, 0)
	Mul(x.Slice(0, k, cut, x.Cols), 1, q.Slice(0, k, s.lefts, k), false, w.Slice(s.lefts, k, cut, x.Cols), false, 0)
}

package student

import (
	"fmt"
	"slices"
)

// group is a set of channels that are kept or dropped together wherever they occur. A
// group is free, fixed at its full size, or known to be made of other groups.
type group struct {
	size  int
	fixed bool
	parts layout // of other groups, when not nil

	norm []float64 // squared norms of the weights into each channel
	keep []int     // channels that stay, rising
}

// segment is a part of an axis: each channel of g takes inner elements in a row.
type segment struct {
	g     *group
	inner int
}

// layout says what an axis is made of, from its first element on.
type layout []segment

func fresh(size int) layout     { return layout{{&group{size: size}, 1}} }
func fixedAxis(size int) layout { return layout{{&group{size: size, fixed: true}, 1}} }
func (s segment) len() int      { return s.g.size * s.inner }
func (l layout) times(k int) (out layout) {
	for _, s := range l {
		out = append(out, segment{s.g, s.inner * k})
	}
	return out
}

// len returns the number of elements at full size.
func (l layout) len() int {
	n := 0
	for _, s := range l {
		n += s.len()
	}
	return n
}

// roots returns the layout in terms of groups that are not made of others.
func (l layout) roots() (out layout) {
	for _, s := range l {
		if s.g.parts == nil {
			out = append(out, s)
			continue
		}
		out = append(out, s.g.parts.times(s.inner).roots()...)
	}
	return out
}

// pin fixes all groups at their full size.
func (l layout) pin() {
	for _, s := range l.roots() {
		s.g.fixed = true
	}
}

// fixed reports whether nothing of the axis can go.
func (l layout) fixed() bool {
	return !slices.ContainsFunc(l.roots(), func(s segment) bool { return !s.g.fixed })
}

// kept returns the elements that stay.
func (l layout) kept() (index []int) {
	at := 0
	for _, s := range l.roots() {
		for _, c := range s.g.keep {
			for i := range s.inner {
				index = append(index, at+c*s.inner+i)
			}
		}
		at += s.len()
	}
	return index
}

// keptLen returns the number of elements that stay.
func (l layout) keptLen() int {
	n := 0
	for _, s := range l.roots() {
		n += len(s.g.keep) * s.inner
	}
	return n
}

// define makes g the same as parts.
func (g *group) define(parts layout) {
	if g.fixed {
		parts.pin()
	}
	g.parts = parts
}

// unify makes two axes the same, element by element. Where the groups of one do not
// fall on boundaries of the other, they are cut; what cannot be cut is fixed.
func unify(a, b layout) error {
	if a.len() != b.len() {
		return fmt.Errorf("axes of %d and %d elements meet", a.len(), b.len())
	}
	for {
		a, b = a.roots(), b.roots()
		for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
			a, b = a[1:], b[1:]
		}
		if len(a) == 0 || len(b) == 0 {
			return nil
		}
		if !meet(a[0], b[0]) {
			a.pin()
			b.pin()
			return nil
		}
	}
}

// meet makes progress on two different segments that begin at the same element; false
// when their groups do not fit each other.
func meet(a, b segment) bool {
	if a.len() > b.len() {
		a, b = b, a
	}
	if a.g == b.g {
		return false
	}
	if a.len() == b.len() {
		if a.inner < b.inner {
			a, b = b, a
		}
		if a.inner%b.inner != 0 {
			return false
		}
		b.g.define(layout{{a.g, a.inner / b.inner}})
		return true
	}
	n := a.len() / b.inner // channels of b that a covers
	if a.len()%b.inner != 0 {
		return false
	}
	b.g.define(append(fresh(n), fresh(b.g.size-n)...))
	return true
}

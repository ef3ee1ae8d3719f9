// Package registry is the one helper behind every list of named things:
// operators, optimizers, losses, decompositions, codecs. Duplicates panic at
// start-up; a failed lookup names what exists and what was probably meant.
package registry

import (
	"fmt"
	"sort"
	"strings"
)

// Registry maps names to values of one kind. It is filled by init functions
// and only read afterwards, so it needs no lock.
type Registry[T any] struct {
	kind  string
	items map[string]T
}

// New returns an empty registry; kind is how errors call an entry, "operator".
func New[T any](kind string) *Registry[T] {
	return &Registry[T]{kind: kind, items: map[string]T{}}
}

// Add registers v and panics when the name is taken.
func (r *Registry[T]) Add(name string, v T) {
	if _, dup := r.items[name]; dup {
		panic(fmt.Sprintf("registry: %s %q registered twice", r.kind, name))
	}
	r.items[name] = v
}

// Lookup returns the entry and whether it exists.
func (r *Registry[T]) Lookup(name string) (T, bool) {
	v, ok := r.items[name]
	return v, ok
}

// Get returns the entry or an error that lists the known names.
func (r *Registry[T]) Get(name string) (T, error) {
	if v, ok := r.items[name]; ok {
		return v, nil
	}
	var zero T
	names := r.Names()
	if near := Nearest(name, names); near != "" {
		return zero, fmt.Errorf("unknown %s %q (did you mean %q? known: %s)", r.kind, name, near, strings.Join(names, ", "))
	}
	return zero, fmt.Errorf("unknown %s %q (known: %s)", r.kind, name, strings.Join(names, ", "))
}

// Names returns the names in order.
func (r *Registry[T]) Names() []string {
	names := make([]string, 0, len(r.items))
	for n := range r.items {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Nearest returns the known name within edit distance a third of the name's
// length, or "".
func Nearest(name string, known []string) string {
	best, bestD := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < bestD {
			best, bestD = k, d
		}
	}
	return best
}

// editDistance is the number of letters inserted, left out, replaced, or swapped with
// their neighbour (Damerau 1964, the optimal string alignment).
func editDistance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			d[i][j] = min(replaced, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

package op

import (
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// equation is an Einstein summation: a label for each axis of each operand and of
// the result. The axes of an ellipsis are labelled -1, -2, ... from the last one.
type equation struct {
	in     [][]rune
	out    []rune
	extent map[rune]int
}

// parseEquation reads attribute equation for the shapes of the inputs.
func parseEquation(b *graph.Bind) (*equation, error) {
	text := strings.ReplaceAll(b.Node.Attrs.Str("equation", ""), " ", "")
	left, right, explicit := strings.Cut(text, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(b.In) {
		return nil, b.Errorf("equation %q has %d operands, the node %d", text, len(terms), len(b.In))
	}
	e := &equation{extent: map[rune]int{}}
	dots := 0 // axes of the widest ellipsis
	for i, term := range terms {
		s := b.In[i].Shape
		n := len(s) - len([]rune(strings.Replace(term, "...", "", 1)))
		labels, err := expand(b, term, n)
		if err != nil {
			return nil, err
		}
		if len(labels) != len(s) {
			return nil, b.Errorf("term %q of equation %q has %d labels, operand %d %d axes", term, text, len(labels), i, len(s))
		}
		if strings.Contains(term, "...") {
			dots = max(dots, n)
		}
		if err := e.measure(b, labels, s); err != nil {
			return nil, err
		}
		e.in = append(e.in, labels)
	}
	if !explicit {
		e.implicit(dots)
		return e, nil
	}
	var err error
	e.out, err = expand(b, right, dots)
	for i, l := range e.out {
		if _, ok := e.extent[l]; !ok || slices.Contains(e.out[:i], l) {
			return nil, b.Errorf("equation %q: output label %q is in no operand, or given twice", text, string(l))
		}
	}
	return e, err
}

// expand turns a term into labels, the ellipsis into n of them.
func expand(b *graph.Bind, term string, n int) ([]rune, error) {
	var labels []rune
	before, after, dots := strings.Cut(term, "...")
	for _, l := range before {
		labels = append(labels, l)
	}
	if dots {
		for i := n; i > 0; i-- {
			labels = append(labels, rune(-i))
		}
	}
	for _, l := range after {
		labels = append(labels, l)
	}
	for _, l := range labels {
		if l > 0 && (l < 'A' || l > 'z' || l > 'Z' && l < 'a') {
			return nil, b.Errorf("%q in term %q: want letters and one ellipsis", string(l), term)
		}
	}
	return labels, nil
}

// measure notes the labels' extents; an extent of 1 is stretched in an ellipsis.
func (e *equation) measure(b *graph.Bind, labels []rune, s tensor.Shape) error {
	for d, l := range labels {
		old, ok := e.extent[l]
		switch {
		case !ok || old == 1 && l < 0:
			e.extent[l] = s[d]
		case s[d] != old && (s[d] != 1 || l > 0):
			return b.Errorf("axis label %q stands for extents %d and %d", string(l), old, s[d])
		}
	}
	return nil
}

// implicit makes the result of an equation without one: the ellipsis, then all
// labels that occur once, in order.
func (e *equation) implicit(dots int) {
	for i := dots; i > 0; i-- {
		e.out = append(e.out, rune(-i))
	}
	count := map[rune]int{}
	for _, labels := range e.in {
		for _, l := range labels {
			count[l]++
		}
	}
	var once []rune
	for l, n := range count {
		if l > 0 && n == 1 {
			once = append(once, l)
		}
	}
	slices.Sort(once)
	e.out = append(e.out, once...)
}

// dims returns the extents of labels.
func (e *equation) dims(labels []rune) []int {
	d := make([]int, len(labels))
	for i, l := range labels {
		d[i] = e.extent[l]
	}
	return d
}

// neededAfter returns the labels of the result and of operands from i on.
func (e *equation) neededAfter(i int) map[rune]bool {
	need := map[rune]bool{}
	for _, l := range slices.Concat(append(e.in[i:len(e.in):len(e.in)], e.out)...) {
		need[l] = true
	}
	return need
}

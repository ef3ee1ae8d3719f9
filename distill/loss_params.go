package distill

import (
	"fmt"
	"math"
)

// Labelled is a loss on logits that uses the labels, where there are any.
type Labelled interface {
	Loss
	UsesLabels()
}

// Weighted is a loss with a usual weight other than 1, beside the cross-entropy with
// the labels with weight 1.
type Weighted interface{ UsualWeight() float64 }

// UsualWeight is the weight that the loss of a name has when none is given: that of its paper.
func UsualWeight(name string) float64 {
	var l any
	if IsFeature(name) {
		l, _ = GetFeature(name, nil)
	}
	if w, ok := l.(Weighted); ok {
		return w.UsualWeight()
	}
	return 1
}

func nonNegative(p Params, names ...string) error { return atLeast(p, 0, names...) }

func atLeast(p Params, least float64, names ...string) error {
	for _, k := range names {
		if v := p[k]; !(v >= least) || math.IsInf(v, 0) {
			return fmt.Errorf("%s = %g: want a number of at least %g", k, v, least)
		}
	}
	return nil
}

func positive(p Params, name string) error {
	if v := p[name]; !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%s = %g: want a positive number", name, v)
	}
	return nil
}

func whole(p Params, name string, least, most int) error {
	if v := p[name]; v != math.Trunc(v) || !(v >= float64(least) && v <= float64(most)) {
		return fmt.Errorf("%s = %g: want a whole number from %d to %d", name, v, least, most)
	}
	return nil
}

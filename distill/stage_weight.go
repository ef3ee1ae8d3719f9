package distill

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Weight is a factor on a loss that goes linearly from From to To over a run.
type Weight struct{ From, To float64 }

// Const returns a weight that stays.
func Const(w float64) Weight { return Weight{w, w} }

// At returns the weight at a point of a run of the given number of epochs.
func (w Weight) At(epoch, epochs float64) float64 {
	if w.From == w.To || epochs <= 0 {
		return w.From
	}
	return w.From + (w.To-w.From)*math.Min(1, epoch/epochs)
}

// String is the weight as --soft-weight reads it: W or FROM:TO.
func (w Weight) String() string {
	if w.From == w.To {
		return fmt.Sprintf("%g", w.From)
	}
	return fmt.Sprintf("%g:%g", w.From, w.To)
}

// ParseWeight reads W or FROM:TO.
func ParseWeight(text string) (Weight, error) {
	from, to, anneal := strings.Cut(text, ":")
	if !anneal {
		to = from
	}
	a, err := strconv.ParseFloat(strings.TrimSpace(from), 64)
	b, err2 := strconv.ParseFloat(strings.TrimSpace(to), 64)
	if err != nil || err2 != nil {
		return Weight{}, fmt.Errorf("weight %q is neither a number nor FROM:TO", text)
	}
	w := Weight{a, b}
	return w, w.check()
}

func (w Weight) most() float64 { return math.Max(w.From, w.To) }

func (w Weight) check() error {
	for _, v := range []float64{w.From, w.To} {
		if !notNegative(v) {
			return fmt.Errorf("distill: weight %g is not a number of at least 0", v)
		}
	}
	return nil
}

func notNegative(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }

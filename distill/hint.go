package distill

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Pair names a value of the teacher, the hint, and the value of the student that it guides.
type Pair struct{ Teacher, Student graph.Value }

// String is the pair as --hint reads it.
func (p Pair) String() string { return string(p.Teacher) + ":" + string(p.Student) }

// ParsePair reads TEACHERVALUE:STUDENTVALUE. Where values have colons in their names,
// the one that parts two known names counts; known may be nil.
func ParsePair(text string, known func(teacher, student graph.Value) bool) (Pair, error) {
	var first Pair
	for i := range text {
		if text[i] != ':' {
			continue
		}
		p := Pair{graph.Value(text[:i]), graph.Value(text[i+1:])}
		if p.Teacher == "" || p.Student == "" {
			continue
		}
		if known == nil || known(p.Teacher, p.Student) {
			return p, nil
		}
		if first.Teacher == "" {
			first = p
		}
	}
	if first.Teacher == "" {
		return first, fmt.Errorf("hint %q is not TEACHERVALUE:STUDENTVALUE", text)
	}
	return first, nil
}

func join(ps []Pair) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return strings.Join(out, ", ")
}

// Hint is the loss of Romero et al. 2015, equation 3, as a mean over all elements, so
// that its weight does not depend on the size of the hint:
//
//	1/2 mean((u_h(x) - r(v_g(x)))^2)
//
// u_h is the teacher's value, v_g the student's, r a regressor that is trained with the
// student and exists in the training copy only. Several hints are added up.
type Hint struct{}

// Name implements FeatureLoss.
func (Hint) Name() string { return HintLoss }

// Formula implements FeatureLoss.
func (Hint) Formula() string { return "1/2 mean((r(v_s) - v_t)^2)" }

// Build implements FeatureLoss.
func (Hint) Build(n *nn.Net, fs []Features) graph.Value {
	return sumPairs(n, fs, func(c calc, f Features) graph.Value {
		r := regressor(n, f.Student, n.Shape(f.Teacher))
		return c.times(c.mean(c.square(c.sub(r, f.Teacher))), 0.5)
	})
}

func init() { RegisterFeature(HintLoss, nil, func(Params) (FeatureLoss, error) { return Hint{}, nil }) }

// knownValue fails for a value that the student does not compute in floating point.
func knownValue(b *graph.Builder, m *graph.Model, v graph.Value) error {
	var names []graph.Value
	for _, n := range m.Graph.Nodes {
		for _, out := range n.Out {
			if out == v {
				if s := b.Shape(v); len(s) < 2 || b.DType(v) != tensor.F32 {
					return fmt.Errorf("distill: the student's value %q, %v%v, has no axis besides the batch", v, b.DType(v), s)
				}
				return b.Err()
			}
			if out != "" && b.DType(out) == tensor.F32 {
				names = append(names, out)
			}
		}
	}
	return unknownValue("student", v, names)
}

// ErrValue is an error for a value's name that a network does not have.
type ErrValue struct {
	Whose string
	Value graph.Value
	Near  []graph.Value
}

func (e *ErrValue) Error() string {
	return fmt.Sprintf("the %s has no value %q", e.Whose, e.Value)
}

// Hint lists names like it.
func (e *ErrValue) Hint() string {
	var near []string
	for _, v := range e.Near {
		near = append(near, string(v))
	}
	return fmt.Sprintf("names like it: %s; `compress inspect MODEL` prints them all", strings.Join(near, ", "))
}

// unknownValue returns the error with the known names that are most alike.
func unknownValue(whose string, v graph.Value, known []graph.Value) error {
	const shown = 6
	names := slices.Clone(known)
	slices.SortStableFunc(names, func(a, b graph.Value) int {
		return cmp.Compare(likeness(string(v), string(b)), likeness(string(v), string(a)))
	})
	return &ErrValue{whose, v, names[:min(shown, len(names))]}
}

// likeness is the share of the pairs of neighbouring letters of a and b that are in
// both (the Sorensen-Dice coefficient).
func likeness(a, b string) float64 {
	if len(a)+len(b) <= 2 {
		return 0
	}
	pairs := map[string]int{}
	for i := range len(a) - 1 {
		pairs[a[i:i+2]]++
	}
	same := 0
	for i := range len(b) - 1 {
		if pairs[b[i:i+2]] > 0 {
			pairs[b[i:i+2]]--
			same++
		}
	}
	return 2 * float64(same) / float64(len(a)+len(b)-2)
}

func sortedValues(m map[graph.Value]tensor.Shape) []graph.Value {
	var vs []graph.Value
	for v := range m {
		vs = append(vs, v)
	}
	slices.Sort(vs)
	return vs
}

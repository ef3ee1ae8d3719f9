package distill

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

// Match is the mean over pairs of the squared error relative to the teacher's value,
//
//	mean over pairs of mean((v_s - v_t)^2) / (mean(v_t^2) + 1e-12)
//
// of values with equal shapes: the loss of Romero et al. 2015, equation 3, without the
// regressor, for a student whose layers are those of its teacher. Values of any scale
// weigh alike.
type Match struct{}

// Name implements FeatureLoss.
func (Match) Name() string { return "match" }

// Formula implements FeatureLoss.
func (Match) Formula() string { return "mean of mean((v_s - v_t)^2) / mean(v_t^2)" }

// Build implements FeatureLoss.
func (Match) Build(n *nn.Net, fs []Features) graph.Value {
	sum := sumPairs(n, fs, func(c calc, f Features) graph.Value {
		if !c.sameShape("match", f) {
			return ""
		}
		return relativeSquare(n.Builder, f.Student, f.Teacher)
	})
	return calc{n.Builder}.times(sum, 1/float64(len(fs)))
}

// sameShape fails the build for values of different shapes.
func (c calc) sameShape(loss string, f Features) bool {
	s, t := c.Shape(f.Student), c.Shape(f.Teacher)
	if c.Err() == nil && !s[1:].Equal(t[1:]) {
		c.Fail(fmt.Errorf("%s compares values of one shape: the student's %q is %v, the teacher's %q %v", loss, f.Student, s, f.Teacher, t))
	}
	return c.Err() == nil
}

func init() { RegisterFeature("match", nil, func(Params) (FeatureLoss, error) { return Match{}, nil }) }

package lowrank

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// Ranks are a decomposition's ranks, in its own order.
type Ranks []int

// String prints the ranks as 8x16.
func (r Ranks) String() string {
	parts := make([]string, len(r))
	for i, v := range r {
		parts[i] = strconv.Itoa(v)
	}
	return strings.Join(parts, "x")
}

// ErrUnsuited says that a decomposition does not apply to a site.
var ErrUnsuited = errors.New("the decomposition does not apply")

// Decomposition factors weights of one site into a chain of smaller ones. It must
// be exact at MaxRanks, and its errors must not rise with the ranks.
type Decomposition interface {
	Name() string
	// MaxRanks returns the ranks that represent every weight of the site exactly,
	// or an error that wraps ErrUnsuited and says why there are none.
	MaxRanks(s *Site) (Ranks, error)
	// Cost returns exactly what the emitted nodes cost, biases aside, without factoring.
	Cost(s *Site, r Ranks) graph.Cost
	// Curve measures the errors at a choice of ranks, cheaply where it can.
	Curve(ctx context.Context, p *Problem) ([]Point, error)
	// Factor computes the factors at the given ranks.
	Factor(ctx context.Context, p *Problem, r Ranks) (*Factors, error)
	// Reconstruct multiplies the factors out, to shape G, M, K, kernel...
	Reconstruct(s *Site, f *Factors) *nd.Array
	// Emit appends the nodes that apply the factors to x and returns the result:
	// for a convolution with the bias of e, else on the last axis of x.
	Emit(e *Emitter, x graph.Value) graph.Value
}

// Unfolder is a decomposition whose i-th rank is the rank of a matrix made of the
// weight, so that rank selection for matrices applies to it.
type Unfolder interface {
	// Unfoldings returns these matrices, a list of one or more for each rank.
	Unfoldings(s *Site, w *nd.Array) [][]*linalg.Mat
}

// Projector is a decomposition whose W' is P W for an orthogonal projection P of the outputs
// where the inputs' moments are not known: its output error can be told from the outputs'.
type Projector interface{ Projects() }

// Point is one measured choice of ranks for a site.
type Point struct {
	Method string
	Ranks  Ranks
	Cost   graph.Cost
	Error  float64 // relative, in the problem's metric
}

// Factors are the result of a decomposition: arrays in the layout of the emitted parameters.
type Factors struct {
	Method string
	Ranks  Ranks
	Parts  []Part
}

// Part is one factor; its name is appended to the weight's.
type Part struct {
	Name    string
	nd      *nd.Array
	rounded *tensor.Tensor // in the weight's type, in place of nd
}

// round replaces the float64 arrays by tensors of the type that is emitted.
func (f *Factors) round(d tensor.DType) {
	for i, p := range f.Parts {
		f.Parts[i] = Part{Name: p.Name, rounded: p.tensor(d)}
	}
}

// tensor returns the factor in the given type.
func (p Part) tensor(d tensor.DType) *tensor.Tensor {
	if p.rounded != nil {
		return p.rounded
	}
	return toTensor(p.nd, d)
}

// Params returns the number of the factors' elements.
func (f *Factors) Params() int64 {
	n := int64(0)
	for _, p := range f.Parts {
		if p.rounded != nil {
			n += int64(p.rounded.Len())
			continue
		}
		n += int64(p.nd.Len())
	}
	return n
}

// Problem is a site's weight with what is known about its inputs and outputs.
type Problem struct {
	Site    *Site
	W       *nd.Array // G, M, K, kernel...
	Moments *Moments  // nil without calibration: errors are the weight's
	Seed    uint64
	Align   int // only ranks that are multiples of it are wanted on curves; 0 and 1 mean all

	once bool // W is for one call of Curve or Factor, which may let it go
}

// take returns the weight when it is needed for the last time: memory is short for large ones.
func (p *Problem) take() *nd.Array {
	w := p.W
	if p.once && p.Moments == nil {
		p.W = nil
	}
	return w
}

var decompositions = registry.New[Decomposition]("decomposition")

// Register adds a decomposition; it panics when the name is taken.
func Register(d Decomposition) { decompositions.Add(d.Name(), d) }

// Lookup returns a decomposition by name.
func Lookup(name string) (Decomposition, error) { return decompositions.Get(name) }

// Names lists the registered decompositions.
func Names() []string { return decompositions.Names() }

// checkRanks fails for ranks of the wrong number, below one or above the maximum.
func checkRanks(d Decomposition, s *Site, r Ranks) error {
	most, err := d.MaxRanks(s)
	if err != nil {
		return err
	}
	if len(r) != len(most) {
		return badConfig("site %q: %s takes %d ranks, given %v", s.Name, d.Name(), len(most), r)
	}
	for i, v := range r {
		if v < 1 || v > most[i] {
			return badConfig("site %q: %s rank %v is outside 1 to %v", s.Name, d.Name(), r, most)
		}
	}
	return nil
}

// unsuited builds the error of MaxRanks.
func unsuited(d Decomposition, s *Site, why string) error {
	return fmt.Errorf("%w: %s on %q (%s, %s): %s", ErrUnsuited, d.Name(), s.Name, s.Op, s.Kind, why)
}

// clampRanks limits every rank to the site's maximum.
func clampRanks(r, most Ranks) Ranks {
	out := make(Ranks, len(most))
	for i, m := range most {
		out[i] = min(r[min(i, len(r)-1)], m)
	}
	return out
}

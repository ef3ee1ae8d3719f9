package lowrank

import (
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// Kind says how a weight acts on its input.
type Kind uint8

// The kinds of sites.
const (
	Dense      Kind = iota // Y[.. M] = X[.. K] W^T, from Gemm or MatMul
	Conv                   // a convolution with G groups
	Embedding              // rows of a table T = W^T, from Gather
	Input                  // input matrices of a recurrent layer, all gates and directions in M
	Recurrence             // recurrent matrices of a recurrent layer, a group for each direction
)

var kindNames = [...]string{"dense", "conv", "embedding", "input", "recurrence"}

// String returns the kind's name.
func (k Kind) String() string { return kindNames[k] }

// Site is one constant weight with all the nodes that use it.
type Site struct {
	Name    string // of the first node, with the path through subgraphs (if/then_branch/fc); "/W" or "/R" appended for recurrent layers; unique in the model
	Op      string // of the first node
	Kind    Kind
	Groups  int
	M, K    int   // of one group
	Kernel  []int // spatial extents of a convolution
	Param   *graph.Param
	Uses    []*Use
	Blocked string // why the site cannot be factorised, when it cannot

	elementBytes int64 // of the weight and of its factors as they are stored, the scales of int8 aside

	owner *graph.Graph // holds Param
	bias  *graph.Param // constant added to the output of the only use, for it alone; nil otherwise
	modes Modes        // of a tensor-train matrix, when given
	trans bool         // Param is stored K x M

	frozen bool // no training follows
}

// like takes over what was decided for the same site of another copy of the model.
func (s *Site) like(o *Site) { s.modes, s.elementBytes, s.frozen = o.modes, o.elementBytes, o.frozen }

// Use is one node that applies a site's weight.
type Use struct {
	Graph *graph.Graph
	Node  *graph.Node
	Batch int          // applications of the weight in one run, spatial positions aside; 0 when unknown
	In    []int        // spatial extents of a convolution's input, nil when unknown
	Out   []int        // and of its output
	rank  int          // of the node's data input; 0 when unknown
	ins   []graph.Spec // of the node's inputs, without constants; absent ones are unknown or not there
	how   how
	flip  bool // applies W^T where the site is W
	input int  // index of the weight among the node's inputs
	trans bool // what the node reads is Param's transpose
	fixed bool // spatial extents do not depend on symbols
	steps int  // time steps of a recurrent layer; 0 when unknown or symbolic
}

// how tells the operators apart that apply a matrix.
type how uint8

const (
	byGemm how = iota
	byRight
	byLeft
	byConv
	byGather
	byInput
	byRecurrence
)

// Params returns the number of the weight's elements.
func (s *Site) Params() int64 { return int64(s.Param.Shape.Size()) }

// Shape returns the canonical shape G, M, K, kernel...
func (s *Site) Shape() []int { return append([]int{s.Groups, s.M, s.K}, s.Kernel...) }

// taps returns the number of kernel positions.
func (s *Site) taps() int {
	n := 1
	for _, k := range s.Kernel {
		n *= k
	}
	return n
}

// Cost returns what the dense weight costs, over all uses.
func (s *Site) Cost() graph.Cost {
	return s.chainCost(stage{params: s.Params(), axes: len(s.Kernel)})
}

// stage is one link of a chain of products: every parameter is used once for each
// position of its output. axes says how many spatial axes, in order, have been
// convolved after it; the others still have the input's extent.
type stage struct {
	params int64
	axes   int
	times  int64 // how often each parameter is used for one position; 0 means once
}

// chainCost counts a chain of stages. Looking up rows of a table multiplies nothing.
func (s *Site) chainCost(stages ...stage) graph.Cost {
	var c graph.Cost
	for i, st := range stages {
		c.Params += st.params
		for _, u := range s.Uses {
			lookup := u.how == byGather && (i == 0 && !u.flip || i == len(stages)-1 && u.flip)
			if !lookup {
				c.MACs += st.params * max(1, st.times) * int64(u.positions(st.axes))
			}
		}
	}
	return c
}

// positions returns how often a weight is used when the first axes spatial axes are convolved.
func (u *Use) positions(axes int) int {
	n := u.Batch
	for i := range u.In {
		if i < axes {
			n *= u.Out[i]
		} else {
			n *= u.In[i]
		}
	}
	return n
}

// Load reads the weight as an array of shape G, M, K, kernel..., in float64.
func (s *Site) Load() (*nd.Array, error) {
	t, err := s.Param.Load()
	if err != nil {
		return nil, fmt.Errorf("lowrank: site %q: reading %q: %w", s.Name, s.Param.Name, err)
	}
	data, err := float64s(t)
	if err != nil {
		return nil, fmt.Errorf("lowrank: site %q: %w", s.Name, err)
	}
	w := nd.Of(data, s.Shape()...)
	if s.trans {
		w = nd.Of(data, s.K, s.M).Permute(1, 0).Reshape(s.Shape()...)
	}
	if n := w.NonFinite(); n > 0 {
		return nil, badModel("site %q: %d of %d values of %q are NaN or infinite: repair the weight or exclude the site", s.Name, n, w.Len(), s.Param.Name)
	}
	return w, nil
}

// float64s copies the elements of a floating-point tensor.
func float64s(t *tensor.Tensor) ([]float64, error) {
	out := make([]float64, t.Len())
	switch t.DType() {
	case tensor.F32:
		for i, v := range t.F32s() {
			out[i] = float64(v)
		}
	case tensor.F64:
		copy(out, tensor.Data[float64](t))
	case tensor.F16:
		for i, v := range tensor.Data[tensor.Float16](t) {
			out[i] = float64(v.Float32())
		}
	case tensor.BF16:
		for i, v := range tensor.Data[tensor.BFloat16](t) {
			out[i] = float64(v.Float32())
		}
	default:
		return nil, fmt.Errorf("weight is %v, want a floating-point type", t.DType())
	}
	return out, nil
}

// toTensor rounds an array to the given floating-point type.
func toTensor(a *nd.Array, d tensor.DType) *tensor.Tensor {
	t := tensor.New(d, a.Shape)
	switch d {
	case tensor.F64:
		copy(tensor.Data[float64](t), a.Data)
	case tensor.F16:
		for i, v := range a.Data {
			tensor.Data[tensor.Float16](t)[i] = tensor.ToFloat16(float32(v))
		}
	case tensor.BF16:
		for i, v := range a.Data {
			tensor.Data[tensor.BFloat16](t)[i] = tensor.ToBFloat16(float32(v))
		}
	default:
		for i, v := range a.Data {
			t.F32s()[i] = float32(v)
		}
	}
	return t
}

// hasUse reports whether the site is applied in one of the given ways.
func (s *Site) hasUse(ways ...how) bool {
	return slices.ContainsFunc(s.Uses, func(u *Use) bool { return slices.Contains(ways, u.how) })
}

// flipped reports whether some node applies the transpose.
func (s *Site) flipped() bool {
	return slices.ContainsFunc(s.Uses, func(u *Use) bool { return u.flip })
}

package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "GroupNormalization", min: 3, max: 3, f32: bindGroupNorm[float32], f64: bindGroupNorm[float64]})
}

// groupNorm normalises each sample's groups of C/G channels; X is N C and
// spatial axes, scale and bias have C elements (operator set 21).
type groupNorm[T kernel.Float] struct {
	graph.Bound
	norm rowNorm[T]
}

func bindGroupNorm[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	return newGroupNorm[T](b, b.Node.Attrs.Int("num_groups", 0))
}

func newGroupNorm[T kernel.Float](b *graph.Bind, groups int) (graph.Kernel, error) {
	s := b.In[0].Shape
	if len(s) < 2 || groups < 1 || s[1]%groups != 0 {
		return nil, b.Errorf("want an input with axes N C, C a multiple of the %d groups", groups)
	}
	for i := 1; i < 3; i++ {
		if !b.In[i].Shape.Equal(tensor.Shape{s[1]}) {
			return nil, b.Errorf("input %d has shape %v, want [%d]", i, b.In[i].Shape, s[1])
		}
	}
	k := &groupNorm[T]{norm: rowNorm[T]{
		rows: s[0] * groups, segs: s[1] / groups, seg: product(s[2:]), period: groups, eps: b.Node.Attrs.Float("epsilon", 1e-5),
	}}
	k.Outs = []graph.Spec{specOf[T](s...)}
	return k, nil
}

// Workspace implements graph.Workspacer.
func (k *groupNorm[T]) Workspace() (saved, scratch []graph.Spec) { return k.norm.saved(), nil }

func (k *groupNorm[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.norm.forward(x.Pool, dataAt[T](out, 0), dataAt[T](in, 0), dataAt[T](in, 1), dataAt[T](in, 2),
		dataAt[T](x.Saved, 0), dataAt[T](x.Saved, 1))
}

// BackwardReads implements graph.Frugal.
func (k *groupNorm[T]) BackwardReads() (in, out []bool) { return []bool{true, true}, nil }

func (k *groupNorm[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	k.norm.backward(x.Pool, dataAt[T](din, 0), dataAt[T](din, 1), dataAt[T](din, 2),
		dataAt[T](in, 0), dataAt[T](in, 1), dataAt[T](dout, 0), dataAt[T](x.Saved, 0), dataAt[T](x.Saved, 1))
}

package op

import (
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", anyOp{name: "ScatterElements", min: 3, max: 3, bind: scatterTables{
		set: wordTypes(bindScatterElementsFloat[float32], bindScatterElementsFloat[float64], bindScatterElements[uint8],
			bindScatterElements[uint16], bindScatterElements[uint32], bindScatterElements[uint64], bindScatterElements[string]),
		combine: realTypes(bindScatterElementsReduce[float32], bindScatterElementsReduce[float64],
			bindScatterElementsReduce[int8], bindScatterElementsReduce[int16], bindScatterElementsReduce[int32], bindScatterElementsReduce[int64],
			bindScatterElementsReduce[uint8], bindScatterElementsReduce[uint16], bindScatterElementsReduce[uint32], bindScatterElementsReduce[uint64]),
		add: floatTypes(bindScatterElementsFloat[float32], bindScatterElementsFloat[float64]),
	}.bind})
}

// scatterTables are the binders of an operator with attribute reduction: for none,
// for sums of floats, which have a gradient, and for all other reductions.
type scatterTables struct{ set, add, combine byType }

func (s scatterTables) bind(b *graph.Bind) (graph.Kernel, error) {
	t := b.In[0].DType
	if b.In[2].DType != t {
		return nil, b.Errorf("updates are %v, want %v as the data", b.In[2].DType, t)
	}
	if err := checkIndexType(b, 1); err != nil {
		return nil, err
	}
	table := s.combine
	switch r := b.Node.Attrs.Str("reduction", "none"); r {
	case "none":
		table = s.set
	case "add":
		if f, ok := s.add[t]; ok {
			return f(b)
		}
	case "mul", "max", "min":
	default:
		return nil, b.Errorf("reduction %q: want none, add, mul, max or min", r)
	}
	if f, ok := table[t]; ok {
		return f(b)
	}
	if t == tensor.F16 || t == tensor.BF16 {
		return bindHalf(b, t, table[tensor.F32])
	}
	return nil, b.Errorf("element type %v is not supported (supported: %v)", t, slices.Sorted(maps.Keys(table)))
}

// combination returns the function of attribute reduction.
func combination[T real](b *graph.Bind) func(old, v T) T {
	switch b.Node.Attrs.Str("reduction", "none") {
	case "add":
		return func(old, v T) T { return old + v }
	case "mul":
		return func(old, v T) T { return old * v }
	case "max":
		return func(old, v T) T { return max(old, v) }
	case "min":
		return func(old, v T) T { return min(old, v) }
	}
	return nil
}

// scattering is what both scatter operators are made of.
type scattering[T any] struct {
	load    func(*tensor.Tensor) []T
	combine func(old, v T) T // nil replaces
	fwd     pieces
	u, y    []T
}

// scatter runs the pieces on a copy of the data, or in place.
func (k *scattering[T]) scatter(x *graph.Exec, in, out []*tensor.Tensor) {
	k.u, k.y = k.load(in[2]), k.load(out[0])
	if x0 := k.load(in[0]); len(x0) > 0 && &x0[0] != &k.y[0] {
		copy(k.y, x0)
	}
	k.fwd.do(x.Pool)
}

// InPlace implements graph.InPlacer.
func (k *scattering[T]) InPlace() (forward, backward bool) { return true, false }

// unscattering is the gradient of replacing or adding.
type unscattering[T kernel.Float] struct {
	bwd    pieces // take gradients out of dx
	du, dx []T
}

// unscatter runs the pieces on a copy of the output's gradient: the data's, or
// scratch when that is not wanted.
func (k *unscattering[T]) unscatter(x *graph.Exec, dout, din []*tensor.Tensor) {
	k.dx, k.du = elems[T](din, 0), elems[T](din, 2)
	if k.dx == nil {
		k.dx = elems[T](x.Scratch, 0)
	}
	copy(k.dx, elems[T](dout, 0))
	k.bwd.do(x.Pool)
}

// BackwardReads implements graph.Frugal.
func (k *unscattering[T]) BackwardReads() (in, out []bool) { return []bool{false, true}, nil }

// scatterElements puts the elements of input 2 where the indices, input 1, name
// elements of input 0 along attribute axis, or combines them with what is there.
// Of several that go to one place, the last stays.
type scatterElements[T any] struct {
	graph.Bound
	lines
	scattering[T]
}

func newScatterElements[T any](b *graph.Bind, load func(*tensor.Tensor) []T) (*scatterElements[T], error) {
	l, err := newLines(b, b.In[0].Shape, b.In[1].Shape)
	if err != nil {
		return nil, err
	}
	if !b.In[1].Shape.Equal(b.In[2].Shape) {
		return nil, b.Errorf("indices and updates differ in shape")
	}
	k := &scatterElements[T]{lines: l, scattering: scattering[T]{load: load}}
	k.Outs = outLike(b, 0, b.In[0].Shape)
	k.fwd = newPieces(l.across.n, l.count, k.piece)
	return k, nil
}

func bindScatterElements[T word](b *graph.Bind) (graph.Kernel, error) {
	k, err := newScatterElements(b, words[T])
	return k, err
}

func bindScatterElementsReduce[T real](b *graph.Bind) (graph.Kernel, error) {
	k, err := newScatterElements(b, tensor.Data[T])
	if err != nil {
		return nil, err
	}
	k.combine = combination[T](b)
	return k, nil
}

func (k *scatterElements[T]) piece(from, to int) {
	k.each(from, to, func(o, d, n, so, sd int) {
		for i := range n {
			p, v := d+i*sd+k.at[o+i*so]*k.data, k.u[o+i*so]
			if k.combine != nil {
				v = k.combine(k.y[p], v)
			}
			k.y[p] = v
		}
	})
}

func (k *scatterElements[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if err := k.read(in[1], k.n); err != nil {
		x.Fail(err)
		return
	}
	k.scatter(x, in, out)
}

// diffScatterElements is scatterElements with gradients, when it replaces or adds.
type diffScatterElements[T kernel.Float] struct {
	*scatterElements[T]
	unscattering[T]
}

func bindScatterElementsFloat[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	inner, err := newScatterElements(b, tensor.Data[T])
	if err != nil {
		return nil, err
	}
	inner.combine = combination[T](b)
	k := &diffScatterElements[T]{scatterElements: inner}
	k.bwd = newPieces(inner.across.n, inner.count, k.gatherBack)
	return k, nil
}

// Workspace implements graph.Workspacer: a copy of the output's gradient for when
// the data's is not wanted.
func (k *diffScatterElements[T]) Workspace() (saved, scratch []graph.Spec) {
	return nil, []graph.Spec{specOf[T](k.Outs[0].Shape...)}
}

func (k *diffScatterElements[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	if err := k.read(in[1], k.n); err != nil {
		x.Fail(err)
		return
	}
	k.unscatter(x, dout, din)
}

// gatherBack takes gradients out of dx, from the last index to the first: what is
// replaced by a later one has none.
func (k *diffScatterElements[T]) gatherBack(from, to int) {
	so, sd := k.across.step(0), k.across.step(1)
	k.across.rows(from, to, func(_, n int, at [3]int) {
		for j := k.count - 1; j >= 0; j-- {
			for i := range n {
				o := at[0] + i*so + j*k.idx
				p := at[1] + i*sd + k.at[o]*k.data
				if k.du != nil {
					k.du[o] = k.dx[p]
				}
				if k.combine == nil {
					k.dx[p] = 0
				}
			}
		}
	})
}

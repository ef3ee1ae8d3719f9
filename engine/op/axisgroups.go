package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// axisGroups splits the elements of a row-major tensor into groups that differ
// in some axes only. Group g has the elements base(g) + offsets[j], in the
// tensor's order.
type axisGroups struct {
	count   int // of groups
	kept    tensor.Shape
	strides []int // of kept
	offsets []int // of a group's elements from its first
}

// newAxisGroups groups along the axes for which along is true.
func newAxisGroups(s tensor.Shape, along []bool) *axisGroups {
	g := &axisGroups{count: 1, offsets: []int{0}}
	for i, st := range s.Strides() {
		if !along[i] {
			g.kept, g.strides = append(g.kept, s[i]), append(g.strides, st)
			g.count *= s[i]
			continue
		}
		wider := make([]int, 0, len(g.offsets)*s[i])
		for _, o := range g.offsets {
			for j := range s[i] {
				wider = append(wider, o+j*st)
			}
		}
		g.offsets = wider
	}
	return g
}

// base returns the offset of the first element of group i.
func (g *axisGroups) base(i int) int {
	at := 0
	for d := len(g.kept) - 1; d >= 0; d-- {
		at += i % g.kept[d] * g.strides[d]
		i /= g.kept[d]
	}
	return at
}

// groupwise is the common part of operators that treat each group of elements
// along some axes by itself.
type groupwise[T kernel.Float] struct {
	graph.Bound
	shape        tensor.Shape
	along        []bool
	groups       *axisGroups // made by the first run
	each         func(base int)
	part         unit
	size         int
	x, y, dy, dx []T
}

func newGroupwise[T kernel.Float](b *graph.Bind, axes ...int) (*groupwise[T], error) {
	s := b.In[0].Shape
	k := &groupwise[T]{shape: s, along: make([]bool, len(s))}
	for _, a := range axes {
		a, err := axisOf(b, a, len(s))
		if err != nil {
			return nil, err
		}
		k.along[a] = true
	}
	k.part = k.runPart
	k.Outs = []graph.Spec{specOf[T](s...)}
	return k, nil
}

// run calls each for every group.
func (k *groupwise[T]) run(p *kernel.Pool, each func(base int)) {
	if k.groups == nil {
		k.groups = newAxisGroups(k.shape, k.along)
	}
	k.each = each
	parts, size := kernel.Split(k.groups.count, max(1, 1<<12/max(1, len(k.groups.offsets))))
	k.size = size
	p.Do(k.part, parts)
}

func (k *groupwise[T]) runPart(_, i int) {
	for g := i * k.size; g < min((i+1)*k.size, k.groups.count); g++ {
		k.each(k.groups.base(g))
	}
}

// setForward and setBackward note the data of a pass.
func (k *groupwise[T]) setForward(in, out []*tensor.Tensor) {
	k.x, k.y = dataAt[T](in, 0), dataAt[T](out, 0)
}

func (k *groupwise[T]) setBackward(in, dout, din []*tensor.Tensor) {
	k.x, k.dy, k.dx = dataAt[T](in, 0), dataAt[T](dout, 0), dataAt[T](din, 0)
}

// BackwardReads implements graph.Frugal.
func (k *groupwise[T]) BackwardReads() (in, out []bool) { return []bool{true}, nil }

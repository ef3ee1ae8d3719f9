package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// relation compares runs: y[i] tells how a[i sa] and b[i sb] compare.
type relation[T tensor.Elem] func(y []bool, a []T, sa int, b []T, sb int)

// comparison names a relation.
type comparison uint8

const (
	greater comparison = iota
	greaterOrEqual
	less
	lessOrEqual
)

func init() {
	for c, name := range []string{"Greater", "GreaterOrEqual", "Less", "LessOrEqual"} {
		graph.Register("", typedOp{name: name, min: 2, max: 2, types: comparisonTypes(comparison(c))})
	}
	graph.Register("", typedOp{name: "Equal", min: 2, max: 2, types: realTypes(
		bindRelation(equals[float32]), bindRelation(equals[float64]),
		bindRelation(equals[int8]), bindRelation(equals[int16]), bindRelation(equals[int32]), bindRelation(equals[int64]),
		bindRelation(equals[uint8]), bindRelation(equals[uint16]), bindRelation(equals[uint32]), bindRelation(equals[uint64]),
	).with(tensor.Bool, bindRelation(equals[bool])).with(tensor.String, bindRelation(equals[string]))})
	for name, f := range map[string]relation[bool]{"And": and, "Or": or, "Xor": differs} {
		graph.Register("", typedOp{name: name, min: 2, max: 2, types: byType{tensor.Bool: bindRelation(f)}})
	}
}

func comparisonTypes(c comparison) byType {
	return realTypes(bindComparison[float32](c), bindComparison[float64](c),
		bindComparison[int8](c), bindComparison[int16](c), bindComparison[int32](c), bindComparison[int64](c),
		bindComparison[uint8](c), bindComparison[uint16](c), bindComparison[uint32](c), bindComparison[uint64](c))
}

func bindComparison[T interface {
	real
	tensor.Elem
}](c comparison) binder {
	switch c {
	case greater:
		return bindRelation(exceeds[T])
	case less:
		return bindRelation(swapped(exceeds[T]))
	case greaterOrEqual:
		return bindRelation(reaches[T])
	}
	return bindRelation(swapped(reaches[T]))
}

func swapped[T tensor.Elem](r relation[T]) relation[T] {
	return func(y []bool, a []T, sa int, b []T, sb int) { r(y, b, sb, a, sa) }
}

func equals[T tensor.Elem](y []bool, a []T, sa int, b []T, sb int) {
	for i := range y {
		y[i] = a[i*sa] == b[i*sb]
	}
}

func exceeds[T real](y []bool, a []T, sa int, b []T, sb int) {
	for i := range y {
		y[i] = a[i*sa] > b[i*sb]
	}
}

func reaches[T real](y []bool, a []T, sa int, b []T, sb int) {
	for i := range y {
		y[i] = a[i*sa] >= b[i*sb]
	}
}

func and(y []bool, a []bool, sa int, b []bool, sb int) {
	for i := range y {
		y[i] = a[i*sa] && b[i*sb]
	}
}

func or(y []bool, a []bool, sa int, b []bool, sb int) {
	for i := range y {
		y[i] = a[i*sa] || b[i*sb]
	}
}

func differs(y []bool, a []bool, sa int, b []bool, sb int) {
	for i := range y {
		y[i] = a[i*sa] != b[i*sb]
	}
}

// related is an element-wise relation with broadcasting.
type related[T tensor.Elem] struct {
	graph.Bound
	r    relation[T]
	w    *walk
	fwd  pieces
	a, b []T
	y    []bool
}

func bindRelation[T tensor.Elem](r relation[T]) binder {
	return func(b *graph.Bind) (graph.Kernel, error) {
		s, err := broadcast(b, 0, 1)
		if err != nil {
			return nil, err
		}
		k := &related[T]{r: r, w: newWalk(s, repeated(s, b.In[0].Shape), repeated(s, b.In[1].Shape))}
		if !k.w.ok() {
			return nil, b.Errorf("more than %d axes", maxDims)
		}
		k.Outs = []graph.Spec{{DType: tensor.Bool, Shape: s}}
		k.fwd = newPieces(k.w.n, 1, k.piece)
		return k, nil
	}
}

func (k *related[T]) piece(from, to int) {
	sa, sb := k.w.step(0), k.w.step(1)
	k.w.rows(from, to, func(o, n int, at [3]int) { k.r(k.y[o:o+n], k.a[at[0]:], sa, k.b[at[1]:], sb) })
}

func (k *related[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	k.a, k.b, k.y = elems[T](in, 0), elems[T](in, 1), elems[bool](out, 0)
	k.fwd.do(x.Pool)
}

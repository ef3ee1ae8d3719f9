package onnx

import (
	"reflect"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// sameNode reports whether a bare node and a node in a graph are equal but for
// names, docs and the graphs in attributes.
func sameNode(was, n *graph.Node) bool {
	return sameUse(was, n) && slices.Equal(was.In, n.In) && slices.Equal(was.Out, n.Out)
}

// sameUse is sameNode for the operator and the attributes alone.
func sameUse(was, n *graph.Node) bool {
	if was.Op != n.Op || was.Domain != n.Domain || len(was.In) != len(n.In) || len(was.Out) != len(n.Out) {
		return false
	}
	plain := 0
	for name, v := range n.Attrs {
		switch v.(type) {
		case *graph.Graph, []*graph.Graph:
			continue
		}
		plain++
		if w, ok := was.Attrs[name]; !ok || !sameValue(w, v) {
			return false
		}
	}
	return plain == len(was.Attrs)
}

// sameValue compares two attributes.
func sameValue(a, b any) bool {
	if ta, ok := a.(*tensor.Tensor); ok {
		tb, ok := b.(*tensor.Tensor)
		return ok && (ta == tb || ta.DType() == tb.DType() && ta.Shape().Equal(tb.Shape()) && sameData(ta, tb))
	}
	return reflect.DeepEqual(a, b)
}

func sameData(a, b *tensor.Tensor) bool {
	if a.DType() == tensor.String {
		return slices.Equal(tensor.Data[string](a), tensor.Data[string](b))
	}
	return slices.Equal(a.Raw(), b.Raw())
}

package nn

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// BatchNorm adds batch normalisation over axis 1 (Ioffe and Szegedy 2015,
// algorithm 1): batch statistics while training, running averages at inference.
func (n *Net) BatchNorm(name string, x graph.Value) (y graph.Value) {
	n.Scope(name, func() {
		s := n.Shape(x)
		if n.Err() != nil {
			return
		}
		c := tensor.Shape{s[1]}
		y = n.Node("bn", "BatchNormalization", graph.Attrs{"epsilon": float32(1e-5), "momentum": float32(0.9)},
			x, n.filled("scale", c, 1, true), n.filled("bias", c, 0, true),
			n.filled("running_mean", c, 0, false), n.filled("running_var", c, 1, false))
	})
	return y
}

// LayerNorm adds layer normalisation over the last axis (Ba, Kiros, Hinton 2016).
func (n *Net) LayerNorm(name string, x graph.Value) (y graph.Value) {
	n.Scope(name, func() {
		s := n.Shape(x)
		if n.Err() != nil {
			return
		}
		k := tensor.Shape{s[len(s)-1]}
		y = n.Node("ln", "LayerNormalization", graph.Attrs{"axis": int64(-1), "epsilon": float32(1e-5)},
			x, n.filled("scale", k, 1, true), n.filled("bias", k, 0, true))
	})
	return y
}

// GroupNorm adds group normalisation with the channels in groups (Wu and He 2018).
func (n *Net) GroupNorm(name string, x graph.Value, groups int) (y graph.Value) {
	n.Scope(name, func() {
		s := n.Shape(x)
		if n.Err() != nil {
			return
		}
		c := tensor.Shape{s[1]}
		y = n.Node("gn", "GroupNormalization", graph.Attrs{"num_groups": int64(groups), "epsilon": float32(1e-5)},
			x, n.filled("scale", c, 1, true), n.filled("bias", c, 0, true))
	})
	return y
}

package nn

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Shortcut says how a residual block matches its input to a changed shape
// (He et al. 2016, section 3.3).
type Shortcut int

const (
	// PadShortcut subsamples and pads the new channels with zeros: option A, no parameters.
	PadShortcut Shortcut = iota
	// ProjectShortcut uses a strided 1x1 convolution with batch normalisation: option B.
	ProjectShortcut
)

// BasicBlock adds relu(F(x) + x) with F = conv3x3, BN, ReLU, conv3x3, BN
// (He et al. 2016, 'Deep Residual Learning', figure 2).
func (n *Net) BasicBlock(name string, x graph.Value, out, stride int, sc Shortcut) (y graph.Value) {
	n.Scope(name, func() {
		h := n.Conv("conv1", x, out, Conv{Kernel: 3, Stride: stride, Pad: 1, NoBias: true})
		h = n.Relu(n.BatchNorm("bn1", h))
		h = n.Conv("conv2", h, out, Conv{Kernel: 3, Pad: 1, NoBias: true})
		h = n.BatchNorm("bn2", h)
		y = n.Relu(n.Node("add", "Add", nil, h, n.shortcut(x, out, stride, sc)))
	})
	return y
}

// PreActBlock adds x + F(x) with F = BN, ReLU, conv3x3, BN, ReLU, conv3x3
// (He et al. 2016, 'Identity Mappings', figure 1b).
func (n *Net) PreActBlock(name string, x graph.Value, out, stride int, sc Shortcut) (y graph.Value) {
	n.Scope(name, func() {
		h := n.Relu(n.BatchNorm("bn1", x))
		h = n.Conv("conv1", h, out, Conv{Kernel: 3, Stride: stride, Pad: 1, NoBias: true})
		h = n.Relu(n.BatchNorm("bn2", h))
		h = n.Conv("conv2", h, out, Conv{Kernel: 3, Pad: 1, NoBias: true})
		y = n.Node("add", "Add", nil, h, n.shortcut(x, out, stride, sc))
	})
	return y
}

func (n *Net) shortcut(x graph.Value, out, stride int, sc Shortcut) (y graph.Value) {
	s := n.Shape(x)
	if n.Err() != nil || s[1] == out && stride == 1 {
		return x
	}
	n.Scope("shortcut", func() {
		if sc == ProjectShortcut {
			y = n.Conv("conv", x, out, Conv{Kernel: 1, Stride: stride, NoBias: true})
			y = n.BatchNorm("bn", y)
			return
		}
		y = x
		if stride > 1 {
			y = n.Node("subsample", "Slice", nil, x, n.Ints("starts", 0, 0),
				n.Ints("ends", s[2], s[3]), n.Ints("axes", 2, 3), n.Ints("steps", stride, stride))
		}
		before := (out - s[1]) / 2
		y = n.Node("pad", "Pad", nil, y, n.Ints("pads", 0, before, 0, 0, 0, out-s[1]-before, 0, 0),
			n.Const("zero", tensor.Scalar(float32(0))))
	})
	return y
}

// AuxHead adds an auxiliary classifier on x, an intermediate value: global average
// pooling for maps, then a dense layer (Szegedy et al. 2015, section 5, without
// its hidden layer). Its logits are not a graph output: give them to an objective,
// and pruning drops the head afterwards.
func (n *Net) AuxHead(name string, x graph.Value, classes int) (logits graph.Value) {
	n.Scope(name, func() {
		if len(n.Shape(x)) == 4 {
			x = n.GlobalAveragePool(x)
		}
		logits = n.Dense("fc", x, classes, Dense{Init: XavierUniform})
	})
	return logits
}

// Cell is a kind of recurrent layer.
type Cell string

// The recurrent cells and their gates: Hochreiter and Schmidhuber 1997, Cho et al. 2014, Elman 1990.
const (
	LSTM Cell = "LSTM"
	GRU  Cell = "GRU"
	RNN  Cell = "RNN"
)

var gates = map[Cell]int{LSTM: 4, GRU: 3, RNN: 1}

// Recurrent configures a recurrent layer.
type Recurrent struct {
	Cell          Cell // LSTM when empty
	Bidirectional bool
	Sequence      bool // return N x T x (D H), all steps; else N x (D H), the last state
	Init          Initializer
}

// Recurrent adds a layer of hidden units over x, N x T x K. D is 2 when bidirectional.
func (n *Net) Recurrent(name string, x graph.Value, hidden int, c Recurrent) (y graph.Value) {
	if c.Cell == "" {
		c.Cell = LSTM
	}
	g, ok := gates[c.Cell]
	if !ok {
		n.Fail(fmt.Errorf("nn: unknown recurrent cell %q", c.Cell))
		return ""
	}
	n.Scope(name, func() {
		s := n.Shape(x)
		if n.Err() != nil {
			return
		}
		d, dir := 1, "forward"
		if c.Bidirectional {
			d, dir = 2, "bidirectional"
		}
		init := c.Init
		if init == nil {
			init = XavierUniform
		}
		k := s[2]
		w := n.weight("w", init, tensor.Shape{d, g * hidden, k}, k, hidden)
		r := n.weight("r", Orthogonal, tensor.Shape{d, g * hidden, hidden}, hidden, hidden)
		b := n.filled("b", tensor.Shape{d, 2 * g * hidden}, 0, true)
		steps := n.Node("steps", "Transpose", graph.Attrs{"perm": graph.Ints64(1, 0, 2)}, x)
		out := n.Nodes("cell", string(c.Cell), graph.Attrs{"hidden_size": int64(hidden), "direction": dir}, 2, steps, w, r, b)
		y = n.recurrentOut(out, d*hidden, c.Sequence)
	})
	return y
}

// recurrentOut brings Y, T x D x N x H, or Y_h, D x N x H, to the batch first.
func (n *Net) recurrentOut(out []graph.Value, width int, sequence bool) graph.Value {
	if sequence {
		y := n.Node("batch_first", "Transpose", graph.Attrs{"perm": graph.Ints64(2, 0, 1, 3)}, out[0])
		return n.Node("join", "Reshape", nil, y, n.Ints("shape", 0, 0, width))
	}
	y := n.Node("batch_first", "Transpose", graph.Attrs{"perm": graph.Ints64(1, 0, 2)}, out[1])
	return n.Node("join", "Reshape", nil, y, n.Ints("shape", 0, width))
}

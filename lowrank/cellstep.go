package lowrank

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// scan runs one direction as a Scan whose body takes the factors from around it.
func (c *cell) scan(xw graph.Value, d direction, states []graph.Value, reverse bool) (graph.Value, []graph.Value) {
	name := string(c.Node("scan/input", "Identity", nil, xw)) // unique in the model: it scopes the body's names
	b := graph.NewBuilder("body")
	var inner []graph.Value
	b.Scope(name, func() {
		for range states {
			inner = append(inner, b.Input("state", c.dtype, "batch", c.hidden))
		}
		x := b.Input("x", c.dtype, "batch", c.gates*c.hidden)
		next := c.step(b, d, x, inner)
		for _, s := range append(next, b.Node("y", "Identity", nil, next[0])) {
			b.Output(s)
		}
		for i := range b.Graph().Outputs {
			b.Graph().Outputs[i].DType = c.dtype // not inferred: it rests on values from around the body
		}
	})
	c.Fail(b.Err())
	way := int64(0)
	if reverse {
		way = 1
	}
	attrs := graph.Attrs{"body": b.Graph(), "num_scan_inputs": int64(1), "scan_input_directions": []int64{way}, "scan_output_directions": []int64{way}}
	var args []graph.Value
	for _, s := range states {
		args = append(args, c.Node("start", "Squeeze", nil, s, c.Ints("start/axis", 0)))
	}
	outs := c.Nodes("scan", "Scan", attrs, len(states)+1, append(args, graph.Value(name))...)
	last := make([]graph.Value, len(states))
	for i := range last {
		last[i] = c.Node("last", "Unsqueeze", nil, outs[i], c.Ints("last/axis", 0))
	}
	return outs[len(states)], last
}

// step appends one step of the layer to b: the operator's equations with its default activations.
func (c *cell) step(b *graph.Builder, d direction, x graph.Value, states []graph.Value) []graph.Value {
	if d.wb != "" {
		x = b.Node("xb", "Add", nil, x, d.wb)
	}
	switch c.node.Op {
	case "LSTM":
		return c.lstm(b, d, x, states)
	case "GRU":
		return []graph.Value{c.gru(b, d, x, states[0])}
	}
	return []graph.Value{b.Node("h", "Tanh", nil, b.Node("pre", "Add", nil, x, c.recur(b, d, states[0])))}
}

// recur returns R h + Rb.
func (c *cell) recur(b *graph.Builder, d direction, h graph.Value) graph.Value {
	var y graph.Value
	if d.emit != nil {
		y = d.emit(b, h)
	} else {
		y = b.Node("rh", "MatMul", nil, h, d.v)
	}
	if d.u != "" {
		y = b.Node("rh", "MatMul", nil, y, d.u)
	}
	if d.rb != "" {
		y = b.Node("rb", "Add", nil, y, d.rb)
	}
	return y
}

// split cuts the n gates apart, by sizes: that can be written at every opset.
func (c *cell) split(b *graph.Builder, v graph.Value, n int) []graph.Value {
	sizes := slices.Repeat([]int{c.hidden}, n)
	return b.Nodes("gates", "Split", graph.Attrs{"axis": int64(-1)}, n, v, b.Ints("gates/sizes", sizes...))
}

// lstm: i, o, f = sigmoid, g = tanh of W x + R h + b; c' = f c + i g; h' = o tanh(c').
func (c *cell) lstm(b *graph.Builder, d direction, x graph.Value, s []graph.Value) []graph.Value {
	pre := c.split(b, b.Node("pre", "Add", nil, x, c.recur(b, d, s[0])), 4)
	i, o, f := b.Node("i", "Sigmoid", nil, pre[0]), b.Node("o", "Sigmoid", nil, pre[1]), b.Node("f", "Sigmoid", nil, pre[2])
	g := b.Node("g", "Tanh", nil, pre[3])
	cell := b.Node("c", "Add", nil, b.Node("fc", "Mul", nil, f, s[1]), b.Node("ig", "Mul", nil, i, g))
	return []graph.Value{b.Node("h", "Mul", nil, o, b.Node("tc", "Tanh", nil, cell)), cell}
}

// gru: z, r = sigmoid(W x + R h + b); n = tanh(Wh x + r (Rh h + Rbh)), or with Rh (r h) + Rbh when
// the state is reset first; h' = (1 - z) n + z h = n + z (h - n).
func (c *cell) gru(b *graph.Builder, d direction, x, h graph.Value) graph.Value {
	xs := c.split(b, x, 3)
	var rz, rr, rn graph.Value
	if c.resetsFirst() {
		bias := c.gruBias(b, d)
		zr := c.split(b, c.plus(b, c.part(b, d, h, 0), bias[0]), 2)
		rz, rr = zr[0], zr[1]
		r := b.Node("r", "Sigmoid", nil, b.Node("r/pre", "Add", nil, xs[1], rr))
		rn = c.plus(b, c.part(b, d, b.Node("reset", "Mul", nil, r, h), 1), bias[1])
	} else {
		all := c.split(b, c.recur(b, d, h), 3)
		rz, rr = all[0], all[1]
		r := b.Node("r", "Sigmoid", nil, b.Node("r/pre", "Add", nil, xs[1], rr))
		rn = b.Node("reset", "Mul", nil, r, all[2])
	}
	z := b.Node("z", "Sigmoid", nil, b.Node("z/pre", "Add", nil, xs[0], rz))
	n := b.Node("n", "Tanh", nil, b.Node("n/pre", "Add", nil, xs[2], rn))
	return b.Node("h", "Add", nil, n, b.Node("zd", "Mul", nil, z, b.Node("d", "Sub", nil, h, n)))
}

// part applies the z r (0) or h (1) columns of the recurrent matrix.
func (c *cell) part(b *graph.Builder, d direction, h graph.Value, i int) graph.Value {
	if d.u != "" {
		h = b.Node("vh", "MatMul", nil, h, d.v)
	}
	return b.Node("rh", "MatMul", nil, h, d.parts[i])
}

// gruBias splits the recurrent bias as the matrix.
func (c *cell) gruBias(b *graph.Builder, d direction) [2]graph.Value {
	if d.rb == "" {
		return [2]graph.Value{}
	}
	vs := b.Nodes("rb", "Split", graph.Attrs{"axis": int64(0)}, 2, d.rb, b.Const("rb/sizes", tensor.Vec(int64(2*c.hidden), int64(c.hidden))))
	return [2]graph.Value{vs[0], vs[1]}
}

// plus adds a bias that may be missing.
func (c *cell) plus(b *graph.Builder, v, bias graph.Value) graph.Value {
	if bias == "" {
		return v
	}
	return b.Node("plus", "Add", nil, v, bias)
}

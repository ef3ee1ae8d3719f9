package lowrank

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// maxUnroll is the number of steps up to which a layer is unrolled.
const maxUnroll = 64

// stepBytes is about what the nodes of one unrolled step take in a file.
const stepBytes = 1500

// cell writes a recurrent layer out. States and steps have shape 1, N, H when the layer is
// unrolled, N, H within a Scan.
type cell struct {
	*Emitter
	p      *pair
	node   *graph.Node
	in     []graph.Value
	hidden int
	dirs   int
	gates  int
	dtype  tensor.DType
	x      graph.Value // input, T N K
	xw     graph.Value // W x of all directions, T N (dirs gates H)
}

func newCell(b *graph.Builder, p *pair, in []graph.Value) (*cell, error) {
	n := p.u.Node
	c := &cell{p: p, node: n, in: in, dirs: directions(n), gates: gates[n.Op]}
	if why := cellUnsuited(n); why != "" {
		return nil, fmt.Errorf("%s: it cannot be written out", why)
	}
	r := p.r
	if r == nil {
		r = p.w
	}
	c.Emitter, c.dtype = p.emitter(b, r, p.rp), r.Site.Param.DType
	c.hidden = n.Attrs.Int("hidden_size", 0)
	if p.r != nil {
		c.hidden = p.r.Site.K
	}
	if c.hidden < 1 {
		return nil, fmt.Errorf("the layer has no hidden_size")
	}
	c.x = in[0]
	if c.batchFirst() {
		c.x = c.permuted("x", c.x, 1, 0, 2)
	}
	c.xw = c.inputs()
	return c, nil
}

func (c *cell) batchFirst() bool { return c.node.Attrs.Int("layout", 0) == 1 }

func (c *cell) permuted(name string, v graph.Value, perm ...int) graph.Value {
	return c.Node(name, "Transpose", graph.Attrs{"perm": graph.Ints64(perm...)}, v)
}

// slice cuts [from, to) out of an axis.
func (e *Emitter) slice(name string, v graph.Value, axis, from, to int) graph.Value {
	return e.Node(name, "Slice", nil, v, e.Ints(name+"/from", from), e.Ints(name+"/to", to), e.Ints(name+"/axis", axis))
}

// inputs returns W x for all steps at once.
func (c *cell) inputs() graph.Value {
	if c.p.w != nil {
		d, err := Lookup(c.p.w.Factors.Method)
		if err != nil {
			c.Fail(err)
			return ""
		}
		return d.Emit(c.p.emitter(c.Builder, c.p.w, c.p.wp), c.x)
	}
	flat := c.reshape("w", c.in[1], c.dirs*c.gates*c.hidden, -1)
	return c.Node("wx", "MatMul", nil, c.x, c.transposed("w/t", flat))
}

// direction holds what one direction's steps read.
type direction struct {
	wb, rb graph.Value                                       // biases (gates H), empty without
	v, u   graph.Value                                       // recurrent factors H x R and R x (gates H); v alone is the dense R^T
	parts  []graph.Value                                     // of u, or of v when dense, split in z r | h for a GRU that resets first
	emit   func(b *graph.Builder, h graph.Value) graph.Value // R h by another decomposition; v and u are empty then
}

// direction prepares direction d.
func (c *cell) direction(d int) direction {
	var o direction
	g := c.gates * c.hidden
	if len(c.in) > 3 && c.in[3] != "" {
		flat := c.reshape("b", c.in[3], 2*c.dirs*g)
		o.wb, o.rb = c.slice("wb", flat, 0, 2*d*g, (2*d+1)*g), c.slice("rb", flat, 0, (2*d+1)*g, (2*d+2)*g)
	}
	last := &o.v
	switch {
	case c.p.r == nil:
		o.v = c.transposed("r/t", c.group("r", c.in[2], d, g, c.hidden, true))
	case c.p.r.Factors.Method != (svd{}).Name():
		o.emit = c.product()
		return o
	default:
		rank := c.p.r.Factors.Ranks[0]
		stacked := c.dirs > 1
		o.v, o.u = c.group("v", c.p.rp[0], d, c.hidden, rank, stacked), c.group("u", c.p.rp[1], d, rank, g, stacked)
		last = &o.u
	}
	if c.resetsFirst() {
		o.parts = []graph.Value{c.slice("zr", *last, 1, 0, 2*c.hidden), c.slice("h", *last, 1, 2*c.hidden, g)}
	}
	return o
}

// product returns what applies the recurrent matrix by its decomposition.
func (c *cell) product() func(*graph.Builder, graph.Value) graph.Value {
	d, err := Lookup(c.p.r.Factors.Method)
	if err != nil {
		c.Fail(err)
	}
	return func(b *graph.Builder, h graph.Value) graph.Value { return d.Emit(c.p.emitter(b, c.p.r, c.p.rp), h) }
}

// group takes matrix d out of a stack; the matrix itself when it is none.
func (c *cell) group(name string, v graph.Value, d, rows, cols int, stacked bool) graph.Value {
	if !stacked {
		return v
	}
	if c.dirs > 1 {
		v = c.slice(name+"/group", v, 0, d, d+1)
	}
	return c.reshape(name+"/matrix", v, rows, cols)
}

// resetsFirst reports a GRU that applies its reset gate before the recurrent product.
func (c *cell) resetsFirst() bool {
	return c.node.Op == "GRU" && c.node.Attrs.Int("linear_before_reset", 0) == 0
}

// outputs emits all directions and returns Y, Y_h and Y_c as the node has them.
func (c *cell) outputs() []graph.Value {
	ys, last := make([]graph.Value, c.dirs), make([][]graph.Value, 2)
	for d := range c.dirs {
		xw := c.xw
		if c.dirs > 1 {
			xw = c.slice("xw", xw, 2, d*c.gates*c.hidden, (d+1)*c.gates*c.hidden)
		}
		reverse := d == 1 || c.node.Attrs.Str("direction", "forward") == "reverse"
		y, states := c.sequence(xw, c.direction(d), c.initial(d), reverse)
		ys[d] = c.Node("y/dir", "Unsqueeze", nil, y, c.Ints("y/axis", 1))
		for i, s := range states {
			last[i] = append(last[i], s)
		}
	}
	out := []graph.Value{c.joined("y", ys, 1, 2, 0, 1, 3)}
	for _, states := range last {
		if len(states) > 0 {
			out = append(out, c.joined("state", states, 0, 1, 0, 2))
		}
	}
	return out[:len(c.node.Out)]
}

// joined concatenates the directions and brings the batch to the front where the layer wants it.
func (c *cell) joined(name string, vs []graph.Value, axis int, perm ...int) graph.Value {
	v := vs[0]
	if len(vs) > 1 {
		v = c.Node(name+"/all", "Concat", graph.Attrs{"axis": int64(axis)}, vs...)
	}
	if c.batchFirst() {
		v = c.permuted(name+"/batch", v, perm...)
	}
	return v
}

// initial returns the states of direction d before the first step, 1 N H.
func (c *cell) initial(d int) []graph.Value {
	n := 1
	if c.node.Op == "LSTM" {
		n = 2
	}
	states := make([]graph.Value, n)
	for i := range states {
		if at := 5 + i; len(c.in) > at && c.in[at] != "" {
			v := c.in[at]
			if c.batchFirst() {
				v = c.permuted("initial", v, 1, 0, 2)
			}
			if c.dirs > 1 {
				v = c.slice("initial/dir", v, 0, d, d+1)
			}
			states[i] = v
			continue
		}
		batch := c.Node("batch", "Shape", graph.Attrs{"start": int64(1), "end": int64(2)}, c.x)
		shape := c.Node("zero/shape", "Concat", graph.Attrs{"axis": int64(0)}, c.Ints("one", 1), batch, c.Ints("hidden", c.hidden))
		states[i] = c.Node("zero", "ConstantOfShape", graph.Attrs{"value": tensor.New(c.dtype, tensor.Shape{1})}, shape)
	}
	return states
}

// sequence runs one direction: all hidden states T N H, and the last states 1 N H.
func (c *cell) sequence(xw graph.Value, d direction, states []graph.Value, reverse bool) (graph.Value, []graph.Value) {
	if t := c.p.u.steps; t > 0 && t <= maxUnroll && !c.p.outweighed(int64(c.dirs*t)) {
		return c.unrolled(xw, d, states, reverse, t)
	}
	return c.scan(xw, d, states, reverse)
}

// outweighed reports whether the given number of unrolled steps takes more bytes than the factors save, where that counts.
func (p *pair) outweighed(steps int64) bool {
	saved, frozen := int64(0), true
	for _, r := range []*Replacement{p.w, p.r} {
		if r != nil {
			saved += (r.Site.Params() - r.Factors.Params()) * r.Site.elementBytes
			frozen = frozen && r.Site.frozen
		}
	}
	return frozen && steps*stepBytes > saved
}

func (c *cell) unrolled(xw graph.Value, d direction, states []graph.Value, reverse bool, steps int) (graph.Value, []graph.Value) {
	xs := []graph.Value{xw}
	if steps > 1 {
		xs = c.Nodes("steps", "Split", graph.Attrs{"axis": int64(0), "num_outputs": int64(steps)}, steps, xw)
	}
	ys := make([]graph.Value, steps)
	for i := range steps {
		t := i
		if reverse {
			t = steps - 1 - i
		}
		states = c.step(c.Builder, d, xs[t], states)
		ys[t] = states[0]
	}
	if steps == 1 {
		return ys[0], states
	}
	return c.Node("hidden", "Concat", graph.Attrs{"axis": int64(0)}, ys...), states
}

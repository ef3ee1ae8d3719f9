package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op/optest"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// recCase is a recurrent layer: T 4, B 3, I 2, H 5.
type recCase struct {
	name                      string
	attr                      graph.Attrs
	bias, lens, initial, peep bool
	dirs                      int
	first                     bool // batch first
}

func init() {
	cases := []recCase{
		{name: "plain"},
		{name: "bias", bias: true},
		{name: "reverse", bias: true, attr: graph.Attrs{"direction": "reverse"}},
		{name: "both directions", bias: true, initial: true, dirs: 2, attr: graph.Attrs{"direction": "bidirectional"}},
		{name: "lengths", bias: true, initial: true, lens: true},
		{name: "lengths in both directions", bias: true, initial: true, lens: true, dirs: 2, attr: graph.Attrs{"direction": "bidirectional"}},
		{name: "batch first", bias: true, initial: true, lens: true, dirs: 2, first: true, attr: graph.Attrs{"direction": "bidirectional", "layout": int64(1)}},
	}
	for _, c := range cases {
		for _, op := range []string{"RNN", "GRU", "LSTM"} {
			c.add(op)
		}
	}
	recCase{name: "clip", bias: true, attr: graph.Attrs{"clip": float32(0.7)}}.add("LSTM")
	recCase{name: "clip", bias: true, attr: graph.Attrs{"clip": float32(0.7)}}.add("GRU")
	recCase{name: "clip", bias: true, attr: graph.Attrs{"clip": float32(0.7)}}.add("RNN")
	recCase{name: "activations", attr: graph.Attrs{"activations": []string{"Tanh", "Sigmoid", "Tanh"}}}.add("LSTM")
	recCase{name: "activations", attr: graph.Attrs{"activations": []string{"Tanh", "Sigmoid"}}}.add("GRU")
	recCase{name: "activations", attr: graph.Attrs{"activations": []string{"Sigmoid"}}}.add("RNN")
	recCase{name: "peepholes", bias: true, initial: true, lens: true, peep: true}.add("LSTM")
	recCase{name: "coupled gates", bias: true, attr: graph.Attrs{"input_forget": int64(1)}}.add("LSTM")
	recCase{name: "linear before reset", bias: true, initial: true, lens: true, dirs: 2, attr: graph.Attrs{"linear_before_reset": int64(1), "direction": "bidirectional"}}.add("GRU")
}

// add adds the sample: all outputs are those of naiveRecurrent.
func (c recCase) add(op string) {
	gates := map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4}[op]
	t, b, i, h, d := 4, 3, 2, 5, max(1, c.dirs)
	in := make([]*tensor.Tensor, 6, 8)
	last := []int{d, b, h}
	in[recX] = optest.Vals(t, b, i)
	if c.first {
		last = []int{b, d, h}
		in[recX] = optest.Vals(b, t, i)
	}
	in[recW], in[recR] = optest.Unit(d, gates*h, i), optest.Unit(d, gates*h, h)
	if c.bias {
		in[recB] = optest.Unit(d, 2*gates*h)
	}
	if c.lens {
		in[recLens] = tensor.Of([]int{b}, []int32{2, 4, 1})
	}
	if c.initial {
		in[recH] = optest.Unit(last...)
	}
	nOut := 2
	if op == "LSTM" {
		in, nOut = append(in, nil, nil), 3
		if c.initial {
			in[recC] = optest.Vals2(last...)
		}
		if c.peep {
			in[recP] = optest.Unit(d, 3*h)
		}
	}
	a := c.attr.Clone()
	if a == nil {
		a = graph.Attrs{}
	}
	a["hidden_size"] = int64(h)
	n := graph.Node{Op: op, Attrs: a}
	optest.Add(optest.Sample{Name: c.name, Node: n, In: in, NOut: nOut, Want: naiveRecurrent(n, in, t, b, i, h, d)[:nOut]})
}

// naiveRecurrent computes every unit of every step by itself, from the equations.
func naiveRecurrent(n graph.Node, in []*tensor.Tensor, t, b, i, h, d int) []*tensor.Tensor {
	first := n.Attrs.Int("layout", 0) == 1
	yShape, last := []int{t, d, b, h}, []int{d, b, h}
	if first {
		yShape, last = []int{b, t, d, h}, []int{b, d, h}
	}
	out := []*tensor.Tensor{tensor.New(tensor.F64, yShape), tensor.New(tensor.F64, last), tensor.New(tensor.F64, last)}
	for dir := range d {
		for row := range b {
			u := naiveUnit{n: n, in: in, h: h, i: i, dir: dir, state: make([]float64, h), cell: make([]float64, h)}
			at, steps := (dir*b+row)*h, t
			if first {
				at = (row*d + dir) * h
			}
			if s := dataAt[float64](in, recH); s != nil {
				copy(u.state, s[at:])
			}
			if s := dataAt[float64](in, recC); s != nil {
				copy(u.cell, s[at:])
			}
			if in[recLens] != nil {
				steps = int(tensor.Data[int32](in[recLens])[row])
			}
			for s := range steps {
				if n.Attrs.Str("direction", "") == "reverse" || dir == 1 {
					s = steps - 1 - s
				}
				xAt, yAt := (s*b+row)*i, ((s*d+dir)*b+row)*h
				if first {
					xAt, yAt = (row*t+s)*i, ((row*t+s)*d+dir)*h
				}
				u.step(dataAt[float64](in, recX)[xAt : xAt+i])
				copy(dataAt[float64](out, 0)[yAt:], u.state)
			}
			copy(dataAt[float64](out, 1)[at:], u.state)
			copy(dataAt[float64](out, 2)[at:], u.cell)
		}
	}
	return out
}

// naiveUnit is one row's unit of one direction.
type naiveUnit struct {
	n           graph.Node
	in          []*tensor.Tensor
	h, i, dir   int
	state, cell []float64
}

// sum returns (x W^T + b) or (state R^T + b) of unit j of a gate.
func (u *naiveUnit) sum(input int, x []float64, gate, j int) float64 {
	m, gates := dataAt[float64](u.in, input), u.in[recR].Shape()[1]/u.h
	row := (u.dir*gates+gate)*u.h + j
	var sum float64
	for k, v := range x {
		sum += v * m[row*len(x)+k]
	}
	if bias := dataAt[float64](u.in, recB); bias != nil {
		sum += bias[((u.dir*2+input-recW)*gates+gate)*u.h+j]
	}
	return sum
}

func (u *naiveUnit) act(k int, z float64) float64 {
	if c := u.n.Attrs.Float("clip", 0); c > 0 {
		z = max(-c, min(c, z))
	}
	def := map[string][]string{"RNN": {"Tanh"}, "GRU": {"Sigmoid", "Tanh"}, "LSTM": {"Sigmoid", "Tanh", "Tanh"}}[u.n.Op]
	if l := u.n.Attrs.Strs("activations"); l != nil {
		def = l
	}
	if def[k] == "Tanh" {
		return math.Tanh(z)
	}
	return 1 / (1 + math.Exp(-z))
}

func (u *naiveUnit) step(x []float64) {
	both := func(gate, j int) float64 { return u.sum(recW, x, gate, j) + u.sum(recR, u.state, gate, j) }
	next := make([]float64, u.h)
	switch u.n.Op {
	case "RNN":
		for j := range next {
			next[j] = u.act(0, both(0, j))
		}
	case "GRU":
		u.gru(next, x, both)
	case "LSTM":
		u.lstm(next, both)
	}
	u.state = next
}

func (u *naiveUnit) gru(next, x []float64, both func(gate, j int) float64) {
	r, reset := make([]float64, u.h), make([]float64, u.h)
	for j := range r {
		r[j] = u.act(0, both(1, j))
		reset[j] = r[j] * u.state[j]
	}
	for j := range next {
		z := u.act(0, both(0, j))
		rec := u.sum(recR, reset, 2, j)
		if u.n.Attrs.Bool("linear_before_reset", false) {
			rec = r[j] * u.sum(recR, u.state, 2, j)
		}
		next[j] = (1-z)*u.act(1, u.sum(recW, x, 2, j)+rec) + z*u.state[j]
	}
}

func (u *naiveUnit) lstm(next []float64, both func(gate, j int) float64) {
	cell := make([]float64, u.h)
	for j := range next {
		p := make([]float64, 3)
		if peep := dataAt[float64](u.in, recP); peep != nil {
			for g := range p {
				p[g] = peep[(u.dir*3+g)*u.h+j]
			}
		}
		i := u.act(0, both(0, j)+p[0]*u.cell[j])
		f := u.act(0, both(2, j)+p[2]*u.cell[j])
		if u.n.Attrs.Bool("input_forget", false) {
			f = 1 - i
		}
		cell[j] = f*u.cell[j] + i*u.act(1, both(3, j))
		o := u.act(0, both(1, j)+p[1]*cell[j])
		un := *u
		un.n.Attrs = graph.Attrs{}
		if l := u.n.Attrs.Strs("activations"); l != nil {
			un.n.Attrs["activations"] = l
		}
		next[j] = o * un.act(2, cell[j])
	}
	u.cell = cell
}

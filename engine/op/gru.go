package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "GRU", min: 3, max: 6, other: []int{recLens}, f32: bindGRU[float32], f64: bindGRU[float64]})
}

// gru is a layer of kernel.GRU cells. Without linear_before_reset the product
// with R has two parts, the gates z r and then, with the state reset, n.
type gru[T kernel.Float] struct {
	*recurrent[T]
	unit             [2]kernel.GRU[T]
	i                int // direction
	gate, hidden     stateProduct[T]
	fwd, out         pieces
	bwdOut, bwdGates pieces
	epi              kernel.Epilogue[T]
	clip             clipped[T]
	step             int
	s                []T // B 3H of a step; T B 3H with linear_before_reset
	rh               []T // T B H, without
	ds               []T // T B 3H, with
	drh              []T // B H, without
}

func bindGRU[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k := &recurrent[T]{states: 1}
	if err := k.read(b, 3); err != nil {
		return nil, err
	}
	acts, err := k.activationsOf(b, kernel.ActSigmoid, kernel.ActTanh)
	if err != nil {
		return nil, err
	}
	c := &gru[T]{recurrent: k}
	linear := b.Node.Attrs.Bool("linear_before_reset", false)
	for i, a := range acts {
		c.unit[i] = kernel.GRU[T]{Hidden: k.h, Gate: a[0], Cell: a[1], LinearBeforeReset: linear}
	}
	if c.clip.limit = clipOf[T](b); c.clip.limit > 0 && linear {
		return nil, b.Errorf("clip together with linear_before_reset is not supported: leave one out")
	}
	rows := 2 * k.h
	if linear {
		rows = 3 * k.h
	}
	c.gate, c.hidden = newStateProduct(k, rows, k.g, 0), newStateProduct(k, k.h, k.g, 0)
	c.gate.fwd.Epi = &c.epi
	c.hidden.back.Beta = 0
	c.fwd, c.out = newPieces(k.b, 8*k.g, c.forwardRows), newPieces(k.b, 8*k.g, c.outputRows)
	c.bwdOut, c.bwdGates = newPieces(k.b, 8*k.g, c.backwardOutput), newPieces(k.b, 8*k.g, c.backwardGates)
	k.cell = c
	return k, nil
}

func (c *gru[T]) linear() bool { return c.unit[0].LinearBeforeReset }

func (c *gru[T]) prepare(i int, r []T) {
	c.gate.pack(i, r)
	if !c.linear() {
		c.hidden.pack(i, r[2*c.h*c.h:])
	}
}

func (c *gru[T]) workspace() (saved, scratch []graph.Spec) {
	if c.linear() {
		return []graph.Spec{specOf[T](c.d, c.t, c.b, c.g)}, []graph.Spec{specOf[T](c.t, c.b, c.g)}
	}
	return []graph.Spec{specOf[T](c.d, c.t, c.b, c.h), c.clip.spec(c.d, c.t, c.b, c.g)},
		[]graph.Spec{specOf[T](c.b, c.g), specOf[T](c.b, c.h)}
}

func (c *gru[T]) begin(i int, saved, scratch []*tensor.Tensor) {
	c.i = i
	c.epi.Bias = nil
	if c.linear() {
		c.s, c.ds = c.nth(dataAt[T](saved, 0), i), dataAt[T](scratch, 0)
		c.epi.Bias = cut(c.dir.bias, c.g, 2*c.g)
		return
	}
	c.rh, c.s, c.drh = c.nth(dataAt[T](saved, 0), i), dataAt[T](scratch, 0), dataAt[T](scratch, 1)
	c.clip.begin(saved[1], i, c.d)
}

// inputBias is the sum of both biases, with linear_before_reset that of W.
func (c *gru[T]) inputBias(dst []T) {
	if c.linear() {
		copy(dst, c.dir.bias[:c.g])
		return
	}
	kernel.Add(dst, c.dir.bias[:c.g], c.dir.bias[c.g:])
}

// products returns the products with R of step t.
func (c *gru[T]) products(t int) []T {
	if c.linear() {
		return c.dir.at(c.s, t, c.g)
	}
	return c.s
}

func (c *gru[T]) forward(p *kernel.Pool, t int) {
	d, s := &c.dir, c.products(t)
	c.step = t
	c.gate.forward(p, c.i, s, d.at(d.state, d.prev(t), c.h), d.r)
	c.fwd.do(p)
	if !c.linear() {
		c.hidden.forward(p, c.i, s[2*c.h:], d.at(c.rh, t, c.h), d.r[2*c.h*c.h:])
	}
	c.out.do(p)
}

func (c *gru[T]) forwardRows(from, to int) {
	d, t, n := &c.dir, c.step, c.h
	x, s, h := rowsIn(d.at(d.gates, t, c.g), from, to, c.g), rowsIn(c.products(t), from, to, c.g), rowsIn(d.at(d.state, d.prev(t), n), from, to, n)
	if c.linear() {
		c.unit[c.i].Gates(to-from, x, s, h, nil)
		return
	}
	c.limit(x, s, from, 0, 2*n)
	c.unit[c.i].Gates(to-from, x, s, h, rowsIn(d.at(c.rh, t, n), from, to, n))
}

// limit adds columns [lo, hi) of s to x, clips them and sets s to 0.
func (c *gru[T]) limit(x, s []T, from, lo, hi int) {
	if c.clip.limit <= 0 {
		return
	}
	for r := range len(x) / c.g {
		at := r * c.g
		kernel.Add(x[at+lo:at+hi], x[at+lo:at+hi], s[at+lo:at+hi])
		clear(s[at+lo : at+hi])
		cut := c.clip.cut[(c.step*c.b+from+r)*c.g:][:c.g]
		for i := lo; i < hi; i++ {
			v := x[at+i]
			cut[i] = v > c.clip.limit || v < -c.clip.limit
			x[at+i] = max(-c.clip.limit, min(c.clip.limit, v))
		}
	}
}

func (c *gru[T]) outputRows(from, to int) {
	d, t, n := &c.dir, c.step, c.h
	x, s := d.at(d.gates, t, c.g), c.products(t)
	h, hNext := d.at(d.state, d.prev(t), n), d.at(d.state, d.next(t), n)
	c.limit(rowsIn(x, from, to, c.g), rowsIn(s, from, to, c.g), from, 2*n, 3*n)
	for r := from; r < to; {
		end, active := d.run(t, r, to)
		if active {
			c.unit[c.i].Output(end-r, rowsIn(x, r, end, c.g), rowsIn(s, r, end, c.g), rowsIn(h, r, end, n), rowsIn(hNext, r, end, n))
		} else {
			copy(rowsIn(hNext, r, end, n), rowsIn(h, r, end, n))
		}
		r = end
	}
}

func (c *gru[T]) backward(p *kernel.Pool, t int) {
	d := &c.dir
	c.step = t
	dz := d.at(d.dgates, t, c.g)
	c.bwdOut.do(p)
	if c.linear() {
		c.gate.backward(p, d.dh, d.at(c.ds, t, c.g), d.r)
		return
	}
	c.cutColumns(dz, t, 2*c.h, 3*c.h)
	c.hidden.backward(p, c.drh, dz[2*c.h:], d.r[2*c.h*c.h:])
	c.bwdGates.do(p)
	c.cutColumns(dz, t, 0, 2*c.h)
	c.gate.backward(p, d.dh, dz, d.r)
}

// cutColumns clears the gradients of columns [lo, hi) that were clipped.
func (c *gru[T]) cutColumns(dz []T, t, lo, hi int) {
	if c.clip.limit <= 0 {
		return
	}
	for i, cut := range c.clip.cut[t*len(dz):][:len(dz)] {
		if col := i % c.g; cut && col >= lo && col < hi {
			dz[i] = 0
		}
	}
}

func (c *gru[T]) backwardOutput(from, to int) {
	d, t, n := &c.dir, c.step, c.h
	x, dz, h := d.at(d.gates, t, c.g), d.at(d.dgates, t, c.g), d.at(d.state, d.prev(t), n)
	for r := from; r < to; {
		end, active := d.run(t, r, to)
		var s, ds []T
		if c.linear() {
			s, ds = rowsIn(c.products(t), r, end, c.g), rowsIn(d.at(c.ds, t, c.g), r, end, c.g)
		}
		if active {
			c.unit[c.i].BackwardOutput(end-r, rowsIn(x, r, end, c.g), s, rowsIn(h, r, end, n), rowsIn(d.dh, r, end, n), rowsIn(dz, r, end, c.g), ds)
		} else {
			clear(rowsIn(dz, r, end, c.g))
			clear(ds)
		}
		r = end
	}
}

// backwardGates leaves rows alone whose sequences have ended: their dz is 0, so
// drh is 0 too.
func (c *gru[T]) backwardGates(from, to int) {
	d, t, n := &c.dir, c.step, c.h
	c.unit[c.i].BackwardGates(to-from, rowsIn(d.at(d.gates, t, c.g), from, to, c.g), rowsIn(d.at(d.state, d.prev(t), n), from, to, n),
		rowsIn(c.drh, from, to, n), rowsIn(d.dh, from, to, n), rowsIn(d.at(d.dgates, t, c.g), from, to, c.g))
}

func (c *gru[T]) weightGrad(p *kernel.Pool, dr []T) {
	if c.linear() {
		c.gate.weightGrad(p, dr, c.ds, c.dir.before())
		return
	}
	c.gate.weightGrad(p, dr[:2*c.h*c.h], c.dir.dgates, c.dir.before())
	c.hidden.weightGrad(p, dr[2*c.h*c.h:], c.dir.dgates[2*c.h:], c.rh)
}

func (c *gru[T]) stateGates() []T {
	if c.linear() {
		return c.ds
	}
	return c.dir.dgates
}

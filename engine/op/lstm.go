package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "LSTM", min: 3, max: 8, other: []int{recLens}, f32: bindLSTM[float32], f64: bindLSTM[float64]})
}

// lstm is a layer of kernel.LSTM cells. Saved beside the cell states are their
// activations, D T B H.
type lstm[T kernel.Float] struct {
	*recurrent[T]
	unit     [2]kernel.LSTM[T]
	i        int // direction
	prod     stateProduct[T]
	fwd, bwd pieces
	clip     clipped[T]
	step     int
	hc       []T
}

func bindLSTM[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k := &recurrent[T]{states: 2}
	if err := k.read(b, 4); err != nil {
		return nil, err
	}
	acts, err := k.activationsOf(b, kernel.ActSigmoid, kernel.ActTanh, kernel.ActTanh)
	if err != nil {
		return nil, err
	}
	c := &lstm[T]{recurrent: k, prod: newStateProduct(k, k.g, k.g, 1)}
	for i, a := range acts {
		c.unit[i] = kernel.LSTM[T]{Hidden: k.h, Gate: a[0], Cell: a[1], Out: a[2], CoupleInput: b.Node.Attrs.Bool("input_forget", false)}
	}
	if c.clip.limit = clipOf[T](b); c.clip.limit > 0 && b.Has(recP) {
		return nil, b.Errorf("clip together with peepholes is not supported: leave one out")
	}
	c.fwd, c.bwd = newPieces(k.b, 8*k.g, c.forwardRows), newPieces(k.b, 8*k.g, c.backwardRows)
	k.cell = c
	return k, nil
}

func (c *lstm[T]) prepare(i int, r []T) { c.prod.pack(i, r) }

func (c *lstm[T]) workspace() (saved, scratch []graph.Spec) {
	return []graph.Spec{specOf[T](c.d, c.t, c.b, c.h), c.clip.spec(c.d, c.t, c.b, c.g)}, nil
}

func (c *lstm[T]) begin(i int, saved, _ []*tensor.Tensor) {
	c.i, c.hc = i, c.nth(dataAt[T](saved, 0), i)
	c.unit[i].P = c.dir.peep
	c.clip.begin(saved[1], i, c.d)
}

func (c *lstm[T]) inputBias(dst []T) { kernel.Add(dst, c.dir.bias[:c.g], c.dir.bias[c.g:]) }

func (c *lstm[T]) forward(p *kernel.Pool, t int) {
	d := &c.dir
	z := d.at(d.gates, t, c.g)
	c.prod.forward(p, c.i, z, d.at(d.state, d.prev(t), c.h), d.r)
	c.clip.apply(z, t)
	c.step = t
	c.fwd.do(p)
}

func (c *lstm[T]) forwardRows(from, to int) {
	d, t, n := &c.dir, c.step, c.h
	z, hc := d.at(d.gates, t, c.g), d.at(c.hc, t, n)
	cPrev, cNext := d.at(d.cell, d.prev(t), n), d.at(d.cell, d.next(t), n)
	h, hNext := d.at(d.state, d.prev(t), n), d.at(d.state, d.next(t), n)
	for r := from; r < to; {
		end, active := d.run(t, r, to)
		if active {
			c.unit[c.i].Forward(end-r, rowsIn(z, r, end, c.g), rowsIn(cPrev, r, end, n), rowsIn(cNext, r, end, n), rowsIn(hNext, r, end, n), rowsIn(hc, r, end, n))
		} else {
			copy(rowsIn(cNext, r, end, n), rowsIn(cPrev, r, end, n))
			copy(rowsIn(hNext, r, end, n), rowsIn(h, r, end, n))
		}
		r = end
	}
}

func (c *lstm[T]) backward(p *kernel.Pool, t int) {
	d := &c.dir
	c.step = t
	if d.dpeep != nil { // sums over the rows
		c.backwardRows(0, c.b)
	} else {
		c.bwd.do(p)
	}
	z := d.at(d.dgates, t, c.g)
	c.clip.grad(z, t)
	c.prod.backward(p, d.dh, z, d.r)
}

func (c *lstm[T]) backwardRows(from, to int) {
	d, t, n := &c.dir, c.step, c.h
	dz, z, hc := d.at(d.dgates, t, c.g), d.at(d.gates, t, c.g), d.at(c.hc, t, n)
	cPrev, cNext := d.at(d.cell, d.prev(t), n), d.at(d.cell, d.next(t), n)
	for r := from; r < to; {
		end, active := d.run(t, r, to)
		if active {
			copy(rowsIn(dz, r, end, c.g), rowsIn(z, r, end, c.g))
			c.unit[c.i].Backward(end-r, rowsIn(dz, r, end, c.g), rowsIn(cPrev, r, end, n), rowsIn(cNext, r, end, n), rowsIn(hc, r, end, n),
				rowsIn(d.dh, r, end, n), rowsIn(d.dc, r, end, n), d.dpeep)
			clear(rowsIn(d.dh, r, end, n))
		} else {
			clear(rowsIn(dz, r, end, c.g))
		}
		r = end
	}
}

func (c *lstm[T]) weightGrad(p *kernel.Pool, dr []T) {
	c.prod.weightGrad(p, dr, c.dir.dgates, c.dir.before())
}

func (c *lstm[T]) stateGates() []T { return c.dir.dgates }

// clipped limits what goes into the gates' activations; gradients of what was cut are 0.
type clipped[T kernel.Float] struct {
	limit T // 0 for none
	cut   []bool
}

// spec describes the memory of all steps.
func (c *clipped[T]) spec(dims ...int) graph.Spec {
	s := graph.Spec{DType: tensor.Bool, Shape: append(tensor.Shape{}, dims...)}
	if c.limit <= 0 {
		s.Shape = tensor.Shape{0}
	}
	return s
}

func (c *clipped[T]) begin(saved *tensor.Tensor, i, dirs int) {
	all := tensor.Data[bool](saved)
	n := len(all) / dirs
	c.cut = all[i*n : (i+1)*n]
}

// apply limits z, the sums of step t.
func (c *clipped[T]) apply(z []T, t int) {
	if c.limit <= 0 {
		return
	}
	cut := c.cut[t*len(z):][:len(z)]
	for i, v := range z {
		cut[i] = v > c.limit || v < -c.limit
		z[i] = max(-c.limit, min(c.limit, v))
	}
}

func (c *clipped[T]) grad(dz []T, t int) {
	if c.limit <= 0 {
		return
	}
	for i, cut := range c.cut[t*len(dz):][:len(dz)] {
		if cut {
			dz[i] = 0
		}
	}
}

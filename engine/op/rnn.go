package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", floatOp{name: "RNN", min: 3, max: 6, other: []int{recLens}, f32: bindRNN[float32], f64: bindRNN[float64]})
}

// rnn is a layer of plain cells, h = f(x W^T + h' R^T + biases) (Elman 1990).
type rnn[T kernel.Float] struct {
	*recurrent[T]
	unit     [2]kernel.RNN[T]
	i        int // direction
	prod     stateProduct[T]
	fwd, bwd pieces
	clip     clipped[T]
	step     int
}

func bindRNN[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	k := &recurrent[T]{states: 1}
	if err := k.read(b, 1); err != nil {
		return nil, err
	}
	acts, err := k.activationsOf(b, kernel.ActTanh)
	if err != nil {
		return nil, err
	}
	c := &rnn[T]{recurrent: k, prod: newStateProduct(k, k.g, k.g, 1)}
	for i, a := range acts {
		c.unit[i] = kernel.RNN[T]{Hidden: k.h, Act: a[0]}
	}
	c.clip.limit = clipOf[T](b)
	c.fwd, c.bwd = newPieces(k.b, 8*k.g, c.forwardRows), newPieces(k.b, 8*k.g, c.backwardRows)
	k.cell = c
	return k, nil
}

func (c *rnn[T]) prepare(i int, r []T) { c.prod.pack(i, r) }

func (c *rnn[T]) workspace() (saved, scratch []graph.Spec) {
	return []graph.Spec{c.clip.spec(c.d, c.t, c.b, c.g)}, nil
}

func (c *rnn[T]) begin(i int, saved, _ []*tensor.Tensor) {
	c.i = i
	c.clip.begin(saved[0], i, c.d)
}

func (c *rnn[T]) inputBias(dst []T) { kernel.Add(dst, c.dir.bias[:c.g], c.dir.bias[c.g:]) }

func (c *rnn[T]) forward(p *kernel.Pool, t int) {
	d := &c.dir
	z := d.at(d.gates, t, c.g)
	c.prod.forward(p, c.i, z, d.at(d.state, d.prev(t), c.h), d.r)
	c.clip.apply(z, t)
	c.step = t
	c.fwd.do(p)
}

func (c *rnn[T]) forwardRows(from, to int) {
	d, t, n := &c.dir, c.step, c.h
	z, h, hNext := d.at(d.gates, t, n), d.at(d.state, d.prev(t), n), d.at(d.state, d.next(t), n)
	for r := from; r < to; {
		end, active := d.run(t, r, to)
		if active {
			c.unit[c.i].Forward(end-r, rowsIn(z, r, end, n), rowsIn(hNext, r, end, n))
		} else {
			copy(rowsIn(hNext, r, end, n), rowsIn(h, r, end, n))
		}
		r = end
	}
}

func (c *rnn[T]) backward(p *kernel.Pool, t int) {
	d := &c.dir
	c.step = t
	c.bwd.do(p)
	dz := d.at(d.dgates, t, c.g)
	c.clip.grad(dz, t)
	c.prod.backward(p, d.dh, dz, d.r)
}

func (c *rnn[T]) backwardRows(from, to int) {
	d, t, n := &c.dir, c.step, c.h
	dz, h := d.at(d.dgates, t, n), d.at(d.state, d.next(t), n)
	for r := from; r < to; {
		end, active := d.run(t, r, to)
		if active {
			c.unit[c.i].Backward(end-r, rowsIn(h, r, end, n), rowsIn(d.dh, r, end, n), rowsIn(dz, r, end, n))
			clear(rowsIn(d.dh, r, end, n))
		} else {
			clear(rowsIn(dz, r, end, n))
		}
		r = end
	}
}

func (c *rnn[T]) weightGrad(p *kernel.Pool, dr []T) {
	c.prod.weightGrad(p, dr, c.dir.dgates, c.dir.before())
}

func (c *rnn[T]) stateGates() []T { return c.dir.dgates }

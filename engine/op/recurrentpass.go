package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func (k *recurrent[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	if err := checkLens(elems[int32](in, recLens), k.t); err != nil {
		x.Fail(err)
		return
	}
	if k.batchFirst {
		swap(dataAt[T](x.Saved, 3), dataAt[T](in, recX), k.b, k.t, k.i)
	}
	for i := range k.d {
		k.begin(x, in, i)
		k.project(x, in, i)
		k.start(k.dir.state, dataAt[T](in, recH), i)
		if k.states == 2 {
			k.start(k.dir.cell, dataAt[T](in, recC), i)
		}
		for s := range k.t {
			k.cell.forward(x.Pool, k.order(s))
		}
		k.output(out, i)
	}
}

// order returns the time of the s-th step.
func (k *recurrent[T]) order(s int) int {
	if k.dir.reverse {
		return k.t - 1 - s
	}
	return s
}

// project sets the gates of all steps to X W^T and the biases.
func (k *recurrent[T]) project(x *graph.Exec, in []*tensor.Tensor, i int) {
	k.epi.Bias = nil
	if k.dir.bias != nil {
		k.epi.Bias = dataAt[T](x.Scratch, 3)
		k.cell.inputBias(k.epi.Bias)
	}
	k.proj.A, k.proj.B, k.proj.C = k.input(x, in), k.nth(dataAt[T](in, recW), i), k.dir.gates
	if k.packed != nil {
		kernel.GemmPacked(x.Pool, &k.proj, k.packed[i])
		return
	}
	kernel.Gemm(x.Pool, &k.proj)
}

// first returns where the initial state is in a list of states, last the final one.
func (k *recurrent[T]) first() int {
	if k.dir.reverse {
		return k.t
	}
	return 0
}

func (k *recurrent[T]) last() int { return k.t - k.first() }

// lastAt returns the offset of row b in the states that are inputs and outputs.
func (k *recurrent[T]) lastAt(i, b int) int {
	if k.batchFirst {
		return (b*k.d + i) * k.h
	}
	return (i*k.b + b) * k.h
}

// yAt returns the offset of row b at step t of output Y.
func (k *recurrent[T]) yAt(i, t, b int) int {
	if k.batchFirst {
		return ((b*k.t+t)*k.d + i) * k.h
	}
	return ((t*k.d+i)*k.b + b) * k.h
}

// start sets the initial state.
func (k *recurrent[T]) start(states, initial []T, i int) {
	s := k.dir.at(states, k.first(), k.h)
	if initial == nil {
		clear(s)
		return
	}
	k.gather(s, initial, i)
}

// gather copies the rows of direction i from states that are inputs or outputs,
// scatter copies them there.
func (k *recurrent[T]) gather(dst, src []T, i int) {
	for b := range k.b {
		copy(rowsIn(dst, b, b+1, k.h), src[k.lastAt(i, b):])
	}
}

func (k *recurrent[T]) scatter(dst, src []T, i int) {
	if dst == nil {
		return
	}
	for b := range k.b {
		copy(dst[k.lastAt(i, b):], rowsIn(src, b, b+1, k.h))
	}
}

func (k *recurrent[T]) output(out []*tensor.Tensor, i int) {
	d := &k.dir
	if y := dataAt[T](out, 0); y != nil {
		for t := range k.t {
			k.outputStep(y, d.at(d.state, d.next(t), k.h), i, t)
		}
	}
	k.scatter(dataAt[T](out, 1), d.at(d.state, k.last(), k.h), i)
	if k.states == 2 {
		k.scatter(dataAt[T](out, 2), d.at(d.cell, k.last(), k.h), i)
	}
}

func (k *recurrent[T]) outputStep(y, state []T, i, t int) {
	for b := range k.b {
		row := y[k.yAt(i, t, b):][:k.h]
		if _, active := k.dir.run(t, b, b+1); !active {
			clear(row)
			continue
		}
		copy(row, rowsIn(state, b, b+1, k.h))
	}
}

// BackwardReads implements graph.Frugal.
func (k *recurrent[T]) BackwardReads() (in, out []bool) {
	return []bool{recX: !k.batchFirst, recW: true, recR: true, recB: true, recLens: true, recP: true}, nil
}

func (k *recurrent[T]) Backward(x *graph.Exec, in, _, dout, din []*tensor.Tensor) {
	for i := range k.d {
		k.begin(x, in, i)
		k.dir.dpeep = k.nth(dataAt[T](din, recP), i)
		clear(k.dir.dpeep)
		k.endGrad(k.dir.dh, dataAt[T](dout, 1), i)
		if k.states == 2 {
			k.endGrad(k.dir.dc, dataAt[T](dout, 2), i)
		}
		for s := range k.t {
			t := k.order(k.t - 1 - s)
			if dy := dataAt[T](dout, 0); dy != nil {
				k.addOutput(dy, i, t)
			}
			k.cell.backward(x.Pool, t)
		}
		k.scatter(dataAt[T](din, recH), k.dir.dh, i)
		if k.states == 2 {
			k.scatter(dataAt[T](din, recC), k.dir.dc, i)
		}
		k.weightGrads(x, in, din, i)
	}
	if dx := dataAt[T](din, recX); dx != nil && k.batchFirst {
		swap(dx, dataAt[T](x.Scratch, 4), k.t, k.b, k.i)
	}
}

// endGrad starts with the gradient of a final state.
func (k *recurrent[T]) endGrad(dst, dlast []T, i int) {
	if dlast == nil {
		clear(dst)
		return
	}
	k.gather(dst, dlast, i)
}

// addOutput adds the gradient of the output of step t to dh.
func (k *recurrent[T]) addOutput(dy []T, i, t int) {
	for b := range k.b {
		if _, active := k.dir.run(t, b, b+1); active {
			row := rowsIn(k.dir.dh, b, b+1, k.h)
			kernel.Add(row, row, dy[k.yAt(i, t, b):][:k.h])
		}
	}
}

// weightGrads computes the gradients of W, R, B and X from those of the gates.
func (k *recurrent[T]) weightGrads(x *graph.Exec, in, din []*tensor.Tensor, i int) {
	dz := k.dir.dgates
	if dw := k.nth(dataAt[T](din, recW), i); dw != nil {
		k.dw.A, k.dw.B, k.dw.C = dz, k.input(x, in), dw
		kernel.Gemm(x.Pool, &k.dw)
	}
	if dr := k.nth(dataAt[T](din, recR), i); dr != nil {
		k.cell.weightGrad(x.Pool, dr)
	}
	if db := k.nth(dataAt[T](din, recB), i); db != nil {
		k.bias.sum(x.Pool, db[:k.g], dz, k.t*k.b, k.g, 1)
		k.bias.sum(x.Pool, db[k.g:], k.cell.stateGates(), k.t*k.b, k.g, 1)
	}
	if dx := dataAt[T](din, recX); dx != nil {
		k.dx.A, k.dx.B, k.dx.C, k.dx.Beta = dz, k.nth(dataAt[T](in, recW), i), dx, T(i)
		if k.batchFirst {
			k.dx.C = dataAt[T](x.Scratch, 4)
		}
		kernel.Gemm(x.Pool, &k.dx)
	}
}

// stateProduct multiplies states, B x K, by the transpose of rows of R, N x K,
// and gradients back by the rows themselves.
type stateProduct[T kernel.Float] struct {
	fwd, back, grad kernel.GemmArgs[T]
	packed          [2]*kernel.PackedB[T]
}

// newStateProduct plans it for n rows of R; the products lie in rows of ld elements.
func newStateProduct[T kernel.Float](k *recurrent[T], n, ld int, beta T) stateProduct[T] {
	return stateProduct[T]{
		fwd:  kernel.GemmArgs[T]{TransB: true, M: k.b, N: n, K: k.h, Alpha: 1, Beta: beta, LDA: k.h, LDB: k.h, LDC: ld},
		back: kernel.GemmArgs[T]{M: k.b, N: k.h, K: n, Alpha: 1, Beta: 1, LDA: ld, LDB: k.h, LDC: k.h},
		grad: kernel.GemmArgs[T]{TransA: true, M: n, N: k.h, K: k.t * k.b, Alpha: 1, LDA: ld, LDB: k.h, LDC: k.h},
	}
}

func (s *stateProduct[T]) pack(i int, r []T) {
	s.packed[i] = kernel.PackB(true, s.fwd.K, s.fwd.N, r, s.fwd.LDB)
}

// forward adds or sets z to state R^T for direction i.
func (s *stateProduct[T]) forward(p *kernel.Pool, i int, z, state, r []T) {
	s.fwd.A, s.fwd.B, s.fwd.C = state, r, z
	if s.packed[i] != nil {
		kernel.GemmPacked(p, &s.fwd, s.packed[i])
		return
	}
	kernel.Gemm(p, &s.fwd)
}

// backward adds dz R to dstate.
func (s *stateProduct[T]) backward(p *kernel.Pool, dstate, dz, r []T) {
	s.back.A, s.back.B, s.back.C = dz, r, dstate
	kernel.Gemm(p, &s.back)
}

// weightGrad sets dr to dz^T state over all steps.
func (s *stateProduct[T]) weightGrad(p *kernel.Pool, dr, dz, state []T) {
	s.grad.A, s.grad.B, s.grad.C = dz, state, dr
	kernel.Gemm(p, &s.grad)
}

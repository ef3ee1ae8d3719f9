package op

import "github.com/compress-toolkit/compress/engine/kernel"

// anyConv is a convolution along any number of axes, from a table of the inputs
// that each output reads: the slow path for what kernel.Conv does not have.
type anyConv[T kernel.Float] struct {
	s               convShape
	cg, mg, taps    int
	in, out         int      // elements of a plane
	table           []convAt // of all outputs, in order
	from            []int    // where those of an output start
	fwd, back, grad pieces
	x, w, y         []T
	e               *kernel.Epilogue[T]
	bias            chanSum[T]
}

// convAt is an element of the input's plane with the tap that it meets.
type convAt struct{ at, tap int }

func newAnyConv[T kernel.Float](s convShape) *anyConv[T] {
	k := &anyConv[T]{s: s, cg: s.c / s.groups, mg: s.m / s.groups, taps: product(s.kernel), in: product(s.in), out: product(s.out)}
	for o := range k.out {
		k.from = append(k.from, len(k.table))
		for tap := range k.taps {
			if at, ok := s.tap(o, tap); ok {
				k.table = append(k.table, convAt{at, tap})
			}
		}
	}
	k.from = append(k.from, len(k.table))
	cost := len(k.table) * k.cg
	k.fwd, k.back, k.grad = newPieces(s.n*s.m, cost, k.forward), newPieces(s.n*s.groups, cost*k.mg, k.backward), newPieces(s.m, cost*s.n, k.weights)
	return k
}

// tap returns where in a plane tap k of window o lies, or that it lies outside.
func (w *window) tap(o, k int) (at int, inside bool) {
	inside = true
	for d, step := len(w.in)-1, 1; d >= 0; d-- {
		i := o%w.out[d]*w.stride[d] - w.before[d] + k%w.kernel[d]*w.dil[d]
		o, k = o/w.out[d], k/w.kernel[d]
		inside = inside && i >= 0 && i < w.in[d]
		at, step = at+i*step, step*w.in[d]
	}
	return at, inside
}

// Prepack has nothing to prepare.
func (k *anyConv[T]) Prepack([]T) {}

// Forward is as that of kernel.Conv.
func (k *anyConv[T]) Forward(p *kernel.Pool, x, w, y []T, e *kernel.Epilogue[T]) {
	k.x, k.w, k.y, k.e = x, w, y, e
	k.fwd.do(p)
}

// plane returns the planes of x that output channel m of image n reads, and its weights.
func (k *anyConv[T]) plane(n, m int) (x, w []T) {
	first := n*k.s.c + m/k.mg*k.cg
	return k.x[first*k.in : (first+k.cg)*k.in], k.w[m*k.cg*k.taps : (m+1)*k.cg*k.taps]
}

func (k *anyConv[T]) forward(from, to int) {
	for i := from; i < to; i++ {
		x, w := k.plane(i/k.s.m, i%k.s.m)
		y := k.y[i*k.out : (i+1)*k.out]
		for o := range y {
			var sum T
			for c := range k.cg {
				for _, t := range k.table[k.from[o]:k.from[o+1]] {
					sum += x[c*k.in+t.at] * w[c*k.taps+t.tap]
				}
			}
			if k.e != nil && k.e.Bias != nil {
				sum += k.e.Bias[i%k.s.m]
			}
			y[o] = sum
		}
	}
}

// BackwardInput is as that of kernel.Conv.
func (k *anyConv[T]) BackwardInput(p *kernel.Pool, dy, w, dx []T) {
	k.x, k.w, k.y = dx, w, dy
	clear(dx)
	k.back.do(p)
}

// backward adds the gradients of groups of images.
func (k *anyConv[T]) backward(from, to int) {
	for i := from; i < to; i++ {
		n, g := i/k.s.groups, i%k.s.groups
		for m := g * k.mg; m < (g+1)*k.mg; m++ {
			dx, w := k.plane(n, m)
			for o, d := range k.y[(n*k.s.m+m)*k.out:][:k.out] {
				for c := range k.cg {
					for _, t := range k.table[k.from[o]:k.from[o+1]] {
						dx[c*k.in+t.at] += d * w[c*k.taps+t.tap]
					}
				}
			}
		}
	}
}

// BackwardWeight is as that of kernel.Conv.
func (k *anyConv[T]) BackwardWeight(p *kernel.Pool, x, dy, dw []T) {
	k.x, k.w, k.y = x, dw, dy
	clear(dw)
	k.grad.do(p)
}

func (k *anyConv[T]) weights(from, to int) {
	for m := from; m < to; m++ {
		for n := range k.s.n {
			x, dw := k.plane(n, m)
			for o, d := range k.y[(n*k.s.m+m)*k.out:][:k.out] {
				for c := range k.cg {
					for _, t := range k.table[k.from[o]:k.from[o+1]] {
						dw[c*k.taps+t.tap] += d * x[c*k.in+t.at]
					}
				}
			}
		}
	}
}

// BackwardBias is as that of kernel.Conv.
func (k *anyConv[T]) BackwardBias(p *kernel.Pool, dy, db []T) {
	k.bias.sum(p, db, dy, k.s.n, k.s.m, k.out)
}

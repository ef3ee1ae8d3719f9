package optest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

const (
	directions = 3
	stepSize   = 1e-5 // of central differences in float64
	gradTol    = 1e-6
)

// backward checks the gradient.
func (c *checker) backward() {
	k, err := c.bind(c.in, true)
	if err != nil {
		c.t.Fatalf("bind: %v", err)
	}
	wrt := c.wrt()
	_, has := k.(graph.Backwarder)
	switch {
	case !slices.Contains(wrt, true): // nothing to differentiate
		return
	case c.s.NoGrad == has:
		c.t.Fatalf("NoGrad is %v and the kernel has a gradient: %v", c.s.NoGrad, has)
	case c.s.NoGrad:
		return
	}
	dout := c.seeds()
	din := c.gradient(c.one, dout, wrt)
	sameBits(c.t, "gradient on other threads", c.gradient(c.two, dout, wrt), din)
	c.gradClaims(dout, din, wrt)
	c.alone(dout, din, wrt)
	c.gradAllocs(dout, wrt)
	if slices.ContainsFunc(c.in, isF64) {
		c.differences(dout, din, wrt)
		c.eachOutput(dout, wrt)
	}
}

// wrt lists the inputs to differentiate.
func (c *checker) wrt() []bool {
	wrt := make([]bool, len(c.in))
	for i, t := range c.s.In {
		switch {
		case !isF64(t):
		case c.s.Grad != nil:
			wrt[i] = i < len(c.s.Grad) && c.s.Grad[i]
		default:
			wrt[i] = !slices.Contains(c.s.Const, i)
		}
	}
	return wrt
}

// seeds returns random gradients of the floating-point outputs.
func (c *checker) seeds() []*tensor.Tensor {
	dout := make([]*tensor.Tensor, len(c.want))
	for i, w := range c.want {
		if w != nil && (w.DType() == tensor.F32 || w.DType() == tensor.F64) {
			dout[i] = random(w, tensor.NewRand(uint64(i), "dout"))
		}
	}
	return dout
}

// random returns standard normal numbers in the type and shape of like.
func random(like *tensor.Tensor, r tensor.Rand) *tensor.Tensor {
	t := tensor.New(like.DType(), like.Shape())
	for i := range t.Len() {
		if t.DType() == tensor.F64 {
			tensor.Data[float64](t)[i] = r.Normal(uint64(i))
		} else {
			t.F32s()[i] = float32(r.Normal(uint64(i)))
		}
	}
	return t
}

// dins returns gradients of the inputs in wrt, filled with NaN.
func (c *checker) dins(wrt []bool) []*tensor.Tensor {
	din := make([]*tensor.Tensor, len(c.in))
	for i, w := range wrt {
		if w {
			din[i] = tensor.New(c.in[i].DType(), c.in[i].Shape())
			poison(din[i])
		}
	}
	return din
}

// gradient runs both passes and returns the gradients of the inputs.
func (c *checker) gradient(pool *kernel.Pool, dout []*tensor.Tensor, wrt []bool) []*tensor.Tensor {
	c.t.Helper()
	r := c.start(c.in, pool, 0xff)
	r.forward()
	in, out, seeds := cloneAll(c.in), cloneAll(r.out), cloneAll(dout)
	for _, s := range r.x.Scratch {
		poison(s)
	}
	din := c.dins(wrt)
	r.k.(graph.Backwarder).Backward(r.x, r.in, r.out, dout, din)
	c.guards(r, 0xff)
	sameBits(c.t, "inputs after Backward", c.in, in)
	sameBits(c.t, "outputs after Backward", r.out, out)
	sameBits(c.t, "gradients of the outputs after Backward", dout, seeds)
	return din
}

// gradClaims checks what the kernel says about its backward pass.
func (c *checker) gradClaims(dout, want []*tensor.Tensor, wrt []bool) {
	c.t.Helper()
	r := c.start(cloneAll(c.in), c.two, 0xff)
	r.forward()
	poisonUnread(r)
	din := c.dins(wrt)
	r.k.(graph.Backwarder).Backward(r.x, r.in, r.out, dout, din)
	sameBits(c.t, "gradient without what BackwardReads leaves out", din, want)
	c.passClaims(r.k, dout, want)
	if p, ok := r.k.(graph.InPlacer); ok && wrt[0] && dout[0] != nil && dout[0].Bytes() == c.in[0].Bytes() {
		if _, back := p.InPlace(); back {
			over := cloneAll(dout)
			din = c.dins(wrt)
			din[0] = over[0].View(c.in[0].Shape())
			r.k.(graph.Backwarder).Backward(r.x, r.in, r.out, over, din)
			sameBits(c.t, "gradient in place", din, want)
		}
	}
}

// poisonUnread fills what the kernel's Backward says not to read.
func poisonUnread(r *run) {
	in, out := make([]bool, len(r.in)), make([]bool, len(r.out))
	if f, ok := r.k.(graph.Frugal); ok {
		fi, fo := f.BackwardReads()
		copy(in, fi)
		copy(out, fo)
	} else if _, ok := r.k.(graph.Aliaser); !ok {
		return
	}
	for i, t := range r.in {
		if !in[i] {
			poison(t)
		}
	}
	for i, t := range r.out {
		if !out[i] {
			poison(t)
		}
	}
}

// passClaims checks that gradients which may share memory are equal.
func (c *checker) passClaims(k graph.Kernel, dout, din []*tensor.Tensor) {
	c.t.Helper()
	pass := make([]bool, len(din))
	if a, ok := k.(graph.Aliaser); ok {
		pass[a.Alias()] = true
	}
	if p, ok := k.(graph.PassThrough); ok {
		copy(pass, p.GradPass())
	}
	for i, d := range din {
		if pass[i] && d != nil && (d.Len() != dout[0].Len() || !equalBits(d, dout[0])) {
			c.t.Errorf("the gradient of input %d is not that of the output, as the kernel says", i)
		}
	}
}

// alone checks that each gradient is the same when no other is wanted.
func (c *checker) alone(dout, want []*tensor.Tensor, wrt []bool) {
	c.t.Helper()
	for i, w := range wrt {
		if !w {
			continue
		}
		only := make([]bool, len(wrt))
		only[i] = true
		got := c.gradient(c.one, dout, only)
		sameBits(c.t, fmt.Sprintf("gradient of input %d alone", i), got[i:i+1], want[i:i+1])
	}
}

func (c *checker) gradAllocs(dout []*tensor.Tensor, wrt []bool) {
	c.t.Helper()
	r := c.start(c.in, c.two, 0)
	r.forward()
	din := c.dins(wrt)
	b := r.k.(graph.Backwarder)
	if n := testing.AllocsPerRun(3, func() { b.Backward(r.x, r.in, r.out, dout, din) }); n > 0 {
		c.t.Errorf("Backward makes %g allocations", n)
	}
}

// eachOutput checks the gradient with one output's gradient at a time; the others are nil.
func (c *checker) eachOutput(dout []*tensor.Tensor, wrt []bool) {
	if len(dout) < 2 {
		return
	}
	for i := range dout {
		if dout[i] == nil {
			continue
		}
		only := make([]*tensor.Tensor, len(dout))
		only[i] = dout[i]
		c.differences(only, c.gradient(c.one, only, wrt), wrt)
	}
}

// differences compares the gradient with central differences of sum dout*out
// along random directions: of each input alone, then of all.
func (c *checker) differences(dout, din []*tensor.Tensor, wrt []bool) {
	c.t.Helper()
	for n := range directions {
		all := make([]*tensor.Tensor, len(din))
		for i, d := range din {
			if d == nil {
				continue
			}
			one := make([]*tensor.Tensor, len(din))
			one[i] = random(d, tensor.NewRand(uint64(n), "direction", fmt.Sprint(i)))
			all[i] = one[i]
			c.direction(fmt.Sprintf("input %d", i), dout, din, one)
		}
		c.direction("all inputs", dout, din, all)
	}
}

func (c *checker) direction(what string, dout, din, dir []*tensor.Tensor) {
	c.t.Helper()
	var got float64
	for i, d := range dir {
		if d != nil {
			got += dot(din[i], d)
		}
	}
	want := (c.loss(dout, dir, stepSize) - c.loss(dout, dir, -stepSize)) / (2 * stepSize)
	if !near(got, want, gradTol) || math.IsNaN(got) {
		c.t.Errorf("derivative along a direction of %s is %v, differences give %v", what, got, want)
	}
}

// loss returns sum dout*out at the inputs moved by h along dir.
func (c *checker) loss(dout, dir []*tensor.Tensor, h float64) float64 {
	in := cloneAll(c.in)
	for i, d := range dir {
		if d == nil {
			continue
		}
		x := tensor.Data[float64](in[i])
		for j, v := range tensor.Data[float64](d) {
			x[j] += h * v
		}
	}
	r := c.start(in, c.one, 0)
	r.forward()
	var sum float64
	for i, d := range dout {
		if d != nil {
			sum += dot(d, r.out[i])
		}
	}
	return sum
}

func dot(a, b *tensor.Tensor) float64 {
	x, y := toFloats(a), toFloats(b)
	var s float64
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

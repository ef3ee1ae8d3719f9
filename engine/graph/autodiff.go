package graph

import (
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// gradient is the gradient of the loss with respect to one value.
type gradient struct {
	v       *value
	slot    *slot
	t       *tensor.Tensor
	written bool // a contribution has been planned
}

// backStep is one node of the backward pass.
type backStep struct {
	st        *step
	bw        Backwarder
	dout, din []*tensor.Tensor
	adds      []gradAdd
	direct    []bool // din[i] goes straight into the value's gradient
	tmp       []*slot
	skip      bool // everything is shared memory
	part      part
	stepper   Stepper // if it can update a parameter
}

// gradAdd adds a further contribution to a gradient.
type gradAdd struct {
	to *gradient
	in int // index of din
}

// differentiate decides which values have gradients and lists the backward
// steps: reverse accumulation over the nodes that lie on a path from wrt to the loss.
func (c *compiler) differentiate() error {
	if c.o.Loss == "" {
		return nil
	}
	loss := c.values[c.o.Loss]
	if !loss.known || loss.spec.Shape.Size() != 1 || !loss.spec.DType.IsFloat() {
		return fmt.Errorf("graph: loss %q is %v%v, want one floating-point element", c.o.Loss, loss.spec.DType, loss.spec.Shape)
	}
	reached := c.dependsOnWrt()
	if !reached[loss] {
		return fmt.Errorf("graph: loss %q depends on none of the parameters that gradients are wanted of", c.o.Loss)
	}
	active := map[*value]bool{loss: true}
	for _, st := range slices.Backward(c.steps) {
		if !slices.ContainsFunc(st.outV, func(v *value) bool { return v != nil && active[v] }) {
			continue
		}
		if err := c.addBackStep(st, reached, active); err != nil {
			return err
		}
	}
	c.deferParams()
	c.seed = tensor.New(loss.spec.DType, loss.spec.Shape)
	if loss.spec.DType == tensor.F64 {
		tensor.Data[float64](c.seed)[0] = 1
	} else {
		c.seed.F32s()[0] = 1
	}
	loss.grad.t = c.seed
	return nil
}

// dependsOnWrt marks what gradients are wanted of and all that is computed from it.
func (c *compiler) dependsOnWrt() map[*value]bool {
	reached := map[*value]bool{}
	for _, name := range c.o.Wrt {
		reached[c.values[name]] = true
	}
	if c.o.Wrt == nil {
		for _, v := range c.order {
			if v.param != nil && v.param.Trainable && v.spec.DType.IsFloat() {
				reached[v] = true
			}
		}
	}
	for _, st := range c.steps {
		if !slices.ContainsFunc(st.inV, func(v *value) bool { return v != nil && reached[v] }) {
			continue
		}
		for _, v := range st.outV {
			if v != nil && (!v.known || v.spec.DType.IsFloat()) {
				reached[v] = true
			}
		}
	}
	return reached
}

func (c *compiler) addBackStep(st *step, reached, active map[*value]bool) error {
	wanted := func(v *value) bool { return v != nil && reached[v] && v.known && v.spec.DType.IsFloat() }
	if !slices.ContainsFunc(st.inV, func(v *value) bool { return v != nil && reached[v] }) {
		return nil
	}
	bw, ok := st.kernel.(Backwarder)
	if !ok {
		why := "the operator has no gradient"
		if st.kernel == nil {
			why = "its shapes depend on data"
		}
		return fmt.Errorf("graph: cannot differentiate through node %q (%s): %s", st.node.Name, st.node.Op, why)
	}
	b := &backStep{st: st, bw: bw}
	for _, v := range st.outV {
		if v != nil && active[v] && v.grad == nil {
			v.grad = &gradient{v: v} // the loss itself
		}
	}
	for _, v := range st.inV {
		if !wanted(v) {
			continue
		}
		active[v] = true
		if v.grad == nil {
			v.grad = &gradient{v: v}
		}
	}
	c.back = append(c.back, b)
	return nil
}

// backwardReads reports which inputs and outputs the kernel's Backward reads.
func backwardReads(k Kernel, nIn, nOut int) (in, out []bool) {
	in, out = make([]bool, nIn), make([]bool, nOut)
	if _, ok := k.(Aliaser); ok {
		return in, out
	}
	if f, ok := k.(Frugal); ok {
		fi, fo := f.BackwardReads()
		copy(in, fi)
		copy(out, fo)
		return in, out
	}
	for i := range in {
		in[i] = true
	}
	for i := range out {
		out[i] = true
	}
	return in, out
}

package graph

import (
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// A session compiled with Options.Steps computes gradients in two halves, so that
// parameters may change while the second runs: by then nothing reads them any more.

// part is what of a node's gradients a backward step computes.
type part uint8

const (
	partAll    part = iota
	partData        // of values
	partParams      // of parameters
)

func (p part) has(v *value) bool { return p == partAll || (p == partParams) == (v.param != nil) }

// deferParams moves the gradients of what can be updated behind all others, with
// those of the same nodes' other parameters.
func (c *compiler) deferParams() {
	var last []*backStep
	users := c.users()
	c.data = len(c.back)
	if !c.o.Steps {
		return
	}
	for j := 0; j < c.data; {
		b := c.back[j]
		k := stepInput(b, users)
		if k == nil {
			j++
			continue
		}
		d := &backStep{st: b.st, bw: b.bw, part: partParams, stepper: k}
		last = append(last, d)
		if b.part = partData; !b.wants() {
			c.back = append(c.back[:j], c.back[j+1:]...)
			c.data--
			continue
		}
		j++
	}
	c.back = append(c.back, last...)
}

// users counts the nodes' inputs, those of subgraphs too, that are each value.
func (c *compiler) users() map[Value]int {
	n := map[Value]int{}
	for _, st := range c.steps {
		for _, v := range st.node.Uses() {
			n[v]++
		}
	}
	for _, v := range c.m.Graph.OutputValues() {
		n[v]++
	}
	return n
}

// stepInput returns the kernel of b if it can update one of its inputs.
func stepInput(b *backStep, users map[Value]int) Stepper {
	k, ok := b.bw.(Stepper)
	if !ok || k.StepInput() < 0 {
		return nil
	}
	v := b.st.inV[k.StepInput()]
	if v == nil || v.param == nil || v.grad == nil || users[v.name] != 1 {
		return nil
	}
	for i, other := range b.st.inV {
		if other == v && i != k.StepInput() {
			return nil
		}
	}
	return k
}

// wants reports whether b has anything to compute.
func (b *backStep) wants() bool {
	for _, v := range b.st.inV {
		if v != nil && v.grad != nil && b.part.has(v) {
			return true
		}
	}
	return false
}

// stepped returns the parameter that b can update.
func (b *backStep) stepped() *value { return b.st.inV[b.stepper.StepInput()] }

// Steppable returns the parameters that BackwardParams can update, in a fixed order.
func (s *Session) Steppable() []Value { return s.stepped }

// BackwardData is the first half of Backward. What is left are the gradients of the
// steppable parameters, and those of the other parameters of the same nodes.
func (s *Session) BackwardData() error { return s.backward(s.back[:s.data]) }

// BackwardParams is the second half of Backward. Where step, if not nil, returns a
// step for a steppable parameter, that is updated and its gradient is not written; the
// result is the sum of the squares of such gradients.
func (s *Session) BackwardParams(step func(Value) *kernel.WeightStep[float32]) (sumSq float64, err error) {
	for i, b := range s.back[s.data:] {
		var u *kernel.WeightStep[float32]
		if step != nil {
			u = step(s.stepped[i])
		}
		b.stepper.SetStep(u)
		err := s.backward(s.back[s.data+i:][:1])
		b.stepper.SetStep(nil)
		if err != nil {
			return 0, err
		}
		if u != nil {
			sumSq += b.stepper.StepSumSq()
		}
	}
	return sumSq, nil
}

// Bounded reports, after BackwardData, whether it is certain that no number of the
// second half, and no sum of the squares of gradients, overflows or is not a number.
func (s *Session) Bounded() bool {
	t := &s.bound
	if t.sums == nil {
		for _, b := range s.back[s.data:] {
			x, y := b.stepper.Factors(b.st.in, b.dout)
			t.add(x)
			t.add(y)
		}
		t.sums = make([]float32, len(t.parts))
	}
	s.pool.Do(t, len(t.parts))
	// An element of a product of matrices, and every partial sum in its computation,
	// is at most the product of their Frobenius norms. A sum of a gradient's columns is
	// at most the square root of their number times its norm.
	const most = 1e16
	sum := 0.0
	for _, x := range t.sums {
		sum += float64(x)
	}
	return sum < most
}

// boundTask sums the squares of pieces of matrices.
type boundTask struct {
	parts [][]float32
	sums  []float32
}

func (t *boundTask) add(x *tensor.Tensor) {
	const size = 1 << 13
	for s := x.F32s(); len(s) > 0; s = s[min(size, len(s)):] {
		t.parts = append(t.parts, s[:min(size, len(s))])
	}
}

// Run implements kernel.Task.
func (t *boundTask) Run(_, i int) { t.sums[i] = kernel.SumSq(t.parts[i]) }

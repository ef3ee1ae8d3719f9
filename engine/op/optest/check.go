package optest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Check checks one sample.
func Check(t *testing.T, s Sample) {
	op, ok := graph.LookupOp(s.Node.Domain, s.Node.Op)
	if !ok {
		t.Fatalf("operator %q is not registered", opName(s.Node))
	}
	s = s.complete()
	if _, late := op.(graph.Controller); late {
		checkSessions(t, s)
		return
	}
	one, two := kernel.NewPool(1), kernel.NewPool(2)
	defer one.Close()
	defer two.Close()
	for _, in := range s.variants() {
		t.Run(variantName(in), func(t *testing.T) {
			c := &checker{t: t, s: s, op: op, in: in, one: one, two: two}
			c.forward()
			if !t.Failed() {
				c.backward()
			}
		})
	}
	if !t.Failed() {
		checkSessions(t, s)
	}
}

// complete fills in defaults.
func (s Sample) complete() Sample {
	s.Node.Name = "sample"
	s.Node.In = make([]graph.Value, len(s.In))
	for i, in := range s.In {
		if in != nil {
			s.Node.In[i] = graph.Value(fmt.Sprintf("in%d", i))
		}
	}
	s.Node.Out = make([]graph.Value, max(1, s.NOut))
	for i := range s.Node.Out {
		if !slices.Contains(s.Skip, i) {
			s.Node.Out[i] = graph.Value(fmt.Sprintf("out%d", i))
		}
	}
	if s.Tol == 0 {
		s.Tol = 1e-5
	}
	return s
}

// variants returns the inputs as given and, when there are float64 ones, in float32.
func (s Sample) variants() [][]*tensor.Tensor {
	vs := [][]*tensor.Tensor{s.In}
	if slices.ContainsFunc(s.In, isF64) {
		vs = append(vs, toF32(s.In))
	}
	return vs
}

func isF64(t *tensor.Tensor) bool { return t != nil && t.DType() == tensor.F64 }

// variantName names a variant after its first floating-point type.
func variantName(in []*tensor.Tensor) string {
	for _, t := range in {
		if t != nil && t.DType().IsFloat() {
			return t.DType().String()
		}
	}
	return "exact"
}

// constant reports whether input i is offered as a constant at bind time.
func (s Sample) constant(i int) bool {
	return !s.Live && (!s.In[i].DType().IsFloat() || slices.Contains(s.Const, i))
}

// checker checks one variant of one sample.
type checker struct {
	t        *testing.T
	s        Sample
	op       graph.Op
	in       []*tensor.Tensor
	one, two *kernel.Pool
	want     []*tensor.Tensor // outputs on one thread
}

// run is a kernel with memory to run it once.
type run struct {
	k   graph.Kernel
	x   *graph.Exec
	in  []*tensor.Tensor
	out []*tensor.Tensor
	g   []guarded
}

// bind binds the sample's node to in.
func (c *checker) bind(in []*tensor.Tensor, consts bool) (graph.Kernel, error) {
	n := c.s.Node
	b := &graph.Bind{Node: &n, In: make([]graph.Spec, len(in)), Train: c.s.Train}
	for i, t := range in {
		if t == nil {
			continue
		}
		b.In[i] = graph.Spec{DType: t.DType(), Shape: t.Shape()}
		if consts && c.s.constant(i) {
			b.In[i].Const = t
		}
	}
	return c.op.Bind(b)
}

// start binds the node and makes its memory, all of it filled.
func (c *checker) start(in []*tensor.Tensor, pool *kernel.Pool, fill byte) *run {
	c.t.Helper()
	k, err := c.bind(in, true)
	if err != nil {
		c.t.Fatalf("bind: %v", err)
	}
	return c.memory(k, in, pool, fill)
}

func (c *checker) memory(k graph.Kernel, in []*tensor.Tensor, pool *kernel.Pool, fill byte) *run {
	c.t.Helper()
	specs := k.Out()
	if len(specs) < len(c.s.Node.Out) {
		c.t.Fatalf("the kernel has %d outputs, the node %d", len(specs), len(c.s.Node.Out))
	}
	r := &run{k: k, in: in, x: &graph.Exec{Pool: pool, Rand: tensor.NewRand(1, "optest")}}
	r.out = make([]*tensor.Tensor, len(c.s.Node.Out))
	for i, name := range c.s.Node.Out {
		if name == "" {
			continue
		}
		g := newGuarded(specs[i], fill)
		r.out[i], r.g = g.t, append(r.g, g)
	}
	if w, ok := k.(graph.Workspacer); ok {
		saved, scratch := w.Workspace()
		r.x.Saved, r.x.Scratch = r.filled(saved, fill), r.filled(scratch, fill)
	}
	return r
}

func (r *run) filled(specs []graph.Spec, fill byte) []*tensor.Tensor {
	var ts []*tensor.Tensor
	for _, s := range specs {
		g := newGuarded(s, fill)
		r.g = append(r.g, g)
		ts = append(ts, g.t)
	}
	return ts
}

func (r *run) forward() { r.k.Forward(r.x, r.in, r.out) }

// forward checks the forward pass.
func (c *checker) forward() {
	before := cloneAll(c.in)
	r := c.start(c.in, c.one, 0xff)
	r.forward()
	c.want = cloneAll(r.out)
	sameBits(c.t, "inputs after Forward", c.in, before)
	c.guards(r, 0xff)
	c.wanted(r.out)

	zero := c.start(c.in, c.two, 0)
	zero.forward()
	sameBits(c.t, "other threads and other garbage in the outputs", zero.out, c.want)
	c.guards(zero, 0)
	c.unknown()
	c.prepared()
	c.claims()
	if n := testing.AllocsPerRun(3, zero.forward); n > 0 {
		c.t.Errorf("Forward makes %g allocations", n)
	}
}

func (c *checker) guards(r *run, fill byte) {
	c.t.Helper()
	for i, g := range r.g {
		if !g.intact(fill) {
			c.t.Errorf("the kernel wrote outside of output or workspace %d", i)
		}
	}
}

// wanted compares outputs with the sample's.
func (c *checker) wanted(out []*tensor.Tensor) {
	c.t.Helper()
	for i, w := range c.s.Want {
		if w != nil {
			compare(c.t, fmt.Sprintf("output %d", i), out[i], w, c.s.Tol)
		}
	}
}

// unknown binds without constants: the kernel must say that it needs them, or
// do the same without.
func (c *checker) unknown() {
	c.t.Helper()
	k, err := c.bind(c.in, false)
	if errors.Is(err, graph.ErrNeedValue) {
		return
	}
	if err != nil {
		c.t.Errorf("bind without constants: %v", err)
		return
	}
	r := c.memory(k, c.in, c.one, 0xff)
	r.forward()
	sameBits(c.t, "bound without constants", r.out, c.want)
}

// prepared gives all inputs but the first as constants to Prepare.
func (c *checker) prepared() {
	c.t.Helper()
	r := c.start(c.in, c.two, 0xff)
	p, ok := r.k.(graph.Preparer)
	if !ok {
		return
	}
	consts := slices.Clone(c.in)
	consts[0] = nil
	p.Prepare(consts)
	r.forward()
	for i, w := range c.want {
		if w != nil {
			compare(c.t, fmt.Sprintf("prepared: output %d", i), r.out[i], w, c.s.Tol)
		}
	}
}

// claims checks Aliaser and InPlacer in the forward direction.
func (c *checker) claims() {
	c.t.Helper()
	r := c.start(c.in, c.two, 0)
	if a, ok := r.k.(graph.Aliaser); ok {
		in := c.in[a.Alias()]
		if in.DType() != c.want[0].DType() || in.Len() != c.want[0].Len() || !equalBits(in, c.want[0]) {
			c.t.Errorf("the output does not have the elements of input %d, as Alias says", a.Alias())
		}
	}
	p, ok := r.k.(graph.InPlacer)
	if !ok {
		return
	}
	if fwd, _ := p.InPlace(); fwd && c.in[0].DType() != tensor.String && c.in[0].Bytes() == c.want[0].Bytes() {
		r.in = cloneAll(c.in)
		r.out[0] = tensor.OfRaw(c.want[0].DType(), c.want[0].Shape(), r.in[0].Raw())
		r.forward()
		sameBits(c.t, "in place", r.out, c.want)
	}
}

// compare fails the test when two tensors are not near each other. Types may
// differ when both are floating-point; others must be equal.
func compare(t *testing.T, what string, got, want *tensor.Tensor, tol float64) {
	t.Helper()
	floating := got != nil && got.DType().IsFloat() && want.DType().IsFloat()
	if got == nil || !got.Shape().Equal(want.Shape()) || !floating && got.DType() != want.DType() {
		t.Errorf("%s is %v, want %v", what, got, want)
		return
	}
	if !floating {
		tol = 0
	}
	if want.DType() == tensor.String {
		if !equalBits(got, want) {
			t.Errorf("%s: %q, want %q", what, tensor.Data[string](got), tensor.Data[string](want))
		}
		return
	}
	if d := firstDiff(got, want, tol); d != "" {
		t.Errorf("%s: %s", what, d)
	}
}

// firstDiff describes the first element that differs, or is "".
func firstDiff(got, want *tensor.Tensor, tol float64) string {
	g, w := toFloats(got), toFloats(want)
	for i := range w {
		if !near(g[i], w[i], tol) {
			return fmt.Sprintf("element %d of %v is %v, want %v", i, want.Shape(), g[i], w[i])
		}
	}
	if tol == 0 && !equalBits(got, want) && got.DType() == want.DType() {
		return "values differ in their bits"
	}
	return ""
}

package graph

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
)

func nearest(name string, known []string) string { return registry.Nearest(name, known) }

// Session runs one compiled graph at fixed input shapes. It is for one
// goroutine at a time; its kernels use the pool. Forward and Backward allocate
// nothing, unless some shapes depend on data.
type Session struct {
	steps   []*step
	back    []*backStep
	data    int // of back: the steps of BackwardData
	stepped []Value
	values  map[Value]*value
	inputs  []Value
	outputs []Value
	arena   []byte
	pool    *kernel.Pool
	step    uint64
	subs    map[*Graph][]*subSession
	parent  *Session
	adder   addTask
	bound   boundTask
}

// session builds the session from the plan.
func (c *compiler) session() *Session {
	s := &Session{steps: c.steps, back: c.back, data: c.data, values: c.values, outputs: c.m.Graph.OutputValues(), pool: c.o.Pool}
	params := c.m.Graph.ParamIndex()
	for _, p := range c.m.Graph.Inputs {
		if params[p.Name] == nil {
			s.inputs = append(s.inputs, p.Name)
		}
	}
	s.arena = c.makeArena()
	for _, v := range c.order {
		if v.t == nil && v.known {
			v.t = c.place(s.arena, v.slot, v.spec)
		}
		if g := v.grad; g != nil && g.slot != nil {
			g.t = c.place(s.arena, g.slot, v.spec)
		}
	}
	for _, st := range c.steps {
		c.finishStep(st, s.arena)
	}
	for _, b := range c.back {
		c.finishBackStep(b, s.arena)
	}
	for _, b := range c.back[c.data:] {
		s.stepped = append(s.stepped, b.stepped().name)
	}
	return s
}

func (c *compiler) makeArena() []byte {
	n := 0
	for _, s := range c.slots {
		if g := s.group; !g.fixed() {
			n = max(n, g.offset+roundUp(s.bytes))
		}
	}
	raw := make([]byte, n+align)
	shift := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw))) % align)
	return raw[shift : shift+n : shift+n]
}

// place returns the tensor of a slot.
func (c *compiler) place(arena []byte, s *slot, spec Spec) *tensor.Tensor {
	g := s.group
	if g.ext == nil && g.fixed() {
		g.ext = tensor.New(spec.DType, spec.Shape)
	}
	if g.ext != nil {
		return g.ext.View(spec.Shape)
	}
	return tensor.OfRaw(spec.DType, spec.Shape, arena[g.offset:g.offset+s.bytes:g.offset+s.bytes])
}

func (c *compiler) finishStep(st *step, arena []byte) {
	tensors := func(vs []*value) []*tensor.Tensor {
		ts := make([]*tensor.Tensor, len(vs))
		for i, v := range vs {
			if v != nil {
				ts[i] = v.t
			}
		}
		return ts
	}
	st.in, st.out = tensors(st.inV), tensors(st.outV)
	st.x.Pool = c.o.Pool
	if w, ok := st.kernel.(Workspacer); ok {
		saved, scratch := w.Workspace()
		for i, s := range saved {
			st.x.Saved = append(st.x.Saved, c.place(arena, st.saved[i], s))
		}
		for i, s := range scratch {
			st.x.Scratch = append(st.x.Scratch, c.place(arena, st.scratch[i], s))
		}
	}
	if p, ok := st.kernel.(Preparer); ok && !c.live() {
		consts := make([]*tensor.Tensor, len(st.inV))
		for i, v := range st.inV {
			if v != nil {
				consts[i] = v.spec.Const
			}
		}
		p.Prepare(consts)
	}
}

func (c *compiler) finishBackStep(b *backStep, arena []byte) {
	b.dout = make([]*tensor.Tensor, len(b.st.outV))
	for i, v := range b.st.outV {
		if v != nil && v.grad != nil {
			b.dout[i] = v.grad.t
		}
	}
	b.din = make([]*tensor.Tensor, len(b.st.inV))
	for i, v := range b.st.inV {
		switch {
		case v == nil || v.grad == nil || !b.part.has(v):
		case b.tmp[i] != nil:
			b.din[i] = c.place(arena, b.tmp[i], v.spec)
		case b.direct[i]:
			b.din[i] = v.grad.t
		}
	}
}

// Inputs returns the names of the values that must be fed.
func (s *Session) Inputs() []Value { return s.inputs }

// Outputs returns the names of the graph's outputs.
func (s *Session) Outputs() []Value { return s.outputs }

// Tensor returns the tensor of an input, a parameter, an output or a fetched
// value, or nil. The caller writes inputs before Forward; other contents are valid until
// the next Forward.
func (s *Session) Tensor(v Value) *tensor.Tensor {
	if x := s.values[v]; x != nil {
		return x.t
	}
	return nil
}

// Feed copies t into the input v.
func (s *Session) Feed(v Value, t *tensor.Tensor) error {
	if !slices.Contains(s.inputs, v) {
		return fmt.Errorf("graph: no input %q (inputs: %v)", v, s.inputs)
	}
	in := s.values[v].t
	if in.DType() != t.DType() || !in.Shape().Equal(t.Shape()) {
		return fmt.Errorf("graph: input %q is %v, the session was compiled for %v", v, t, in)
	}
	in.CopyFrom(t)
	return nil
}

// Grad returns the gradient of v after Backward, or nil when the loss does not depend on it.
func (s *Session) Grad(v Value) *tensor.Tensor {
	if x := s.values[v]; x != nil && x.grad != nil {
		return x.grad.t
	}
	return nil
}

// SetStep sets the number that random operators draw for; the same step and
// seed give the same numbers.
func (s *Session) SetStep(n uint64) { s.step = n }

// MemoryBytes returns the size of the arena: activations, gradients and
// workspaces, without parameters and what is fetched.
func (s *Session) MemoryBytes() int { return len(s.arena) }

// Forward computes all values from the inputs.
func (s *Session) Forward() error {
	for _, st := range s.steps {
		if st.aliased {
			continue
		}
		if st.kernel == nil {
			if err := s.runLate(st); err != nil {
				return err
			}
			continue
		}
		st.x.Rand = st.rand.Sub(s.step)
		st.kernel.Forward(&st.x, st.in, st.out)
		if st.x.err != nil {
			return s.failed(st)
		}
	}
	return nil
}

func (s *Session) failed(st *step) error {
	err := st.x.err
	st.x.err = nil
	return fmt.Errorf("node %q (%s): %w", st.node.Name, st.node.Op, err)
}

// Backward computes the gradients of the loss; Forward must have run.
func (s *Session) Backward() error { return s.backward(s.back) }

func (s *Session) backward(steps []*backStep) error {
	for _, b := range steps {
		if b.skip {
			continue
		}
		b.bw.Backward(&b.st.x, b.st.in, b.st.out, b.dout, b.din)
		if b.st.x.err != nil {
			return s.failed(b.st)
		}
		for _, a := range b.adds {
			s.accumulate(a.to.t, b.din[a.in])
		}
	}
	return nil
}

// accumulate adds src to dst, cut in pieces for the pool.
func (s *Session) accumulate(dst, src *tensor.Tensor) {
	t := &s.adder
	t.f64 = dst.DType() == tensor.F64
	if t.f64 {
		t.dst64, t.src64 = tensor.Data[float64](dst), tensor.Data[float64](src)
	} else {
		t.dst32, t.src32 = dst.F32s(), src.F32s()
	}
	parts, size := kernel.Split(dst.Len(), 1<<14)
	t.size = size
	s.pool.Do(t, parts)
}

// addTask adds one piece of a gradient's further contribution.
type addTask struct {
	f64          bool
	size         int
	dst32, src32 []float32
	dst64, src64 []float64
}

// Run implements kernel.Task.
func (t *addTask) Run(_, i int) {
	if t.f64 {
		addPiece(t.dst64, t.src64, i*t.size, t.size)
		return
	}
	addPiece(t.dst32, t.src32, i*t.size, t.size)
}

func addPiece[T kernel.Float](dst, src []T, from, size int) {
	d := dst[from:min(from+size, len(dst))]
	kernel.Add(d, d, src[from:from+len(d)])
}

package graph

import (
	"cmp"
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// slot is a piece of the session's memory with the time it is in use. Time
// counts forward steps, then backward steps. Slots that share memory form a
// group under one root.
type slot struct {
	bytes int
	start int
	read  int   // last time it is read
	mods  []int // times it is changed after its first write
	fixed bool  // memory of its own, outside the arena
	group *group
}

// group is a set of slots on the same memory.
type group struct {
	slots      []*slot
	ext        *tensor.Tensor // memory that exists already
	offset     int
	start, end int
}

const forever = math.MaxInt

func (c *compiler) newSlot(bytes, start int) *slot {
	s := &slot{bytes: bytes, start: start, read: start}
	s.group = &group{slots: []*slot{s}}
	c.slots = append(c.slots, s)
	return s
}

func (s *slot) readAt(t int) { s.read = max(s.read, t) }

// join puts s, which is alone in its group, on the memory of g.
func (s *slot) join(g *group) {
	s.group = g
	g.slots = append(g.slots, s)
}

func (g *group) fixed() bool {
	return g.ext != nil || slices.ContainsFunc(g.slots, func(s *slot) bool { return s.fixed })
}

// plan gives every value, gradient and workspace its memory.
func (c *compiler) plan() error {
	c.forwardSlots()
	c.forwardReads()
	c.gradientSlots()
	c.workspaces()
	c.shareForward()
	c.shareGradients()
	c.allocate()
	return nil
}

// backTime returns the time of the j-th backward step.
func (c *compiler) backTime(j int) int { return len(c.steps) + j }

func (c *compiler) forwardSlots() {
	for _, v := range c.order {
		if v.t != nil { // inputs, parameters, constants
			v.slot = c.newSlot(v.t.Bytes(), 0)
			v.slot.group.ext = v.t
		}
	}
	for t, st := range c.steps {
		for _, v := range st.outV {
			if v == nil || !v.known {
				continue
			}
			v.slot = c.newSlot(v.spec.Shape.Size()*v.spec.DType.Size(), t)
			v.slot.fixed = v.fetched || v.spec.DType == tensor.String
		}
	}
}

// forwardReads notes when each value is read last, backward steps included.
func (c *compiler) forwardReads() {
	for t, st := range c.steps {
		for _, name := range st.node.Uses() {
			if v := c.values[name]; v != nil && v.slot != nil {
				v.slot.readAt(t)
			}
		}
	}
	for j, b := range c.back {
		in, out := backwardReads(b.st.kernel, len(b.st.inV), len(b.st.outV))
		for i, v := range b.st.inV {
			if v != nil && in[i] {
				v.slot.readAt(c.backTime(j))
			}
		}
		for i, v := range b.st.outV {
			if v != nil && out[i] {
				v.slot.readAt(c.backTime(j))
			}
		}
	}
}

// gradientSlots plans the gradients: the first contribution is written straight
// into the gradient, each further one is written aside and added.
func (c *compiler) gradientSlots() {
	for j, b := range c.back {
		t := c.backTime(j)
		for _, v := range b.st.outV {
			if v != nil && v.grad != nil && v.grad.slot != nil {
				v.grad.slot.readAt(t)
			}
		}
		b.direct = make([]bool, len(b.st.inV))
		b.tmp = make([]*slot, len(b.st.inV))
		for i, v := range b.st.inV {
			if v == nil || v.grad == nil || !b.part.has(v) {
				continue
			}
			g := v.grad
			if g.written {
				b.tmp[i] = c.newSlot(g.slot.bytes, t)
				b.adds = append(b.adds, gradAdd{to: g, in: i})
				g.slot.mods = append(g.slot.mods, t)
				g.slot.readAt(t)
				continue
			}
			g.written, b.direct[i] = true, true
			g.slot = c.newSlot(v.spec.Shape.Size()*v.spec.DType.Size(), t)
			g.slot.fixed = v.param != nil || slices.Contains(c.o.Wrt, v.name)
		}
	}
}

func (c *compiler) workspaces() {
	at := map[*step]int{}
	for j, b := range c.back {
		at[b.st] = c.backTime(j)
	}
	for t, st := range c.steps {
		w, ok := st.kernel.(Workspacer)
		if !ok {
			continue
		}
		saved, scratch := w.Workspace()
		for _, s := range saved {
			sl := c.newSlot(s.Shape.Size()*s.DType.Size(), t)
			sl.readAt(at[st])
			st.saved = append(st.saved, sl)
		}
		for _, s := range scratch { // used by both passes: kept between them
			sl := c.newSlot(s.Shape.Size()*s.DType.Size(), t)
			sl.readAt(at[st])
			st.scratch = append(st.scratch, sl)
		}
	}
}

// shareForward puts outputs on the memory of inputs: always for kernels that
// only rename elements, and in place where the input is not needed any more.
func (c *compiler) shareForward() {
	for t, st := range c.steps {
		if st.kernel == nil || len(st.outV) == 0 || st.outV[0] == nil {
			continue
		}
		out := st.outV[0]
		if a, ok := st.kernel.(Aliaser); ok {
			in := st.inV[a.Alias()]
			if in.known && in.slot.bytes == out.slot.bytes && in.spec.DType == out.spec.DType && !out.fetched {
				out.slot.join(in.slot.group)
				st.aliased = true
			}
			continue
		}
		p, ok := st.kernel.(InPlacer)
		if !ok || len(st.inV) == 0 {
			continue
		}
		if fwd, _ := p.InPlace(); fwd && c.mayOverwrite(st, t) {
			out.slot.join(st.inV[0].slot.group)
		}
	}
}

// mayOverwrite reports whether the step's output may take its first input's memory.
func (c *compiler) mayOverwrite(st *step, t int) bool {
	in, out := st.inV[0], st.outV[0]
	if in == nil || !in.known || in.slot.bytes != out.slot.bytes || out.slot.fixed || in.slot.group.fixed() {
		return false
	}
	for _, v := range st.inV[1:] {
		if v != nil && v.known && v.slot.group == in.slot.group {
			return false
		}
	}
	for _, s := range in.slot.group.slots {
		if s.read > t {
			return false
		}
	}
	return true
}

// shareGradients lets a gradient take the memory of the gradient that it is
// computed from, where the kernel hands it through or can work in place.
func (c *compiler) shareGradients() {
	for j, b := range c.back {
		t := c.backTime(j)
		if len(b.st.outV) == 0 || b.st.outV[0] == nil || b.st.outV[0].grad == nil || b.st.outV[0].grad.slot == nil {
			continue
		}
		src := b.st.outV[0].grad.slot
		pass, inPlace := sharing(b.st)
		b.skip = len(b.adds) == 0
		for i, v := range b.st.inV {
			if v == nil || v.grad == nil || !b.direct[i] {
				continue
			}
			dst := v.grad.slot
			var ok bool
			if pass[i] {
				ok = canShare(dst, src, t, false)
			} else if inPlace && i == 0 {
				ok = canShare(dst, src, t, true)
			}
			if ok {
				dst.join(src.group)
			}
			if ok && pass[i] {
				b.direct[i] = false // nothing to write
			} else {
				b.skip = false
			}
		}
	}
}

// sharing returns which din equal dout[0], and whether din[0] may be computed over it.
func sharing(st *step) (pass []bool, inPlace bool) {
	pass = make([]bool, len(st.inV))
	switch k := st.kernel.(type) {
	case Aliaser:
		pass[k.Alias()] = true
	case PassThrough:
		copy(pass, k.GradPass())
	}
	if p, ok := st.kernel.(InPlacer); ok {
		_, inPlace = p.InPlace()
	}
	return pass, inPlace
}

// canShare reports whether dst, first written at time t from src, may use src's
// memory: every other slot there must be read for the last time before dst
// changes, and must not change before dst is read for the last time.
func canShare(dst, src *slot, t int, changesNow bool) bool {
	if dst.fixed || dst.bytes != src.bytes || src.group.fixed() || len(dst.group.slots) > 1 {
		return false
	}
	firstMod := forever
	if changesNow {
		firstMod = t
	}
	for _, m := range dst.mods {
		firstMod = min(firstMod, m)
	}
	for _, s := range src.group.slots {
		if s.read > firstMod {
			return false
		}
		for _, m := range s.mods {
			if m >= t && m < dst.read { // contributions of step t itself are added after it ran
				return false
			}
		}
	}
	return true
}

// align is the alignment of every slot in the arena, in bytes: a cache line.
const align = 64

// allocate places the groups in one arena: the largest first, each at the lowest
// offset where no group that is alive at the same time lies.
func (c *compiler) allocate() {
	var groups []*group
	seen := map[*group]bool{}
	for _, s := range c.slots {
		g := s.group
		if seen[g] || g.fixed() {
			continue
		}
		seen[g] = true
		g.start, g.end = forever, 0
		for _, m := range g.slots {
			g.start, g.end = min(g.start, m.start), max(g.end, m.read)
		}
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(b.slots[0].bytes, a.slots[0].bytes) })
	var placed []*group // by offset
	for _, g := range groups {
		size := roundUp(g.slots[0].bytes)
		at := 0
		for _, p := range placed {
			if p.end < g.start || g.end < p.start {
				continue
			}
			if at+size <= p.offset {
				break
			}
			at = max(at, p.offset+roundUp(p.slots[0].bytes))
		}
		g.offset = at
		i, _ := slices.BinarySearchFunc(placed, at, func(p *group, o int) int { return cmp.Compare(p.offset, o) })
		placed = slices.Insert(placed, i, g)
	}
}

func roundUp(n int) int { return (n + align - 1) / align * align }

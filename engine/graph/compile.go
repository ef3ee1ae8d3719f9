package graph

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// ErrUnsupported is wrapped by the error of Compile that lists opaque nodes.
var ErrUnsupported = errors.New("operators that the engine cannot run")

// Options say what a session is for. The zero value runs inference of all outputs.
type Options struct {
	Fetch   []Value                // values to keep besides the graph's outputs
	Only    bool                   // only Fetch and Loss are wanted, not the graph's outputs
	Dims    Dims                   // extents of the inputs' symbolic dimensions
	Shapes  map[Value]tensor.Shape // shapes of inputs, where the declared ones are unknown or overridden
	Loss    Value                  // a value with one element; Backward computes its gradients
	Wrt     []Value                // what gradients are wanted of; all trainable parameters when nil
	Train   bool                   // training behaviour: batch statistics, dropout
	Live    bool                   // parameters may change between runs; implied by Loss and Train
	Steps   bool                   // compute the gradients of parameters that BackwardParams can update after all others
	Unfused bool                   // run no passes (for tests and comparisons)
	Pool    *kernel.Pool           // where kernels run; kernel.Default() when nil
	Seed    uint64                 // of random operators
}

// Compile checks the model for the given shapes, plans all memory and returns a
// session. The session uses the model's parameter data in place; the model
// itself is not changed.
func Compile(m *Model, o Options) (*Session, error) {
	if o.Pool == nil {
		o.Pool = kernel.Default()
	}
	c := &compiler{o: o, m: m.Clone(), values: map[Value]*value{}, keep: map[Value]bool{}}
	if o.Only {
		c.m.Graph.Outputs = nil
	}
	for _, v := range c.kept() {
		c.keep[v] = true
	}
	c.m.Prune(c.kept()...)
	for _, f := range []func() error{c.checkOps, c.materialize, c.runPasses, c.bindAll, c.differentiate, c.plan} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	return c.session(), nil
}

// value is one value of the compiled graph.
type value struct {
	name    Value
	spec    Spec
	known   bool // the spec is known before running
	t       *tensor.Tensor
	slot    *slot
	param   *Param
	fetched bool
	grad    *gradient // nil when no gradient flows through
}

// step is one node of the forward pass.
type step struct {
	node    *Node
	op      Op
	kernel  Kernel // nil for a late step
	x       Exec
	inV     []*value
	outV    []*value
	in, out []*tensor.Tensor
	saved   []*slot
	scratch []*slot
	aliased bool // the output shares the input's memory: nothing to run
	rand    tensor.Rand
}

type compiler struct {
	o      Options
	m      *Model
	keep   map[Value]bool
	values map[Value]*value
	order  []*value // as defined
	steps  []*step
	back   []*backStep
	data   int // of the backward steps: those of BackwardData
	slots  []*slot
	seed   *tensor.Tensor // gradient of the loss
}

func (c *compiler) live() bool { return c.o.Live || c.o.Train || c.o.Loss != "" }

// kept lists the values that must be available after a run.
func (c *compiler) kept() []Value {
	vs := append(c.m.Graph.OutputValues(), c.o.Fetch...)
	if c.o.Loss != "" {
		vs = append(vs, c.o.Loss)
	}
	return append(vs, c.o.Wrt...)
}

// checkOps fails with one error that lists every operator that is not registered.
func (c *compiler) checkOps() error {
	if missing := c.m.UnknownOps(); len(missing) > 0 {
		return fmt.Errorf("%w: %s", ErrUnsupported, strings.Join(missing, ", "))
	}
	return nil
}

// UnknownOps lists the operators that the engine cannot run, each with its number of
// nodes and the first node's name.
func (m *Model) UnknownOps() []string {
	count, first := map[string]int{}, map[string]string{}
	m.Graph.Walk(func(g *Graph) {
		for _, n := range g.Nodes {
			if _, ok := LookupOp(n.Domain, n.Op); ok {
				continue
			}
			key := opKey(n.Domain, n.Op)
			if count[key]++; count[key] == 1 {
				first[key] = n.Name
			}
		}
	})
	var list []string
	for _, key := range slices.Sorted(maps.Keys(count)) {
		more := ""
		if count[key] > 1 {
			more = fmt.Sprintf(" and %d more", count[key]-1)
		}
		list = append(list, fmt.Sprintf("%s (node %q%s)", key, first[key], more))
	}
	return list
}

func (c *compiler) materialize() error {
	for _, p := range c.m.AllParams() {
		if err := p.Materialize(); err != nil {
			return fmt.Errorf("reading parameter %q: %w", p.Name, err)
		}
	}
	return nil
}

// inputShape returns the concrete shape of a graph input.
func (c *compiler) inputShape(p Port) (tensor.Shape, error) {
	if s, ok := c.o.Shapes[p.Name]; ok {
		return s, nil
	}
	if p.Shape == nil {
		return nil, fmt.Errorf("graph: input %q has no declared shape: give one", p.Name)
	}
	return p.Resolve(c.o.Dims)
}

// infer runs shape inference at the session's concrete shapes.
func (c *compiler) infer() (*Inferred, error) {
	tmp := &Model{Graph: c.m.Graph.Clone()}
	for i := range tmp.Graph.Inputs {
		p := &tmp.Graph.Inputs[i]
		s, err := c.inputShape(*p)
		if err != nil {
			return nil, err
		}
		p.Shape = make([]Dim, len(s))
		for j, n := range s {
			p.Shape[j].N = n
		}
	}
	return tmp.Infer(nil)
}

func (c *compiler) define(name Value, s Spec, known bool) *value {
	v := &value{name: name, spec: s, known: known, fetched: c.keep[name]}
	c.values[name] = v
	c.order = append(c.order, v)
	return v
}

// bindAll gives every value its spec and every node its kernel.
func (c *compiler) bindAll() error {
	params := c.m.Graph.ParamIndex()
	for _, p := range c.m.Graph.Inputs {
		if params[p.Name] != nil {
			continue
		}
		s, err := c.inputShape(p)
		if err != nil {
			return err
		}
		v := c.define(p.Name, Spec{DType: p.DType, Shape: s.Clone()}, true)
		v.t = tensor.New(p.DType, s)
	}
	for _, p := range c.m.Graph.Params {
		v := c.define(p.Name, Spec{DType: p.DType, Shape: p.Shape}, true)
		v.t, v.param = p.Data, p
		if !p.Trainable || !c.live() {
			v.spec.Const = p.Data
		}
	}
	for _, n := range c.m.Graph.Nodes {
		if err := c.bindNode(n); err != nil {
			return err
		}
	}
	for v := range c.keep {
		if c.values[v] == nil {
			return fmt.Errorf("graph: no value %q in the model%s", v, didYouMean(v, c.values))
		}
	}
	return nil
}

func (c *compiler) bindNode(n *Node) error {
	op, _ := LookupOp(n.Domain, n.Op)
	st := &step{node: n, op: op, rand: tensor.NewRand(c.o.Seed, n.Name)}
	b := &Bind{Node: n, In: make([]Spec, len(n.In)), Train: c.o.Train}
	st.inV = make([]*value, len(n.In))
	_, late := op.(Controller)
	for i, name := range n.In {
		if name == "" {
			continue
		}
		v := c.values[name]
		if v == nil {
			return fmt.Errorf("graph: node %q uses undefined value %q", n.Name, name)
		}
		st.inV[i], b.In[i] = v, v.spec
		late = late || !v.known
	}
	if late {
		c.addLate(st)
		return nil
	}
	k, err := op.Bind(b)
	switch {
	case errors.Is(err, ErrNeedValue):
		c.addLate(st)
		return nil
	case err != nil:
		return err
	}
	st.kernel = k
	specs := slices.Clone(k.Out())
	if len(specs) < len(n.Out) {
		return fmt.Errorf("graph: node %q (%s) has %d outputs, the operator gives %d", n.Name, n.Op, len(n.Out), len(specs))
	}
	if c.fold(st, b.In, specs) {
		return nil
	}
	for i, name := range n.Out {
		if name != "" {
			st.outV = append(st.outV, c.define(name, specs[i], true))
		} else {
			st.outV = append(st.outV, nil)
		}
	}
	c.steps = append(c.steps, st)
	return nil
}

// addLate adds a step that is bound when it runs, since its shapes depend on data.
func (c *compiler) addLate(st *step) {
	for _, name := range st.node.Out {
		var v *value
		if name != "" {
			v = c.define(name, Spec{}, false)
		}
		st.outV = append(st.outV, v)
	}
	c.steps = append(c.steps, st)
}

// fold computes a node of constants at once, unless its result is far larger
// than what it is made of. It reports whether it did.
func (c *compiler) fold(st *step, in, out []Spec) bool {
	if _, random := st.kernel.(interface{ Random() }); random {
		return false
	}
	limit := maxFold
	ts := make([]*tensor.Tensor, len(in))
	for i, s := range in {
		if !s.Present() {
			continue
		}
		if s.Const == nil {
			return false
		}
		ts[i] = s.Const
		limit += 4 * s.Shape.Size()
	}
	size := 0
	for _, s := range out {
		size += s.Shape.Size()
	}
	if size > limit {
		return false
	}
	res, err := runOnce(st.kernel, ts, len(st.node.Out))
	if err != nil {
		return false // reported by the run
	}
	for i, name := range st.node.Out {
		if name != "" {
			v := c.define(name, out[i], true)
			v.t, v.spec.Const = res[i], res[i]
		}
	}
	return true
}

func didYouMean(v Value, known map[Value]*value) string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, string(k))
	}
	slices.Sort(names)
	if near := nearest(string(v), names); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

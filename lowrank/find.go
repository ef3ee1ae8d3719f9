package lowrank

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
)

// Selection says which sites of a model are wanted. The zero value wants all.
type Selection struct {
	Include, Exclude *regexp.Regexp // matched against site names
	Dims             graph.Dims     // extents of symbolic dimensions, for counting MACs; all 1 when nil
}

// Find lists the sites of m, subgraphs included, in the order of their first
// use. A weight that several nodes share is one site. Sites that cannot be
// factorised are listed with Blocked set.
func Find(m *graph.Model, sel Selection) ([]*Site, error) {
	f := newFinder(m, sel.Dims)
	f.graph(m.Graph, "", nil)
	f.biases()
	var wanted []*Site
	for _, s := range f.sites {
		if s.blocked(f.other[s.Param]); sel.wants(s.Name) {
			wanted = append(wanted, s)
		}
	}
	switch {
	case len(f.sites) == 0:
		return nil, badModel("the model has no weight that could be factorised")
	case len(wanted) == 0:
		return nil, badConfig("none of the model's %d weights that could be factorised is selected: check include and exclude", len(f.sites))
	}
	return wanted, nil
}

func (sel Selection) wants(name string) bool {
	return (sel.Include == nil || sel.Include.MatchString(name)) && (sel.Exclude == nil || !sel.Exclude.MatchString(name))
}

// alias is a value that stands for a parameter, or for its transpose.
type alias struct {
	p     *graph.Param
	owner *graph.Graph
	trans bool
}

// level is what is known about the values of the graph that is visited.
type level struct {
	inf   *graph.Inferred
	dims  map[graph.Value][]graph.Dim // nil in subgraphs
	times int                         // how often the graph runs in one run of the model
}

// body returns the level of a subgraph of n.
func (l level) body(n *graph.Node, sub *graph.Graph) level {
	for _, b := range l.inf.Bodies[n] {
		if b.Graph == sub {
			return level{inf: b.Inferred, times: l.times * b.Times}
		}
	}
	return level{inf: &graph.Inferred{}, times: 1}
}

type finder struct {
	at      level
	sites   []*Site
	byParam map[*graph.Param]*Site
	names   map[string]bool         // of sites
	other   map[*graph.Param]string // a node that uses the parameter in a way that is no site
}

func newFinder(m *graph.Model, d graph.Dims) *finder {
	f := &finder{at: level{inf: &graph.Inferred{}, times: 1}, byParam: map[*graph.Param]*Site{}, names: map[string]bool{}, other: map[*graph.Param]string{}}
	if d == nil {
		d = m.AnyDims(nil)
	}
	// Shapes only serve to count MACs: a model that cannot be inferred has sites all the same.
	if inf, err := m.Infer(d); err == nil {
		f.at.inf = inf
	}
	if dims, err := m.SymbolicShapes(); err == nil {
		f.at.dims = dims
	}
	return f
}

// graph visits g, whose outer scope is given.
func (f *finder) graph(g *graph.Graph, path string, outer map[graph.Value]alias) {
	scope := make(map[graph.Value]alias, len(outer)+len(g.Params))
	for v, a := range outer {
		scope[v] = a
	}
	for _, p := range g.Params {
		if p.DType.IsFloat() && p.Trainable || p.DType.IsFloat() && len(p.Shape) >= 2 {
			scope[p.Name] = alias{p: p, owner: g}
		}
	}
	for _, n := range g.Nodes {
		if f.aliasNode(n, scope) {
			continue
		}
		f.node(g, n, path, scope)
		for attr, sub := range n.Attrs.NamedGraphs() {
			outer := f.at
			f.at = outer.body(n, sub)
			f.graph(sub, path+n.Name+"/"+attr+"/", scope)
			f.at = outer
		}
	}
	for _, o := range g.Outputs {
		if a, ok := scope[o.Name]; ok {
			f.other[a.p] = "an output of the graph"
		}
	}
}

// aliasNode follows Identity and Transpose of parameters.
func (f *finder) aliasNode(n *graph.Node, scope map[graph.Value]alias) bool {
	if len(n.In) == 0 || len(n.Out) != 1 || n.Domain != "" {
		return false
	}
	a, ok := scope[n.In[0]]
	if !ok {
		return false
	}
	switch n.Op {
	case "Identity":
	case "Transpose":
		perm := n.Attrs.Ints("perm")
		if len(a.p.Shape) != 2 || perm != nil && (len(perm) != 2 || perm[0] != 1) {
			return false
		}
		a.trans = !a.trans
	default:
		return false
	}
	scope[n.Out[0]] = a
	return true
}

// node records how n uses parameters.
func (f *finder) node(g *graph.Graph, n *graph.Node, path string, scope map[graph.Value]alias) {
	for i, v := range n.In {
		a, ok := scope[v]
		if !ok {
			continue
		}
		s, u := f.classify(n, i, a, scope)
		if s == nil {
			f.other[a.p] = fmt.Sprintf("node %q (%s)", path+n.Name, n.Op)
			continue
		}
		s.Name, s.Op, s.Param, s.owner = path+cmp.Or(n.Name, strings.ToLower(n.Op))+s.Name, n.Op, a.p, a.owner
		for _, v := range n.In {
			spec := f.at.inf.Specs[v]
			u.ins = append(u.ins, graph.Spec{DType: spec.DType, Shape: spec.Shape})
		}
		u.Graph, u.Node, u.input, u.trans = g, n, i, a.trans
		u.Batch *= f.at.times
		f.add(s, u)
	}
}

// dataInput returns which input of a site's node the weight, input i, is applied to.
func dataInput(n *graph.Node, i int) int {
	switch n.Op {
	case "MatMul", "Gather":
		return 1 - i
	}
	return 0
}

// add joins a use to the site of the same parameter.
func (f *finder) add(s *Site, u *Use) {
	first := f.byParam[s.Param]
	if first == nil {
		s.Uses, s.Name = []*Use{u}, f.unique(s.Name)
		f.byParam[s.Param] = s
		f.sites = append(f.sites, s)
		return
	}
	matrix := func(k Kind) bool { return k == Dense || k == Embedding }
	switch {
	case matrix(first.Kind) && matrix(s.Kind):
		u.flip = first.trans != s.trans
	case first.Kind != s.Kind || first.Groups != s.Groups:
		first.Blocked = fmt.Sprintf("the weight is shared with %q (%s), which uses it differently", s.Name, s.Op)
		return
	}
	first.Uses = append(first.Uses, u)
}

// unique appends a number to a name that another site has.
func (f *finder) unique(name string) string {
	got := name
	for i := 2; f.names[got]; i++ {
		got = fmt.Sprintf("%s_%d", name, i)
	}
	f.names[got] = true
	return got
}

// blocked sets the reason when s cannot be factorised.
func (s *Site) blocked(other string) {
	switch {
	case s.Blocked != "":
	case other != "":
		s.Blocked = "the weight is also used by " + other
	case s.M == 0 || s.K == 0 || s.taps() == 0:
		s.Blocked = "the weight is empty"
	case s.M == 1 && s.taps() == 1 || s.K == 1 && s.taps() == 1:
		s.Blocked = "a matrix with one row or column has no smaller factors"
	}
}

// classify says which site input i of n, the parameter a, is: nil when none.
// The site's Name is a suffix.
func (f *finder) classify(n *graph.Node, i int, a alias, scope map[graph.Value]alias) (*Site, *Use) {
	if n.Domain != "" && n.Domain != "ai.onnx" {
		return nil, nil
	}
	switch n.Op {
	case "Gemm":
		if i == 1 && len(a.p.Shape) == 2 {
			return f.matrix(n, 0, byGemm, a, !n.Attrs.Bool("transB", false))
		}
	case "MatMul":
		if _, both := scope[n.In[1-i]]; !both && len(a.p.Shape) >= 2 {
			return f.matrix(n, 1-i, [2]how{byLeft, byRight}[i], a, i == 1)
		}
	case "Gather":
		if i == 0 && len(a.p.Shape) == 2 && n.Attrs.Int("axis", 0) == 0 {
			s, u := f.matrix(n, 1, byGather, a, true)
			s.Kind = Embedding
			return s, u
		}
	case "Conv":
		if i == 1 && len(a.p.Shape) >= 3 && !a.trans {
			return f.conv(n, a)
		}
	case "LSTM", "GRU", "RNN":
		if (i == 1 || i == 2) && len(a.p.Shape) == 3 {
			return f.recurrent(n, i, a)
		}
	}
	return nil, nil
}

// matrix describes a matrix weight; data is the index of the other operand.
func (f *finder) matrix(n *graph.Node, data int, h how, a alias, trans bool) (*Site, *Use) {
	shape := a.p.Shape
	r := len(shape)
	s := &Site{Kind: Dense, Groups: shape[:r-2].Size(), M: shape[r-2], K: shape[r-1], trans: trans != a.trans}
	if s.trans {
		s.M, s.K = s.K, s.M
	}
	if r > 2 {
		s.Blocked = "a stack of matrices applied by MatMul"
	}
	u := &Use{how: h}
	x, ok := f.at.inf.Specs[n.In[data]]
	if ok {
		u.rank = len(x.Shape)
		u.Batch = x.Shape.Size()
		if h != byGather {
			u.Batch /= max(1, s.K)
		}
	}
	switch {
	case h == byLeft && !ok:
		s.Blocked = "the rank of the other operand is not known"
	case h == byLeft && u.rank == 1:
		u.how = byRight
	}
	return s, u
}

func (f *finder) conv(n *graph.Node, a alias) (*Site, *Use) {
	shape, g := a.p.Shape, n.Attrs.Int("group", 1)
	s := &Site{Kind: Conv, Groups: g, M: shape[0] / max(1, g), K: shape[1], Kernel: shape[2:]}
	if g < 1 || shape[0]%g != 0 {
		s.Groups, s.M, s.Blocked = 1, shape[0], fmt.Sprintf("%d outputs in %d groups", shape[0], g)
	}
	u := &Use{how: byConv, fixed: f.fixedSpatial(n.In[0]) && f.fixedSpatial(n.Out[0])}
	x, okX := f.at.inf.Specs[n.In[0]]
	y, okY := f.at.inf.Specs[n.Out[0]]
	if okX && okY && len(x.Shape) == len(shape) {
		u.rank, u.Batch, u.In, u.Out = len(shape), x.Shape[0], x.Shape[2:], y.Shape[2:]
	}
	return s, u
}

// fixedSpatial reports whether v's extents behind N and C are numbers.
func (f *finder) fixedSpatial(v graph.Value) bool {
	dims, ok := f.at.dims[v]
	if !ok || len(dims) < 3 {
		return false
	}
	for _, d := range dims[2:] {
		if d.Sym != "" {
			return false
		}
	}
	return true
}

func (f *finder) recurrent(n *graph.Node, i int, a alias) (*Site, *Use) {
	shape := a.p.Shape
	s := &Site{Name: "/W", Kind: Input, Groups: 1, M: shape[0] * shape[1], K: shape[2]}
	u := &Use{how: byInput, rank: 3, steps: f.steps(n)}
	if i == 2 {
		s = &Site{Name: "/R", Kind: Recurrence, Groups: shape[0], M: shape[1], K: shape[2]}
		u.how = byRecurrence
	}
	if i == 2 {
		s.Blocked = cellUnsuited(n)
	}
	if x, ok := f.at.inf.Specs[n.In[0]]; ok && len(x.Shape) == 3 {
		u.Batch, u.In = x.Shape[0]*x.Shape[1], nil
	}
	return s, u
}

// steps returns the number of time steps of a recurrent node when it is a number, else 0.
func (f *finder) steps(n *graph.Node) int {
	dims, ok := f.at.dims[n.In[0]]
	axis := n.Attrs.Int("layout", 0)
	if !ok || len(dims) != 3 || axis < 0 || axis > 1 || dims[axis].Sym != "" {
		return 0
	}
	return dims[axis].N
}

// biases finds the constant biases that a site can change without touching anything else.
func (f *finder) biases() {
	for _, s := range f.sites {
		if len(s.Uses) != 1 || s.Kind != Conv && s.Kind != Dense {
			continue
		}
		u := s.Uses[0]
		n := u.Node
		plain := n.Op == "Conv" || n.Op == "Gemm" && n.Attrs.Float("alpha", 1) == 1 && n.Attrs.Float("beta", 1) == 1
		if !plain || len(n.In) < 3 || n.In[2] == "" {
			continue
		}
		p := u.Graph.Param(n.In[2])
		if p == nil || !p.DType.IsFloat() || len(p.Shape) == 0 || p.Shape.Size() != s.Groups*s.M {
			continue
		}
		if last := p.Shape[len(p.Shape)-1]; last == s.Groups*s.M && len(u.Graph.Consumers()[p.Name]) == 1 { // not a Gemm's column, a number for each sample
			s.bias = p
		}
	}
}

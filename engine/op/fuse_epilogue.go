package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.RegisterPass(graph.Pass{Name: "products with their epilogue", Order: 20, Train: true, Run: fuseEpilogues})
}

// fuseEpilogues lets convolutions and matrix products add a bias and a residual
// and apply an activation while their output is in the cache. What results has no
// gradient; where one is wanted, only ReLU after a product and its bias is fused.
func fuseEpilogues(p *graph.PassContext) error {
	f := newFuser(p)
	if p.Backward {
		f.each(f.reluAfter)
		return nil
	}
	f.each(func(n *graph.Node) {
		if made := f.fusable(n); made != nil {
			f.epilogue(n, made)
		}
	})
	return nil
}

// reluAfter fuses a product with the ReLU that alone takes its output.
func (f *fuser) reluAfter(n *graph.Node) {
	next := f.only(n)
	if len(n.In) < 2 || !is(next, "Relu") || f.shape(n.Out[0]) == nil {
		return
	}
	w := f.shape(n.In[1])
	if !(is(n, "Conv") && len(w) <= 4) && !(is(n, "Gemm") && len(w) == 2 && f.plainGemm(n, w)) {
		return
	}
	made := n.Clone()
	made.Op, made.Domain, made.Out = n.Op+"Relu", graph.PrivateDomain, next.Out
	f.replace(made, n, next)
}

// fusable returns the node that n becomes when it is fused, or nil. Its bias and
// residual are inputs 2 and 3.
func (f *fuser) fusable(n *graph.Node) *graph.Node {
	if len(n.In) < 2 || outputs(n) != 1 || f.shape(n.Out[0]) == nil {
		return nil
	}
	made := &graph.Node{Name: n.Name, Op: "Linear", Domain: graph.PrivateDomain, Attrs: graph.Attrs{}, In: []graph.Value{n.In[0], n.In[1], input(n, 2), ""}}
	w := f.shape(n.In[1])
	switch {
	case is(n, "Conv") && len(w) <= 4:
		made.Op, made.Attrs = "Conv", n.Attrs.Clone()
		if made.Attrs == nil {
			made.Attrs = graph.Attrs{}
		}
		return made
	case is(n, "MatMul") && len(w) == 2 && len(f.shape(n.In[0])) >= 2:
		return made
	case is(n, "Gemm") && f.plainGemm(n, w):
		if n.Attrs.Bool("transB", false) {
			made.Attrs["transB"] = int64(1)
		}
		return made
	}
	return nil
}

// plainGemm reports whether a Gemm is x W + bias.
func (f *fuser) plainGemm(n *graph.Node, w tensor.Shape) bool {
	a := n.Attrs
	if len(w) != 2 || a.Bool("transA", false) || a.Float("alpha", 1) != 1 || a.Float("beta", 1) != 1 {
		return false
	}
	if input(n, 2) == "" {
		return true
	}
	_, cols := flip(a.Bool("transB", false), w[0], w[1])
	c := f.shape(n.In[2])
	return len(c) >= 1 && c[len(c)-1] == cols && c.Size() == cols
}

// epilogue follows the output of n, and replaces what can be fused by made.
func (f *fuser) epilogue(n, made *graph.Node) {
	old := []*graph.Node{n}
	for {
		last := old[len(old)-1]
		if acts := f.activation(last, made); acts != nil {
			old = append(old, acts...)
			break
		}
		next := f.only(last)
		if !is(next, "Add") || !f.addend(next, last.Out[0], made) {
			break
		}
		old = append(old, next)
	}
	if len(old) == 1 {
		return
	}
	made.Out = old[len(old)-1].Out
	f.replace(made, old...)
}

// addend takes the other operand of an Add as the bias or the residual.
func (f *fuser) addend(add *graph.Node, v graph.Value, made *graph.Node) bool {
	z, y := other(add, v), f.shape(v)
	s := f.shape(z)
	switch {
	case z == v || s == nil:
		return false
	case made.In[3] != "":
		return false
	case made.In[2] == "" && f.isBias(s, y, made.Op == "Conv"):
		made.In[2] = f.flatBias(z)
		return made.In[2] != ""
	case s.Equal(y):
		made.In[3] = z
		return true
	}
	return false
}

// isBias reports whether s is stretched over all axes of y but that of the channels.
func (f *fuser) isBias(s, y tensor.Shape, conv bool) bool {
	axis := len(y) - 1
	if conv {
		axis = 1
	}
	i := axis - (len(y) - len(s))
	return len(s) <= len(y) && i >= 0 && s[i] == y[axis] && s.Size() == y[axis] && y[axis] > 1
}

// flatBias returns the bias v, which has other axes of extent 1, with one axis, or
// "" if it has more and may change.
func (f *fuser) flatBias(v graph.Value) graph.Value {
	t := f.constant(v)
	switch {
	case len(f.shape(v)) == 1:
		return v
	case t == nil || f.params[v].Trainable:
		return ""
	}
	return f.addParam(t.View(tensor.Shape{t.Len()}))
}

// activation sets made's activation when the output of n goes into one only, and
// returns its nodes.
func (f *fuser) activation(n, made *graph.Node) []*graph.Node {
	if next := f.only(n); next != nil {
		if next.In[0] != n.Out[0] || !f.setActivation(next, made.Attrs) {
			return nil
		}
		return []*graph.Node{next}
	}
	v := n.Out[0]
	users := f.consumers[v]
	if f.Keep(v) || len(users) != 2 {
		return nil
	}
	sig, mul := users[0], users[1]
	if !is(sig, "Sigmoid") || !is(mul, "Mul") || f.only(sig) != mul || other(mul, sig.Out[0]) != v {
		return nil
	}
	made.Attrs[attrAct] = silu
	return []*graph.Node{sig, mul}
}

// setActivation writes the activation of node n to a.
func (f *fuser) setActivation(n *graph.Node, a graph.Attrs) bool {
	if _, ok := actOf[n.Op]; !ok || !is(n, n.Op) {
		return false
	}
	var alpha, beta float64
	switch n.Op {
	case "LeakyRelu":
		alpha = n.Attrs.Float("alpha", 0.01)
	case "HardSigmoid":
		alpha, beta = n.Attrs.Float("alpha", 0.2), n.Attrs.Float("beta", 0.5)
	case "Gelu":
		if n.Attrs.Str("approximate", "none") != "none" {
			return false
		}
	case "Clip":
		lo, hi := f.bound(input(n, 1), math.Inf(-1)), f.bound(input(n, 2), math.Inf(1))
		if float64(float32(lo)) != lo || float64(float32(hi)) != hi { // NaN too
			return false
		}
		alpha, beta = lo, hi
	}
	a[attrAct], a[attrAlpha], a[attrBeta] = n.Op, float32(alpha), float32(beta)
	return true
}

// bound returns a constant number, def for a missing one, NaN for one that is not constant.
func (f *fuser) bound(v graph.Value, def float64) float64 {
	if v == "" {
		return def
	}
	t := f.constant(v)
	if t == nil || f.params[v].Trainable || f.shape(v) == nil {
		return math.NaN()
	}
	return floatsOf(t)[0]
}

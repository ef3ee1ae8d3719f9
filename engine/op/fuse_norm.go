package op

import "github.com/compress-toolkit/compress/engine/graph"

func init() {
	graph.RegisterPass(graph.Pass{Name: "batch normalisation with ReLU", Order: 30, Train: true, Run: fuseNormRelu})
}

// fuseNormRelu joins batch normalisation, the sum with a shortcut if there is one,
// and ReLU: one pass over the data instead of two or three.
func fuseNormRelu(p *graph.PassContext) error {
	if p.Backward && !p.Train { // statistics are fixed, but gradients are wanted
		return nil
	}
	f := newFuser(p)
	f.each(func(n *graph.Node) {
		if is(n, "BatchNormalization") && !n.Attrs.Bool("training_mode", false) && f.shape(n.In[0]) != nil {
			f.normRelu(n)
		}
	})
	return nil
}

func (f *fuser) normRelu(bn *graph.Node) {
	made := &graph.Node{Name: bn.Name, Op: "BatchNormRelu", Domain: graph.PrivateDomain, Attrs: bn.Attrs, In: bn.In[:5:5]}
	old := []*graph.Node{bn}
	next := f.only(bn)
	if is(next, "Add") {
		z := other(next, bn.Out[0])
		if z == bn.Out[0] || !f.shape(z).Equal(f.shape(bn.In[0])) {
			return
		}
		made.In = append(made.In, z)
		old = append(old, next)
		next = f.only(next)
	}
	if !is(next, "Relu") {
		return
	}
	made.Out = next.Out
	f.replace(made, append(old, next)...)
}

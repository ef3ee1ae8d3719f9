package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
)

func init() {
	graph.RegisterPass(graph.Pass{Name: "convolutions with maximum pooling", Order: 18, Train: true, Run: fusePooling})
}

// fusePooling joins a convolution with the 2 x 2 pooling behind it, and a ReLU
// before or after that, where gradients are wanted.
func fusePooling(p *graph.PassContext) error {
	if p.Backward {
		f := newFuser(p)
		f.each(f.convPool)
	}
	return nil
}

// convPool fuses a convolution with the pooling that alone takes its output.
func (f *fuser) convPool(n *graph.Node) {
	if !is(n, "Conv") || len(n.In) < 2 || len(f.shape(n.Out[0])) != 4 {
		return
	}
	old, relu := []*graph.Node{n}, false
	next := f.only(n)
	if is(next, "Relu") {
		old, relu = append(old, next), true
		next = f.only(next)
	}
	if !f.halves(next) {
		return
	}
	old = append(old, next)
	if next = f.only(next); !relu && is(next, "Relu") {
		old, relu = append(old, next), true
	}
	made := n.Clone()
	if made.Attrs == nil {
		made.Attrs = graph.Attrs{}
	}
	if relu {
		made.Attrs[attrRelu] = int64(1)
	}
	made.Op, made.Domain, made.Out = "ConvPool", graph.PrivateDomain, old[len(old)-1].Out
	f.replace(made, old...)
}

// halves reports whether n is maximum pooling by 2 x 2 windows next to each other.
func (f *fuser) halves(n *graph.Node) bool {
	if !is(n, "MaxPool") || outputs(n) != 1 {
		return false
	}
	x, y, two := f.shape(n.In[0]), f.shape(n.Out[0]), []int{2, 2}
	attr := func(name string) []int { return n.Attrs.Ints(name) }
	all := func(name string, v int) bool {
		return !slices.ContainsFunc(attr(name), func(k int) bool { return k != v })
	}
	return slices.Equal(attr("kernel_shape"), two) && slices.Equal(attr("strides"), two) && all("pads", 0) && all("dilations", 1) &&
		len(x) == 4 && len(y) == 4 && y[2] == x[2]/2 && y[3] == x[3]/2 && y[2] > 0 && y[3] > 0
}

package lowrank

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Emitter appends the nodes that replace one use of a site. Names are scoped by the replaced node's.
type Emitter struct {
	*graph.Builder
	Site  *Site
	Use   *Use
	Parts []graph.Value // the factors' parameters, in the order of Factors.Parts
	F     *Factors
	Bias  graph.Value // of a convolution; empty when it has none
}

// part returns the name of part i.
func (e *Emitter) part(i int) string { return e.F.Parts[i].Name }

// transposed appends the transpose of a matrix.
func (e *Emitter) transposed(name string, v graph.Value) graph.Value {
	return e.Node(name, "Transpose", graph.Attrs{"perm": graph.Ints64(1, 0)}, v)
}

// reshape appends a Reshape to a constant shape.
func (e *Emitter) reshape(name string, v graph.Value, shape ...int) graph.Value {
	return e.Node(name, "Reshape", nil, v, e.Ints(name+"/shape", shape...))
}

// conv appends a convolution by part i. Axes listed in axes keep the replaced
// node's stride, dilation and padding, the others are 1 wide.
func (e *Emitter) conv(name string, x graph.Value, part, groups int, axes []int, bias graph.Value) graph.Value {
	in := []graph.Value{x, e.Parts[part]}
	if bias != "" {
		in = append(in, bias)
	}
	return e.Node(name, "Conv", convAttrs(e.Use.Node.Attrs, e.Site.Kernel, groups, axes), in...)
}

// convAttrs keeps what the given spatial axes of a convolution have.
func convAttrs(old graph.Attrs, kernel []int, groups int, axes []int) graph.Attrs {
	n := len(kernel)
	k, stride, dil, pads := ones(n), ones(n), ones(n), make([]int64, 2*n)
	for _, i := range axes {
		k[i] = int64(kernel[i])
		pick(stride, old.Ints("strides"), i)
		pick(dil, old.Ints("dilations"), i)
		pick(pads, old.Ints("pads"), i)
		pick(pads, old.Ints("pads"), n+i)
	}
	a := graph.Attrs{"kernel_shape": k, "group": int64(groups)}
	if len(axes) == 0 {
		return a
	}
	a["strides"], a["dilations"] = stride, dil
	if auto := old.Str("auto_pad", "NOTSET"); auto == "NOTSET" {
		a["pads"] = pads
	} else {
		a["auto_pad"] = auto
	}
	return a
}

func ones(n int) []int64 {
	v := make([]int64, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

func pick(dst []int64, src []int, i int) {
	if i < len(src) {
		dst[i] = int64(src[i])
	}
}

// allAxes lists the spatial axes of a site.
func (s *Site) allAxes() []int {
	axes := make([]int, len(s.Kernel))
	for i := range axes {
		axes[i] = i
	}
	return axes
}

// addParts adds the factors' parameters to the graph that owned the weight.
func addParts(m *graph.Model, s *Site, f *Factors) []graph.Value {
	used := map[graph.Value]bool{}
	m.Graph.Walk(func(g *graph.Graph) {
		for _, p := range g.Params {
			used[p.Name] = true
		}
		for _, n := range g.Nodes {
			used[graph.Value(n.Name)] = true
			for _, v := range n.Out {
				used[v] = true
			}
		}
	})
	vs := make([]graph.Value, len(f.Parts))
	for i, part := range f.Parts {
		name := s.Param.Name + "/" + graph.Value(part.Name)
		for n := 2; used[name]; n++ {
			name = graph.Value(fmt.Sprintf("%s/%s_%d", s.Param.Name, part.Name, n))
		}
		used[name] = true
		p := graph.NewParam(name, part.tensor(s.Param.DType), s.Param.Trainable)
		p.Storage = s.Param.Storage
		s.owner.Params = append(s.owner.Params, p)
		vs[i] = name
	}
	return vs
}

// removeParam removes the old weight, and Identity and Transpose nodes of it that nothing uses any more.
func removeParam(m *graph.Model, s *Site) {
	aliases := map[graph.Value]bool{s.Param.Name: true}
	alias := func(n *graph.Node) bool { return (n.Op == "Identity" || n.Op == "Transpose") && aliases[n.In[0]] }
	s.owner.Walk(func(g *graph.Graph) {
		for _, n := range g.Nodes {
			if alias(n) {
				aliases[n.Out[0]] = true
			}
		}
	})
	for again := true; again; {
		again = false
		s.owner.Walk(func(g *graph.Graph) {
			used := g.Consumers()
			for _, p := range g.Outputs {
				used[p.Name] = append(used[p.Name], nil)
			}
			for i, n := range g.Nodes {
				if alias(n) && len(used[n.Out[0]]) == 0 {
					g.Nodes = append(g.Nodes[:i:i], g.Nodes[i+1:]...)
					again = true
					return
				}
			}
		})
	}
	s.owner.RemoveParam(s.Param.Name)
	for i, p := range s.owner.Inputs {
		if p.Name == s.Param.Name { // before IR version 4 a parameter was an input too
			s.owner.Inputs = append(s.owner.Inputs[:i:i], s.owner.Inputs[i+1:]...)
			break
		}
	}
}

// use emits the replacement of a node with inputs in.
func (e *Emitter) use(d Decomposition, in []graph.Value) ([]graph.Value, error) {
	one := func(v graph.Value) ([]graph.Value, error) { return []graph.Value{v}, e.Err() }
	switch e.Use.how {
	case byConv:
		if len(in) > 2 {
			e.Bias = in[2]
		}
		return one(d.Emit(e, in[0]))
	case byGather:
		return one(d.Emit(e, in[1]))
	case byRight:
		return one(d.Emit(e, in[1-e.Use.input]))
	case byLeft:
		x := e.swapLast("in", in[1])
		return one(e.swapLast("out", d.Emit(e, x)))
	case byGemm:
		return one(e.gemm(d, in))
	}
	return nil, fmt.Errorf("recurrent node %q is rewritten as a whole", e.Use.Node.Name)
}

// swapLast transposes the last two axes.
func (e *Emitter) swapLast(name string, x graph.Value) graph.Value {
	perm := make([]int, e.Use.rank)
	for i := range perm {
		perm[i] = i
	}
	n := len(perm)
	perm[n-1], perm[n-2] = n-2, n-1
	return e.Node(name, "Transpose", graph.Attrs{"perm": graph.Ints64(perm...)}, x)
}

// gemm emits alpha op(A) W^T + beta C. When the decomposition ends in a MatMul,
// that becomes the Gemm.
func (e *Emitter) gemm(d Decomposition, in []graph.Value) graph.Value {
	old := e.Use.Node.Attrs
	x := in[0]
	if old.Bool("transA", false) {
		x = e.transposed("in", x)
	}
	y := d.Emit(e, x)
	alpha, beta := float32(old.Float("alpha", 1)), float32(old.Float("beta", 1))
	bias := graph.Value("")
	if len(in) > 2 && in[2] != "" && beta != 0 {
		bias = in[2]
	}
	if last := e.Graph().Producer(y); last != nil && last.Op == "MatMul" && (bias != "" || alpha != 1) {
		last.Op, last.Attrs = "Gemm", graph.Attrs{"alpha": alpha, "beta": beta}
		if bias != "" {
			last.In = append(last.In, bias)
		}
		return y
	}
	if alpha != 1 {
		y = e.Node("alpha", "Mul", nil, y, e.scalar("alpha/value", alpha))
	}
	if bias == "" {
		return y
	}
	if beta != 1 {
		bias = e.Node("beta", "Mul", nil, bias, e.scalar("beta/value", beta))
	}
	return e.Node("bias", "Add", nil, y, bias)
}

// scalars returns how many constants gemm adds to a decomposition that does not end in a MatMul.
func (s *Site) scalars() (n int64) {
	for _, u := range s.Uses {
		if u.how != byGemm || u.Node == nil {
			continue
		}
		if u.Node.Attrs.Float("alpha", 1) != 1 {
			n++
		}
		if beta := u.Node.Attrs.Float("beta", 1); beta != 0 && beta != 1 && len(u.Node.In) > 2 && u.Node.In[2] != "" {
			n++
		}
	}
	return n
}

// scalar adds a constant of the site's element type.
func (e *Emitter) scalar(name string, v float32) graph.Value {
	t := tensor.New(e.Site.Param.DType, nil)
	switch t.DType() {
	case tensor.F64:
		tensor.Data[float64](t)[0] = float64(v)
	case tensor.F16:
		tensor.Data[tensor.Float16](t)[0] = tensor.ToFloat16(v)
	case tensor.BF16:
		tensor.Data[tensor.BFloat16](t)[0] = tensor.ToBFloat16(v)
	default:
		t.F32s()[0] = v
	}
	return e.Const(name, t)
}

package format

import (
	"errors"
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/internal/cmzpb"
)

// lazy reads one tensor of a file.
type lazy struct {
	f *File
	i int
}

// Load reads the tensor anew each time.
func (l lazy) Load() (*tensor.Tensor, error) {
	ts, err := l.f.read([]int{l.i})
	if err != nil {
		return nil, err
	}
	return ts[0], nil
}

// Model returns a new model whose parameters are lazy. Tensors that are
// attributes are read.
func (f *File) Model() (*graph.Model, error) { return f.model(false) }

// model is Model, with the parameters read as well if all.
func (f *File) model(all bool) (*graph.Model, error) {
	b := modelReader{f: f, all: all}
	m, err := b.model(f.header.Model)
	if err == nil {
		err = m.Check()
	}
	if errors.Is(err, ErrFormat) {
		return nil, err
	}
	if err != nil {
		return nil, fail(ErrCorrupt, preambleSize, "%w", err)
	}
	ts, err := f.read(b.ids)
	if err != nil {
		return nil, err
	}
	for i, t := range ts {
		b.place[i](t)
	}
	return m, nil
}

// modelReader turns messages into a model. Tensors are put in afterwards, all at
// once.
type modelReader struct {
	f     *File
	all   bool // parameters too
	ids   []int
	place []func(*tensor.Tensor)
}

func (b *modelReader) model(p *cmzpb.Model) (*graph.Model, error) {
	if p.GetGraph() == nil {
		return nil, fmt.Errorf("no graph")
	}
	ext, err := foreignFromPB(p.Ext)
	if err != nil {
		return nil, err
	}
	m := &graph.Model{Meta: entryMap(p.Meta), Ext: ext}
	if m.Opsets, err = opsetsFromPB(p.Opsets); err != nil {
		return nil, err
	}
	m.Graph, err = b.graph(p.Graph)
	return m, err
}

// opsetsFromPB returns the versions of the other domains; the default domain's
// must be the one that the engine has.
func opsetsFromPB(ps []*cmzpb.Opset) (map[string]int, error) {
	var opsets map[string]int
	def := int64(0)
	for _, o := range ps {
		if o.Domain == "" {
			def = o.Version
			continue
		}
		if opsets == nil {
			opsets = map[string]int{}
		}
		opsets[o.Domain] = int(o.Version)
	}
	switch {
	case def > graph.Opset:
		return nil, fail(ErrVersion, preambleSize, "operators of opset %d, this program knows %d", def, graph.Opset)
	case def != graph.Opset:
		return nil, fmt.Errorf("operators of opset %d, this program knows %d", def, graph.Opset)
	}
	return opsets, nil
}

func (b *modelReader) graph(p *cmzpb.Graph) (*graph.Graph, error) {
	ext, err := foreignFromPB(p.Ext)
	if err != nil {
		return nil, fmt.Errorf("graph %q: %w", p.Name, err)
	}
	g := &graph.Graph{Name: p.Name, Doc: p.Doc, Ext: ext}
	if g.Inputs, err = each(p.Inputs, portFromPB); err != nil {
		return nil, err
	}
	if g.Outputs, err = each(p.Outputs, portFromPB); err != nil {
		return nil, err
	}
	if g.Params, err = each(p.Params, b.param); err != nil {
		return nil, err
	}
	g.Nodes, err = each(p.Nodes, b.node)
	return g, err
}

func (b *modelReader) param(p *cmzpb.Param) (*graph.Param, error) {
	ext, err := foreignFromPB(p.Ext)
	if err != nil {
		return nil, fmt.Errorf("parameter %q: %w", p.Name, err)
	}
	e := &b.f.entries[p.Tensor]
	q := &graph.Param{
		Name: graph.Value(p.Name), DType: e.dtype, Shape: e.shape.Clone(), Trainable: p.Trainable,
		Lazy: lazy{b.f, int(p.Tensor)}, Ext: ext,
	}
	if e.storage != e.dtype {
		q.Storage = e.storage
	}
	if b.all {
		b.want(p.Tensor, func(t *tensor.Tensor) { q.Data, q.Lazy = t, nil })
	}
	return q, nil
}

func (b *modelReader) node(p *cmzpb.Node) (*graph.Node, error) {
	ext, err := foreignFromPB(p.Ext)
	if err != nil {
		return nil, fmt.Errorf("node %q: %w", p.Name, err)
	}
	n := &graph.Node{
		Name: p.Name, Op: p.Op, Domain: p.Domain, Doc: p.Doc, Ext: ext,
		In: values(p.Inputs), Out: values(p.Outputs), Attrs: make(graph.Attrs, len(p.Attrs)),
	}
	for _, a := range p.Attrs {
		if n.Attrs.Has(a.Name) {
			return nil, fmt.Errorf("node %q has two attributes %q", p.Name, a.Name)
		}
		n.Attrs[a.Name] = nil
		v, err := b.attr(n.Attrs, a)
		if err != nil {
			return nil, fmt.Errorf("node %q, attribute %q: %w", p.Name, a.Name, err)
		}
		n.Attrs[a.Name] = v
	}
	return n, nil
}

// attr returns the value of an attribute of attrs, or nil for a tensor, which
// comes later.
func (b *modelReader) attr(attrs graph.Attrs, a *cmzpb.Attr) (any, error) {
	switch v := a.Value.(type) {
	case *cmzpb.Attr_Int:
		return v.Int, nil
	case *cmzpb.Attr_Float:
		return v.Float, nil
	case *cmzpb.Attr_String_:
		return string(v.String_), nil
	case *cmzpb.Attr_Ints:
		return append([]int64{}, v.Ints.V...), nil
	case *cmzpb.Attr_Floats:
		return append([]float32{}, v.Floats.V...), nil
	case *cmzpb.Attr_Strings:
		return each(v.Strings.V, func(s []byte) (string, error) { return string(s), nil })
	case *cmzpb.Attr_Tensor:
		b.want(v.Tensor, func(t *tensor.Tensor) { attrs[a.Name] = t })
		return nil, nil
	case *cmzpb.Attr_Tensors:
		list := make([]*tensor.Tensor, len(v.Tensors.V))
		for i, id := range v.Tensors.V {
			b.want(id, func(t *tensor.Tensor) { list[i] = t })
		}
		return list, nil
	case *cmzpb.Attr_Graph:
		return b.graph(v.Graph)
	case *cmzpb.Attr_Graphs:
		return each(v.Graphs.V, b.graph)
	case *cmzpb.Attr_Foreign:
		return foreignFromPB(v.Foreign)
	}
	return nil, fmt.Errorf("no value, or one of a newer kind")
}

// want asks for a tensor to be read and placed later.
func (b *modelReader) want(id uint32, place func(*tensor.Tensor)) {
	b.ids = append(b.ids, int(id))
	b.place = append(b.place, place)
}

func portFromPB(p *cmzpb.Port) (graph.Port, error) {
	q := graph.Port{Name: graph.Value(p.Name), DType: dtypes[p.Dtype], Doc: p.Doc}
	if q.DType == tensor.Invalid && p.Dtype != cmzpb.DType_DTYPE_UNSPECIFIED {
		return q, fmt.Errorf("port %q has an unknown element type %d", p.Name, p.Dtype)
	}
	if !p.Ranked && len(p.Dims) > 0 {
		return q, fmt.Errorf("port %q has dimensions and no rank", p.Name)
	}
	if p.Ranked {
		q.Shape = make([]graph.Dim, 0, len(p.Dims))
	}
	for _, d := range p.Dims {
		if d.N < 0 || int64(int(d.N)) != d.N {
			return q, fmt.Errorf("port %q has an extent of %d", p.Name, d.N)
		}
		q.Shape = append(q.Shape, graph.Dim{N: int(d.N), Sym: d.Symbol})
	}
	return q, nil
}

func values(names []string) []graph.Value {
	vs := make([]graph.Value, len(names))
	for i, n := range names {
		vs[i] = graph.Value(n)
	}
	return vs
}

package format

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/format/internal/cmzpb"
)

// source is a tensor to be stored: its declaration and where its data are.
type source struct {
	name    string
	dtype   tensor.DType
	storage tensor.DType
	shape   tensor.Shape
	axis    int        // of the scales
	scales  *[]float32 // of int8 storage; set once the scales' own source was loaded
	load    func() (*tensor.Tensor, error)
}

// read returns the data and checks them against the declaration.
func (s *source) read() (*tensor.Tensor, error) {
	t, err := s.load()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", s.name, err)
	}
	if t.DType() != s.dtype || !t.Shape().Equal(s.shape) {
		return nil, fmt.Errorf("tensor %q is declared %v%v and holds %v", s.name, s.dtype, s.shape, t)
	}
	return t, nil
}

// headerWriter turns a model into the header's messages and collects the tensors.
type headerWriter struct {
	o       SaveOptions
	header  *cmzpb.Header
	sources []source
}

func newHeader(m *graph.Model, o SaveOptions) (*headerWriter, error) {
	w := &headerWriter{o: o, header: &cmzpb.Header{ChunkBytes: chunkBytes}}
	g, err := w.graph(m.Graph)
	if err != nil {
		return nil, err
	}
	ext, err := extToPB(m.Ext)
	if err != nil {
		return nil, err
	}
	opsets := map[string]int{}
	maps.Copy(opsets, m.Opsets)
	opsets[""] = graph.Opset
	model := &cmzpb.Model{Graph: g, Meta: entries(m.Meta), Ext: ext}
	for _, domain := range slices.Sorted(maps.Keys(opsets)) {
		model.Opsets = append(model.Opsets, &cmzpb.Opset{Domain: domain, Version: int64(opsets[domain])})
	}
	w.header.Model = model
	w.header.Provenance = provenanceToPB(o.Provenance)
	for _, r := range o.Results {
		w.header.Results = append(w.header.Results, resultToPB(r))
	}
	return w, nil
}

func (w *headerWriter) graph(g *graph.Graph) (*cmzpb.Graph, error) {
	ext, err := extToPB(g.Ext)
	if err != nil {
		return nil, fmt.Errorf("graph %q: %w", g.Name, err)
	}
	out := &cmzpb.Graph{Name: g.Name, Inputs: portsToPB(g.Inputs), Outputs: portsToPB(g.Outputs), Doc: g.Doc, Ext: ext}
	uses := usesIn(g)
	for _, p := range g.Params {
		q, err := w.param(p, uses[p.Name])
		if err != nil {
			return nil, err
		}
		out.Params = append(out.Params, q)
	}
	for _, n := range g.Nodes {
		q, err := w.node(n)
		if err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
		out.Nodes = append(out.Nodes, q)
	}
	return out, nil
}

func (w *headerWriter) param(p *graph.Param, uses []use) (*cmzpb.Param, error) {
	storage, err := storageOf(p, w.o)
	if err != nil {
		return nil, err
	}
	ext, err := extToPB(p.Ext)
	if err != nil {
		return nil, fmt.Errorf("parameter %q: %w", p.Name, err)
	}
	src := source{name: string(p.Name), dtype: p.DType, storage: storage, shape: p.Shape, load: p.Load}
	if storage == tensor.I8 && p.DType == tensor.F32 {
		src.axis = channelAxis(p, uses)
	}
	i, err := w.tensor(src)
	return &cmzpb.Param{Name: string(p.Name), Tensor: i, Trainable: p.Trainable, Ext: ext}, err
}

// tensor adds a table entry, for int8 storage after one for its scales, and
// returns its index.
func (w *headerWriter) tensor(s source) (uint32, error) {
	entry := &cmzpb.Tensor{Dtype: kinds[s.dtype].pb}
	for _, d := range s.shape {
		entry.Shape = append(entry.Shape, uint64(d))
	}
	if len(s.shape) > maxRank {
		return 0, fmt.Errorf("tensor %q of rank %d, at most %d can be stored", s.name, len(s.shape), maxRank)
	}
	if s.dtype == tensor.String {
		t, err := s.read()
		if err != nil {
			return 0, err
		}
		for _, v := range tensor.Data[string](t) {
			entry.Strings = append(entry.Strings, []byte(v))
		}
	}
	if s.storage != s.dtype {
		entry.Storage = kinds[s.storage].pb
	}
	if s.storage == tensor.I8 && s.dtype == tensor.F32 {
		entry.Axis = uint32(s.axis)
		s.scales = new([]float32)
		i, err := w.tensor(scaleSource(s))
		if err != nil {
			return 0, err
		}
		entry.Scales = i
	}
	w.header.Tensors = append(w.header.Tensors, entry)
	w.sources = append(w.sources, s)
	return uint32(len(w.sources) - 1), nil
}

// scaleSource returns the scales of s as a tensor of their own. Loading it also
// hands them to s.
func scaleSource(s source) source {
	load := func() (*tensor.Tensor, error) {
		t, err := s.read()
		if err != nil {
			return nil, err
		}
		*s.scales, err = scalesOf(t.F32s(), channelsOf(s.shape, s.axis))
		if err != nil {
			return nil, err
		}
		return tensor.Vec(*s.scales...), nil
	}
	return source{name: s.name + " (scales)", dtype: tensor.F32, storage: tensor.F32, shape: tensor.Shape{s.shape[s.axis]}, load: load}
}

// constant adds the tensor of an attribute.
func (w *headerWriter) constant(name string, t *tensor.Tensor) (uint32, error) {
	if t == nil {
		return 0, fmt.Errorf("attribute %q: no tensor", name)
	}
	load := func() (*tensor.Tensor, error) { return t, nil }
	return w.tensor(source{name: name, dtype: t.DType(), storage: t.DType(), shape: t.Shape(), load: load})
}

func (w *headerWriter) node(n *graph.Node) (*cmzpb.Node, error) {
	if n.Domain == graph.PrivateDomain {
		return nil, fmt.Errorf("operators of the domain %q exist only between Build and Compile and cannot be stored", n.Domain)
	}
	ext, err := extToPB(n.Ext)
	if err != nil {
		return nil, err
	}
	out := &cmzpb.Node{Name: n.Name, Op: n.Op, Domain: n.Domain, Inputs: names(n.In), Outputs: names(n.Out), Doc: n.Doc, Ext: ext}
	for _, name := range n.Attrs.Names() {
		a, err := w.attr(n.Name+"."+name, n.Attrs[name])
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
		a.Name = name
		out.Attrs = append(out.Attrs, a)
	}
	return out, nil
}

// attr stores one value; path names its tensors in messages.
func (w *headerWriter) attr(path string, v any) (*cmzpb.Attr, error) {
	switch v := v.(type) {
	case int64:
		return &cmzpb.Attr{Value: &cmzpb.Attr_Int{Int: v}}, nil
	case float32:
		return &cmzpb.Attr{Value: &cmzpb.Attr_Float{Float: v}}, nil
	case string:
		return &cmzpb.Attr{Value: &cmzpb.Attr_String_{String_: []byte(v)}}, nil
	case []int64:
		return &cmzpb.Attr{Value: &cmzpb.Attr_Ints{Ints: &cmzpb.Ints{V: v}}}, nil
	case []float32:
		return &cmzpb.Attr{Value: &cmzpb.Attr_Floats{Floats: &cmzpb.Floats{V: v}}}, nil
	case []string:
		list := &cmzpb.Strings{}
		for _, s := range v {
			list.V = append(list.V, []byte(s))
		}
		return &cmzpb.Attr{Value: &cmzpb.Attr_Strings{Strings: list}}, nil
	}
	return w.structured(path, v)
}

// structured is attr for values that hold tensors, graphs or another format's data.
func (w *headerWriter) structured(path string, v any) (*cmzpb.Attr, error) {
	switch v := v.(type) {
	case *tensor.Tensor:
		i, err := w.constant(path, v)
		return &cmzpb.Attr{Value: &cmzpb.Attr_Tensor{Tensor: i}}, err
	case []*tensor.Tensor:
		refs, err := each(v, func(t *tensor.Tensor) (uint32, error) { return w.constant(path, t) })
		return &cmzpb.Attr{Value: &cmzpb.Attr_Tensors{Tensors: &cmzpb.TensorRefs{V: refs}}}, err
	case *graph.Graph:
		g, err := w.graph(v)
		return &cmzpb.Attr{Value: &cmzpb.Attr_Graph{Graph: g}}, err
	case []*graph.Graph:
		gs, err := each(v, w.graph)
		return &cmzpb.Attr{Value: &cmzpb.Attr_Graphs{Graphs: &cmzpb.Graphs{V: gs}}}, err
	case Foreign:
		f, err := foreignToPB(v)
		return &cmzpb.Attr{Value: &cmzpb.Attr_Foreign{Foreign: f}}, err
	}
	return nil, fmt.Errorf("values of the Go type %T cannot be stored (they may implement format.Foreign)", v)
}

// each maps f over in and stops at the first error.
func each[A, B any](in []A, f func(A) (B, error)) ([]B, error) {
	out := make([]B, 0, len(in))
	for _, a := range in {
		b, err := f(a)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func portsToPB(ports []graph.Port) []*cmzpb.Port {
	var out []*cmzpb.Port
	for _, p := range ports {
		q := &cmzpb.Port{Name: string(p.Name), Dtype: kinds[p.DType].pb, Ranked: p.Shape != nil, Doc: p.Doc}
		for _, d := range p.Shape {
			q.Dims = append(q.Dims, &cmzpb.Dim{N: int64(d.N), Symbol: d.Sym})
		}
		out = append(out, q)
	}
	return out
}

func names(vs []graph.Value) []string {
	var out []string
	for _, v := range vs {
		out = append(out, string(v))
	}
	return out
}

// entries lists a map by key.
func entries(m map[string]string) []*cmzpb.Entry {
	var out []*cmzpb.Entry
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, &cmzpb.Entry{Key: k, Value: m[k]})
	}
	return out
}

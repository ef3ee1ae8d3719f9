package onnx

import (
	"google.golang.org/protobuf/encoding/protowire"

	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
)

// Estimated memory of what the reader makes, twice over for the garbage collector's slack.
const (
	costNode  = 1300
	costAttr  = 400
	costPort  = 500
	costParam = 900
	costName  = 64
)

// maxDepth bounds the nesting of graphs.
const maxDepth = 60

// reader turns a file's messages into a model with the file's own operators.
type reader struct {
	s        *source
	external *externals
	depth    int
	opsets   map[string]int // of the model or the function that is read
}

// graph reads a GraphProto.
func (r *reader) graph(m message) (*graph.Graph, error) {
	if r.depth++; r.depth > maxDepth {
		return nil, fail(ErrLimit, m.pos, "graphs nested deeper than %d", maxDepth)
	}
	defer func() { r.depth-- }()
	g, x := &graph.Graph{}, &graphExt{Ports: map[graph.Value][]byte{}}
	g.Ext = x
	if err := r.s.charge(costNode, m.pos); err != nil {
		return nil, err
	}
	for {
		ok, err := m.next()
		if err == nil && ok {
			err = r.graphField(g, x, &m)
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
	}
	defaults(g, x)
	nameNodes(g)
	return g, nil
}

func (r *reader) graphField(g *graph.Graph, x *graphExt, m *message) (err error) {
	switch m.num {
	case 2:
		g.Name, err = m.string()
	case 10:
		g.Doc, err = m.string()
	case 1, 5, 11, 12, 13, 15:
		var sub message
		if sub, err = m.sub(); err == nil {
			err = r.graphPart(g, x, m.num, sub)
		}
	default:
		err = m.keep(&x.Unknown)
	}
	return err
}

func (r *reader) graphPart(g *graph.Graph, x *graphExt, num protowire.Number, sub message) error {
	switch num {
	case 1:
		return r.node(g, sub)
	case 5:
		t, err := r.tensor(sub)
		if err != nil {
			return err
		}
		return r.initializer(g, t)
	case 11:
		p, err := r.port(x, sub)
		g.Inputs = append(g.Inputs, p)
		return err
	case 12:
		p, err := r.port(x, sub)
		g.Outputs = append(g.Outputs, p)
		return err
	case 13:
		info, err := r.info(sub)
		x.Infos = append(x.Infos, info)
		return err
	}
	return r.sparse(g, sub)
}

// defaults takes the inputs that are initialisers too out of the graph's inputs:
// before IR version 4 each initialiser had to be one.
func defaults(g *graph.Graph, x *graphExt) {
	params := g.ParamIndex()
	inputs := g.Inputs[:0:0]
	for _, p := range g.Inputs {
		if params[p.Name] == nil {
			inputs = append(inputs, p)
			continue
		}
		x.Listed = append(x.Listed, namedBytes{p.Name, x.Ports[p.Name], p})
		delete(x.Ports, p.Name)
	}
	g.Inputs = inputs
}

// nameNodes gives every node a name of its own.
func nameNodes(g *graph.Graph) {
	nm := newNamer()
	for _, n := range g.Nodes {
		x := n.Ext.(*nodeExt)
		if n.Name != "" && !nm.taken[n.Name] {
			nm.taken[n.Name] = true
			continue
		}
		x.Renamed, x.Name = true, n.Name
		if n.Name == "" {
			n.Name = n.Op
			if len(n.Out) > 0 {
				n.Name += "_" + string(n.Out[0])
			}
		}
	}
	for _, n := range g.Nodes {
		if x := n.Ext.(*nodeExt); x.Renamed {
			n.Name = nm.free(n.Name)
		}
	}
}

// namer hands out names that nothing has.
type namer struct {
	taken map[string]bool
	next  map[string]int // the number to try first
}

func newNamer() *namer { return &namer{taken: map[string]bool{}, next: map[string]int{}} }

// free returns name, with a number when it is taken, and takes it.
func (nm *namer) free(name string) string {
	got := name
	for i := max(2, nm.next[name]); nm.taken[got]; i++ {
		got = fmt.Sprintf("%s_%d", name, i)
		nm.next[name] = i + 1
	}
	nm.taken[got] = true
	return got
}

// info reads the ValueInfoProto of a value within the graph.
func (r *reader) info(m message) (namedBytes, error) {
	whole := m
	raw, err := whole.rest()
	if err != nil {
		return namedBytes{}, err
	}
	p, err := r.valueInfo(m)
	return namedBytes{p.Name, raw, p}, err
}

// port reads an input or output.
func (r *reader) port(x *graphExt, m message) (graph.Port, error) {
	whole := m
	raw, err := whole.rest()
	if err != nil {
		return graph.Port{}, err
	}
	p, err := r.valueInfo(m)
	x.Ports[p.Name] = raw
	return p, err
}

// valueInfo reads a ValueInfoProto.
func (r *reader) valueInfo(m message) (p graph.Port, err error) {
	if err := r.s.charge(costPort, m.pos); err != nil {
		return p, err
	}
	for {
		ok, err := m.next()
		if err != nil || !ok {
			return p, err
		}
		switch m.num {
		case 1:
			var s string
			s, err = m.string()
			p.Name = graph.Value(s)
		case 2:
			var sub message
			if sub, err = m.sub(); err == nil {
				err = r.typeProto(&p, sub)
			}
		case 3:
			p.Doc, err = m.string()
		default:
			err = m.skip()
		}
		if err != nil {
			return p, err
		}
	}
}

// typeProto reads a TypeProto; other types than tensors leave the port without one.
func (r *reader) typeProto(p *graph.Port, m message) error {
	return m.each(func() error {
		if m.num != 1 {
			return m.skip()
		}
		sub, err := m.sub()
		if err != nil {
			return err
		}
		return sub.each(func() error {
			switch sub.num {
			case 1:
				v, err := sub.int64()
				p.DType = elems[elemType(v)].dtype
				return err
			case 2:
				shape, err := sub.sub()
				if err != nil {
					return err
				}
				p.Shape = []graph.Dim{}
				return r.shapeProto(p, shape)
			}
			return sub.skip()
		})
	})
}

// shapeProto reads a TensorShapeProto. A dimension without a value gets a symbol
// that no other one has.
func (r *reader) shapeProto(p *graph.Port, m message) error {
	return m.each(func() error {
		if m.num != 1 {
			return m.skip()
		}
		sub, err := m.sub()
		if err != nil {
			return err
		}
		d := graph.Dim{N: -1}
		err = sub.each(func() (err error) {
			switch sub.num {
			case 1:
				var n int64
				n, err = sub.int64()
				d.N = int(n)
			case 2:
				d.Sym, err = sub.string()
			default:
				err = sub.skip()
			}
			return err
		})
		if d.Sym != "" {
			d.N = 0
		} else if d.N < 0 || d.N > maxExtent {
			d = graph.Dim{Sym: fmt.Sprintf("%s.%d", p.Name, len(p.Shape))}
		}
		if len(p.Shape) == maxRank {
			return fail(ErrLimit, m.pos, "rank above %d", maxRank)
		}
		p.Shape = append(p.Shape, d)
		return err
	})
}

// each calls f at every field; f reads it.
func (m *message) each(f func() error) error {
	for {
		ok, err := m.next()
		if err != nil || !ok {
			return err
		}
		if err := f(); err != nil {
			return err
		}
	}
}

package onnx

import (
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
)

// restorable finds the nodes that stand for one of the file, unchanged. The last
// of them maps to that node, the others to nil.
func (l *lowerer) restorable(g *graph.Graph, f *frame) map[*graph.Node]*graph.Node {
	groups := map[int][]*graph.Node{}
	for _, n := range g.Nodes {
		if x, ok := n.Ext.(*nodeExt); ok && x.Origin != nil {
			groups[x.Origin.ID] = append(groups[x.Origin.ID], n)
		}
	}
	back := map[*graph.Node]*graph.Node{}
	if len(groups) == 0 {
		return back
	}
	used, outs := g.Consumers(), g.OutputValues()
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		parts := groups[id]
		was := l.original(parts, f)
		if was == nil || leaks(parts, was, used, outs) {
			continue
		}
		for _, p := range parts {
			back[p] = nil
		}
		back[parts[len(parts)-1]] = was
	}
	return back
}

// original returns the node that the parts stand for, under today's names of
// values, or nil when they are not all there and as they were.
func (l *lowerer) original(parts []*graph.Node, f *frame) *graph.Node {
	o := parts[0].Ext.(*nodeExt).Origin
	x := mainExt(parts, o)
	if x == nil || versionAt(o.Node.Op, x.Opset) != versionAt(o.Node.Op, l.opset) {
		return nil
	}
	names := map[graph.Value]graph.Value{}
	attrs := graph.Attrs{}
	for i, p := range parts {
		y := p.Ext.(*nodeExt)
		if y.Part != i || !sameUse(o.Parts[i], p) || !renames(names, o.Parts[i].In, p.In) || !renames(names, o.Parts[i].Out, p.Out) {
			return nil
		}
		for name, v := range p.Attrs {
			switch v.(type) {
			case *graph.Graph, []*graph.Graph:
				attrs[name] = v
			}
		}
	}
	n := bare(o.Node)
	for name, v := range attrs {
		setAttr(n, name, v)
	}
	y := *x
	y.Origin = nil
	n.Name, n.Ext = parts[x.Part].Name, &y
	for _, list := range [][]graph.Value{n.In, n.Out} {
		for i, v := range list {
			if now, ok := names[v]; ok {
				list[i] = now
			}
		}
	}
	if slices.ContainsFunc(n.In, func(v graph.Value) bool { return !f.defined(v) }) {
		return nil
	}
	return n
}

// mainExt returns the record of the part that carries what the file said of the
// node, when all parts are there.
func mainExt(parts []*graph.Node, o *origin) *nodeExt {
	if len(parts) != len(o.Parts) {
		return nil
	}
	for _, p := range parts {
		if x := p.Ext.(*nodeExt); x.Main {
			return x
		}
	}
	return nil
}

// renames notes what each value was called and is called now.
func renames(names map[graph.Value]graph.Value, was, now []graph.Value) bool {
	for i, v := range was {
		if got, ok := names[v]; ok && got != now[i] || (v == "") != (now[i] == "") {
			return false
		}
		names[v] = now[i]
	}
	return true
}

// leaks reports whether a value between the parts is used elsewhere.
func leaks(parts []*graph.Node, was *graph.Node, used map[graph.Value][]*graph.Node, outs []graph.Value) bool {
	for _, p := range parts {
		for _, v := range p.Out {
			if v == "" || slices.Contains(was.Out, v) {
				continue
			}
			if slices.Contains(outs, v) || slices.ContainsFunc(used[v], func(n *graph.Node) bool { return !slices.Contains(parts, n) }) {
				return true
			}
		}
	}
	return false
}

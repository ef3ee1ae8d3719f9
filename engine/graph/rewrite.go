package graph

import (
	"fmt"
	"slices"
)

// Replace puts what build emits in the place of node n of graph g (m's main
// graph or a subgraph). build gets n's inputs and returns one value for each of n's
// outputs; these take over the names of n's outputs, so consumers, graph outputs
// and hints keep working. Parameters that nothing uses any more are removed.
// The model is unchanged when an error is returned.
func (m *Model) Replace(g *Graph, n *Node, build func(*Builder, []Value) ([]Value, error)) error {
	at := slices.Index(g.Nodes, n)
	if at < 0 {
		return fmt.Errorf("graph: node %q is not in graph %q", n.Name, g.Name)
	}
	frag := &Graph{Name: g.Name}
	b := m.fragmentBuilder(g, frag)
	delete(b.names, n.Name) // the first new node may take the name over
	outs, err := build(b, n.In)
	if err == nil {
		err = b.err
	}
	if err == nil && len(outs) != len(n.Out) {
		err = fmt.Errorf("graph: replacement of %q has %d outputs, want %d", n.Name, len(outs), len(n.Out))
	}
	if err != nil {
		return err
	}
	oldNodes, oldParams := g.Nodes, g.Params
	g.Nodes = slices.Replace(slices.Clone(g.Nodes), at, at+1, frag.renameOutputs(outs, n.Out)...)
	g.Params = append(slices.Clone(g.Params), frag.Params...)
	m.dropUnused(g, n.In)
	if err := m.Check(); err != nil {
		g.Nodes, g.Params = oldNodes, oldParams
		return fmt.Errorf("replacing node %q: %w", n.Name, err)
	}
	return nil
}

// fragmentBuilder returns a builder that appends to frag but sees the shapes of g's values, where they can be inferred.
func (m *Model) fragmentBuilder(g, frag *Graph) *Builder {
	b := &Builder{m: m, g: frag, names: map[string]bool{}, par: g.ParamIndex()}
	reserve(m.Graph, b.names)
	b.inf = newInferred(map[Value]Spec{})
	if g == m.Graph {
		if inf, err := m.InferAny(); err == nil {
			b.inf = inf
		}
	}
	for _, p := range g.Params {
		b.inf.Specs[p.Name] = paramSpec(p, true)
	}
	return b
}

// renameOutputs gives the fragment's results the names that the outside knows.
func (frag *Graph) renameOutputs(outs, want []Value) []*Node {
	made := frag.Producers()
	for i, v := range outs {
		if want[i] == "" {
			continue
		}
		if made[v] == nil || slices.Contains(outs[:i], v) { // an input handed through
			frag.Nodes = append(frag.Nodes, &Node{Name: string(want[i]) + "/identity", Op: "Identity", In: []Value{v}, Out: []Value{want[i]}})
			continue
		}
		frag.RenameValue(v, want[i])
	}
	return frag.Nodes
}

// RenameValue renames a value wherever g and its subgraphs use it.
func (g *Graph) RenameValue(from, to Value) {
	swap := func(vs []Value) {
		for i := range vs {
			if vs[i] == from {
				vs[i] = to
			}
		}
	}
	g.Walk(func(g *Graph) {
		for _, n := range g.Nodes {
			swap(n.In)
			swap(n.Out)
		}
		for i := range g.Outputs {
			if g.Outputs[i].Name == from {
				g.Outputs[i].Name = to
			}
		}
		for _, p := range g.Params {
			if p.Name == from {
				p.Name = to
			}
		}
	})
}

// dropUnused removes those of g's parameters among vs that nothing uses.
func (m *Model) dropUnused(g *Graph, vs []Value) {
	used := g.Consumers()
	for _, v := range vs {
		isOut := slices.ContainsFunc(g.Outputs, func(p Port) bool { return p.Name == v })
		if v != "" && len(used[v]) == 0 && !isOut {
			g.Params = slices.DeleteFunc(g.Params, func(p *Param) bool { return p.Name == v })
		}
	}
}

// Prune removes nodes and parameters of the main graph that no graph output and
// none of the values keep depend on, and inputs that no remaining node uses.
func (m *Model) Prune(keep ...Value) {
	g := m.Graph
	need := map[Value]bool{}
	for _, v := range append(g.OutputValues(), keep...) {
		need[v] = true
	}
	var nodes []*Node
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Out, func(v Value) bool { return need[v] }) {
			continue
		}
		nodes = append(nodes, n)
		for _, v := range n.Uses() {
			need[v] = true
		}
	}
	slices.Reverse(nodes)
	g.Nodes = nodes
	g.Params = slices.DeleteFunc(g.Params, func(p *Param) bool { return !need[p.Name] })
	g.Inputs = slices.DeleteFunc(slices.Clone(g.Inputs), func(p Port) bool { return !need[p.Name] })
}

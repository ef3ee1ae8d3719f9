package graph

import (
	"fmt"
	"maps"
	"slices"
)

// Bodied is an operator that runs subgraphs. Its Body tells shape inference which of
// them may run, what their inputs are and how often they run, once where only the
// inputs' values tell.
type Bodied interface {
	Body(n *Node, in []Spec) (graphs []*Graph, inputs []Spec, times int)
}

// Stacking is a Bodied operator that can tell what it gives, of what its only body gives
// in each iteration; values that are not known are absent.
type Stacking interface {
	Stack(n *Node, in, out []Spec) []Spec
}

// Body is a subgraph of a node as it was inferred.
type Body struct {
	Graph    *Graph
	Inferred *Inferred
	Times    int // how often it runs when the node runs once
}

// MACs returns what Total counts if nodes, also of subgraphs, multiplied more often in one run of the model,
// by the given numbers: the dearest of a node's subgraphs may then be another.
func (r *Inferred) MACs(more map[*Node]int64) int64 { return r.macs(more, 1) }

func (r *Inferred) macs(more map[*Node]int64, times int64) (total int64) {
	for n, own := range r.own {
		total += own*times + more[n]
	}
	for _, bodies := range r.Bodies {
		most := int64(0)
		for _, b := range bodies {
			most = max(most, b.Inferred.macs(more, times*int64(b.Times)))
		}
		total += most
	}
	return total
}

// bodies infers the subgraphs of n and returns the MACs of the costliest, all its
// iterations together. Costs of nodes within get the name of n in front: "if/conv". A
// branch may be impossible for the given extents and yet never be taken; a node all of
// whose subgraphs are is noted. Where all agree on an output of a node without
// iterations, the node has it too.
func (r *Inferred) bodies(n *Node, op Op) (macs int64) {
	in := make([]Spec, len(n.In))
	for i, v := range n.In {
		in[i] = r.Specs[v]
	}
	graphs, inputs, times := n.Attrs.Graphs(), []Spec(nil), 1
	if b, ok := op.(Bodied); ok {
		graphs, inputs, times = b.Body(n, in)
	}
	var done []*Inferred
	for _, g := range graphs {
		sub := r.body(g, inputs)
		if err := sub.nodes(g); err != nil {
			r.Unknown = append(r.Unknown, fmt.Sprintf("%s (%s): %v", n.Name, n.Op, err))
			continue
		}
		r.rejected = r.rejected || sub.rejected
		done = append(done, sub)
		r.Bodies[n] = append(r.Bodies[n], Body{g, sub, times})
		macs = max(macs, sub.Total.MACs*int64(times))
		for name, c := range sub.ByNode {
			c.MACs *= int64(times)
			r.ByNode[n.Name+"/"+name] = c
		}
		for _, why := range sub.Unknown {
			r.Unknown = append(r.Unknown, n.Name+"/"+why)
		}
	}
	r.rejected = r.rejected || len(done) == 0
	if len(inputs) == 0 && len(done) == len(graphs) {
		r.agreed(n, graphs, done)
	}
	if s, ok := op.(Stacking); ok && len(done) == 1 {
		r.stacked(n, s.Stack(n, in, done[0].outputs(graphs[0])))
	}
	return macs
}

// outputs returns what is known of g's outputs, without values.
func (r *Inferred) outputs(g *Graph) (out []Spec) {
	for _, v := range g.OutputValues() {
		s := r.Specs[v]
		out = append(out, Spec{DType: s.DType, Shape: s.Shape})
	}
	return out
}

// stacked sets the outputs of n that are known.
func (r *Inferred) stacked(n *Node, out []Spec) {
	for i, v := range n.Out {
		if v != "" && i < len(out) && out[i].Present() {
			r.Specs[v] = out[i]
		}
	}
}

// body begins the inference of a subgraph, which sees the values around it.
func (r *Inferred) body(g *Graph, inputs []Spec) *Inferred {
	sub := newInferred(maps.Clone(r.Specs))
	for i, p := range g.Inputs {
		delete(sub.Specs, p.Name)
		if i < len(inputs) && inputs[i].Present() {
			sub.Specs[p.Name] = inputs[i]
		}
	}
	for _, p := range g.Params {
		sub.Specs[p.Name] = paramSpec(p, true)
	}
	return sub
}

// nodes infers every node of g.
func (r *Inferred) nodes(g *Graph) error {
	params := g.ParamIndex()
	for _, n := range g.Nodes {
		if err := r.node(n, params); err != nil {
			return err
		}
	}
	return nil
}

// agreed sets the outputs of n that all subgraphs give with the same type and shape.
func (r *Inferred) agreed(n *Node, graphs []*Graph, done []*Inferred) {
	for i, v := range n.Out {
		var specs []Spec
		for j, g := range graphs {
			if i < len(g.Outputs) {
				if s, ok := done[j].Specs[g.Outputs[i].Name]; ok {
					specs = append(specs, Spec{DType: s.DType, Shape: s.Shape})
				}
			}
		}
		other := func(s Spec) bool { return s.DType != specs[0].DType || !s.Shape.Equal(specs[0].Shape) }
		if v != "" && len(specs) == len(graphs) && !slices.ContainsFunc(specs, other) {
			r.Specs[v] = specs[0]
		}
	}
}

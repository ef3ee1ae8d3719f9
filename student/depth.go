package student

import (
	"fmt"
	"math"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// Shorten returns a copy of m with a fraction of the blocks of each run of blocks that
// are alike, at least one; the others are left out evenly. A block lies between two
// values of the same shape that every path from input to output goes through, and two
// are alike when they have the same operators and shapes of parameters. With slice
// the blocks that stay keep their weights, else all weights are fresh.
func Shorten(m *graph.Model, fraction float64, slice bool, t Task) (*graph.Model, error) {
	if !(fraction > 0 && fraction <= 1) {
		return nil, fmt.Errorf("depth %g is not above 0 and at most 1", fraction)
	}
	m = m.DeepClone()
	inf, err := m.Infer(m.Graph.DimsOf(append(tensor.Shape{1}, t.Shape...)))
	if err != nil {
		return nil, err
	}
	if len(m.Graph.Outputs) != 1 || len(m.Graph.Inputs) == 0 {
		return nil, fmt.Errorf("the network has %d inputs and %d outputs, want one output", len(m.Graph.Inputs), len(m.Graph.Outputs))
	}
	steps := chain(m.Graph, inf.Specs)
	skip := map[int]bool{}
	for i := 0; i < len(steps); {
		period, count := repeats(steps, i)
		if count < 2 {
			i++
			continue
		}
		keep := kept(steps, i, period, count, fraction)
		for b := range count {
			if stays := (b+1)*keep/count > b*keep/count; !stays {
				for k := range period {
					skip[i+b*period+k] = true
				}
			}
		}
		i += period * count
	}
	if len(skip) == 0 && fraction < 1 {
		return nil, fmt.Errorf("the network has no repeated blocks to leave out at depth %g", fraction)
	}
	leaveOut(m.Graph, steps, skip)
	m.Prune()
	if err := m.Check(); err != nil {
		return nil, err
	}
	if slice {
		return m, nil
	}
	return Fresh(m, t)
}

// kept returns how many of count blocks from step i on stay. A block before them with
// the same operators and more, as one that halves a map, counts as one that stays.
func kept(steps []step, i, period, count int, fraction float64) int {
	first := 0
	if i >= period && contains(ops(steps[i-period:i]), ops(steps[i:i+period])) {
		first = 1
	}
	return max(1, int(math.Round(fraction*float64(count+first)))) - first
}

// ops counts the operators of steps.
func ops(steps []step) map[string]int {
	n := map[string]int{}
	for _, s := range steps {
		for _, op := range s.ops {
			n[op]++
		}
	}
	return n
}

func contains(a, b map[string]int) bool {
	for op, n := range b {
		if a[op] < n {
			return false
		}
	}
	return true
}

// step is the part of a graph between two neighbouring values of the chain.
type step struct {
	from, to graph.Value
	sign     string // equal for steps that are alike
	ops      []string
	shape    string // of to
}

// chain returns the steps between the values that every path from the first input to
// the output goes through.
func chain(g *graph.Graph, specs map[graph.Value]graph.Spec) []step {
	params := g.ParamIndex()
	last := map[graph.Value]int{} // the last node that uses a value
	for i, n := range g.Nodes {
		for _, v := range n.Uses() {
			last[v] = i
		}
	}
	last[g.Outputs[0].Name] = len(g.Nodes)
	var steps []step
	from, sign, ops := g.Inputs[0].Name, []string{}, []string{}
	open := map[graph.Value]bool{from: true} // values that are used later
	for i, n := range g.Nodes {
		sign, ops = append(sign, signature(n, params, specs)), append(ops, n.Op)
		for v := range open {
			if last[v] <= i {
				delete(open, v)
			}
		}
		for _, v := range n.Out {
			if v != "" && last[v] > i {
				open[v] = true
			}
		}
		if len(open) != 1 {
			continue
		}
		for v := range open {
			if v == from {
				continue
			}
			steps = append(steps, step{from, v, strings.Join(sign, ";"), ops, specs[v].Shape.String()})
			from, sign, ops = v, nil, nil
		}
	}
	return steps
}

// signature describes a node but for its name.
func signature(n *graph.Node, params map[graph.Value]*graph.Param, specs map[graph.Value]graph.Spec) string {
	out := n.Domain + "." + n.Op + n.Attrs.String()
	for _, v := range n.In {
		if p := params[v]; p != nil {
			out += p.Shape.String()
		} else {
			out += "|" + specs[v].Shape.String()
		}
	}
	return out
}

// repeats returns the shortest period that repeats at least twice from step i on, and
// how often. A period must lead back to the shape that it began with.
func repeats(steps []step, i int) (period, count int) {
	shapeBefore := func(k int) string {
		if k == 0 {
			return ""
		}
		return steps[k-1].shape
	}
	for p := 1; i+2*p <= len(steps); p++ {
		if shapeBefore(i) == "" || shapeBefore(i) != steps[i+p-1].shape {
			continue
		}
		n := 1
		for i+(n+1)*p <= len(steps) && same(steps[i:i+p], steps[i+n*p:i+(n+1)*p]) {
			n++
		}
		if n > 1 {
			return p, n
		}
	}
	return 0, 0
}

func same(a, b []step) bool {
	for i := range a {
		if a[i].sign != b[i].sign {
			return false
		}
	}
	return true
}

// leaveOut makes the consumers of each skipped step's result use what it began with.
func leaveOut(g *graph.Graph, steps []step, skip map[int]bool) {
	alias := map[graph.Value]graph.Value{}
	for i, s := range steps {
		if skip[i] {
			from := s.from
			if a, ok := alias[from]; ok {
				from = a
			}
			alias[s.to] = from
		}
	}
	for _, n := range g.Nodes {
		for i, v := range n.In {
			if a, ok := alias[v]; ok {
				n.In[i] = a
			}
		}
	}
}

package graph

import (
	"cmp"
	"slices"
)

// Pass rewrites the session's private copy of a graph before it is bound: it
// folds and fuses. It must leave every kept value with its name and meaning.
type Pass struct {
	Name  string
	Order int  // passes run in rising order, then by name
	Train bool // also for sessions that train; others only when parameters are constant
	Run   func(*PassContext) error
}

// PassContext is what a pass may look at and change.
type PassContext struct {
	Graph    *Graph // the session's own copy; parameters' data are shared with the model and must be replaced, not written
	Shapes   *Inferred
	Train    bool
	Backward bool // gradients are wanted
	keep     map[Value]bool
}

// Keep reports whether v must stay: it is fetched, an output, or asked a gradient of.
func (p *PassContext) Keep(v Value) bool { return p.keep[v] }

// Only returns the single consumer of v, or nil when v is kept or has several uses.
func (p *PassContext) Only(v Value, consumers map[Value][]*Node) *Node {
	if c := consumers[v]; len(c) == 1 && !p.keep[v] {
		return c[0]
	}
	return nil
}

var passes []Pass

// RegisterPass adds a pass; call it from init.
func RegisterPass(p Pass) {
	passes = append(passes, p)
	slices.SortStableFunc(passes, func(a, b Pass) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name))
	})
}

// runPasses applies the passes that fit the options.
func (c *compiler) runPasses() error {
	if c.o.Unfused {
		return nil
	}
	for _, p := range passes {
		if c.live() && !p.Train {
			continue
		}
		shapes, err := c.infer()
		if err != nil {
			return err
		}
		ctx := &PassContext{Graph: c.m.Graph, Shapes: shapes, Train: c.o.Train, Backward: c.o.Loss != "", keep: c.keep}
		if err := p.Run(ctx); err != nil {
			return err
		}
		c.m.Prune(c.kept()...)
	}
	return nil
}

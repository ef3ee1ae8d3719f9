package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() { graph.Register("", runner{name: "If", min: 1, max: 1, run: runIf, body: ifBody}) }

// runIf runs one of two subgraphs without inputs, as input 0 tells.
func runIf(_ *graph.Exec, env graph.Env, n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	cond, err := oneOf[bool](in[0], "the condition, input 0,")
	if err != nil {
		return nil, err
	}
	g, err := body(n, branch(cond), 0, len(n.Out))
	if err != nil {
		return nil, err
	}
	return env.RunGraph(g, nil)
}

func branch(cond bool) string {
	if cond {
		return "then_branch"
	}
	return "else_branch"
}

// ifBody knows the branch where the condition is constant.
func ifBody(n *graph.Node, in []graph.Spec) (graphs []*graph.Graph, inputs []graph.Spec, times int) {
	if len(in) == 1 && in[0].Const != nil {
		if cond, err := oneOf[bool](in[0].Const, "the condition"); err == nil && n.Attrs.Graph(branch(cond)) != nil {
			return []*graph.Graph{n.Attrs.Graph(branch(cond))}, nil, 1
		}
	}
	return n.Attrs.Graphs(), nil, 1
}

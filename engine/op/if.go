package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() { graph.Register("", runner{name: "If", min: 1, max: 1, run: runIf}) }

// runIf runs one of two subgraphs without inputs, as input 0 tells.
func runIf(_ *graph.Exec, env graph.Env, n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	cond, err := oneOf[bool](in[0], "the condition, input 0,")
	if err != nil {
		return nil, err
	}
	branch := "else_branch"
	if cond {
		branch = "then_branch"
	}
	g, err := body(n, branch, 0, len(n.Out))
	if err != nil {
		return nil, err
	}
	return env.RunGraph(g, nil)
}

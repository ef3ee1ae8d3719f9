package op

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() { graph.Register("", runner{name: "Loop", run: runLoop, body: loopBody}) }

// runLoop runs attribute body while it gives true, at most as often as input 0
// says and not at all when input 1 is false; both may be omitted. The body maps the
// iteration's number, the condition and N values to the condition, the next N
// values and K others. The outputs are the last N values, which begin as the inputs
// from 2 on, and the K others of all iterations, stacked.
func runLoop(_ *graph.Exec, env graph.Env, n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	trips, cond, err := loopBounds(in)
	if err != nil {
		return nil, err
	}
	state, err := given(in, 2)
	if err != nil {
		return nil, err
	}
	g, err := body(n, "body", 2+len(state), 1+len(state))
	if err != nil {
		return nil, err
	}
	stacks := stacksOf(g.Outputs[1+len(state):])
	for i := int64(0); i < trips && cond; i++ {
		out, err := env.RunGraph(g, append([]*tensor.Tensor{tensor.Scalar(i), tensor.Scalar(cond)}, state...))
		if err != nil {
			return nil, fmt.Errorf("iteration %d: %w", i, err)
		}
		if cond, err = oneOf[bool](out[0], "the body's condition"); err != nil {
			return nil, err
		}
		state = out[1 : 1+len(state)]
		keep(stacks, out[1+len(state):])
	}
	return withStacks(state, stacks)
}

// loopBody knows the first iteration's inputs, and the trips where input 0 is constant.
func loopBody(n *graph.Node, in []graph.Spec) (graphs []*graph.Graph, inputs []graph.Spec, times int) {
	inputs = []graph.Spec{{DType: tensor.I64, Shape: tensor.Shape{}}, {DType: tensor.Bool, Shape: tensor.Shape{}}}
	if len(in) > 2 {
		inputs = append(inputs, in[2:]...)
	}
	if len(in) > 0 && in[0].Const != nil && in[0].Const.DType() == tensor.I64 && in[0].Const.Len() == 1 {
		return n.Attrs.Graphs(), inputs, int(max(in[0].Const.I64s()[0], 0))
	}
	return n.Attrs.Graphs(), inputs, 1
}

// loopBounds returns the greatest number of iterations and the first condition.
func loopBounds(in []*tensor.Tensor) (trips int64, cond bool, err error) {
	trips, cond = math.MaxInt64, true
	if len(in) > 0 && in[0] != nil {
		if trips, err = oneOf[int64](in[0], "the number of iterations, input 0,"); err != nil {
			return 0, false, err
		}
	}
	if len(in) > 1 && in[1] != nil {
		cond, err = oneOf[bool](in[1], "the condition, input 1,")
	}
	return trips, cond, err
}

// given returns the inputs from i on, none of which may be omitted.
func given(in []*tensor.Tensor, i int) ([]*tensor.Tensor, error) {
	rest := in[min(i, len(in)):]
	for j, t := range rest {
		if t == nil {
			return nil, fmt.Errorf("input %d is missing", i+j)
		}
	}
	return rest, nil
}

// stacksOf makes a stack along axis 0 for each output of a subgraph.
func stacksOf(ports []graph.Port) []collected {
	stacks := make([]collected, len(ports))
	for i, p := range ports {
		stacks[i].port = p
	}
	return stacks
}

// keep adds the outputs of an iteration to their stacks.
func keep(stacks []collected, out []*tensor.Tensor) {
	for i := range stacks {
		stacks[i].each = append(stacks[i].each, out[i])
	}
}

// withStacks returns the final values followed by the stacks.
func withStacks(state []*tensor.Tensor, stacks []collected) ([]*tensor.Tensor, error) {
	out := append([]*tensor.Tensor{}, state...)
	for i := range stacks {
		t, err := stacks[i].stack()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

package op

import (
	"fmt"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", runner{name: "Scan", min: 1, run: runScan, body: scanBody, stack: scanStack})
}

// scanned is an input that is given to the body slice by slice.
type scanned struct {
	t       *tensor.Tensor
	axis    int
	reverse bool
}

// at returns the slice of iteration i.
func (s scanned) at(i int) *tensor.Tensor {
	if s.reverse {
		i = s.t.Dim(s.axis) - 1 - i
	}
	return sliceAt(s.t, s.axis, i)
}

// runScan runs attribute body once for each slice of the last num_scan_inputs
// inputs. The body maps N values and the slices to the next N values and K others.
// The outputs are the last N values, which begin as the first N inputs, and the K
// others of all iterations, stacked. Axes and directions are attributes.
func runScan(_ *graph.Exec, env graph.Env, n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	in, err := given(in, 0)
	if err != nil {
		return nil, err
	}
	m := n.Attrs.Int("num_scan_inputs", 0)
	if m < 1 || m > len(in) {
		return nil, fmt.Errorf("num_scan_inputs is %d, want 1 to %d", m, len(in))
	}
	state := in[:len(in)-m]
	g, err := body(n, "body", len(in), len(state))
	if err != nil {
		return nil, err
	}
	inputs, steps, err := scanInputs(n, in[len(state):])
	if err != nil {
		return nil, err
	}
	stacks, err := scanOutputs(n, g.Outputs[len(state):])
	if err != nil {
		return nil, err
	}
	for i := range steps {
		args := append([]*tensor.Tensor{}, state...)
		for _, s := range inputs {
			args = append(args, s.at(i))
		}
		out, err := env.RunGraph(g, args)
		if err != nil {
			return nil, fmt.Errorf("iteration %d: %w", i, err)
		}
		state = out[:len(state)]
		keep(stacks, out[len(state):])
	}
	return withStacks(state, stacks)
}

// scanBody cuts the scanned inputs' axes out of their shapes.
func scanBody(n *graph.Node, in []graph.Spec) (graphs []*graph.Graph, inputs []graph.Spec, times int) {
	graphs = n.Attrs.Graphs()
	m := n.Attrs.Int("num_scan_inputs", 0)
	axes, err := listOf(n, "scan_input_axes", m)
	if err != nil || m < 1 || m > len(in) {
		return graphs, nil, 1
	}
	inputs, times = slices.Clone(in), 1
	for i, axis := range axes {
		s := &inputs[len(in)-m+i]
		if axis < 0 {
			axis += len(s.Shape)
		}
		if axis < 0 || axis >= len(s.Shape) {
			return graphs, nil, 1
		}
		times = s.Shape[axis]
		*s = graph.Spec{DType: s.DType, Shape: slices.Delete(s.Shape.Clone(), axis, axis+1)}
	}
	return graphs, inputs, times
}

// scanStack gives the stacked outputs their axis; the last N values have the shapes of one iteration.
func scanStack(n *graph.Node, in, out []graph.Spec) []graph.Spec {
	_, inputs, steps := scanBody(n, in)
	states := len(in) - n.Attrs.Int("num_scan_inputs", 0)
	axes, err := listOf(n, "scan_output_axes", max(0, len(out)-states))
	if err != nil || inputs == nil {
		return nil
	}
	for i, axis := range axes {
		s := &out[states+i]
		if axis < 0 {
			axis += len(s.Shape) + 1
		}
		if !s.Present() || axis < 0 || axis > len(s.Shape) {
			*s = graph.Spec{}
			continue
		}
		s.Shape = slices.Insert(s.Shape.Clone(), axis, steps)
	}
	return out
}

// scanInputs returns the inputs to slice and the number of slices.
func scanInputs(n *graph.Node, in []*tensor.Tensor) (inputs []scanned, steps int, err error) {
	axes, err := listOf(n, "scan_input_axes", len(in))
	if err != nil {
		return nil, 0, err
	}
	reverse, err := listOf(n, "scan_input_directions", len(in))
	if err != nil {
		return nil, 0, err
	}
	for i, t := range in {
		a := axes[i]
		if a < 0 {
			a += t.Rank()
		}
		if a < 0 || a >= t.Rank() {
			return nil, 0, fmt.Errorf("scan_input_axes: axis %d of %v", axes[i], t)
		}
		if i > 0 && t.Dim(a) != steps {
			return nil, 0, fmt.Errorf("scan input %d has %d slices, want %d as the first", i, t.Dim(a), steps)
		}
		steps = t.Dim(a)
		inputs = append(inputs, scanned{t, a, reverse[i] != 0})
	}
	return inputs, steps, nil
}

// scanOutputs makes the stacks of the body's outputs.
func scanOutputs(n *graph.Node, ports []graph.Port) ([]collected, error) {
	axes, err := listOf(n, "scan_output_axes", len(ports))
	if err != nil {
		return nil, err
	}
	reverse, err := listOf(n, "scan_output_directions", len(ports))
	if err != nil {
		return nil, err
	}
	stacks := stacksOf(ports)
	for i := range stacks {
		stacks[i].axis, stacks[i].reverse = axes[i], reverse[i] != 0
	}
	return stacks, nil
}

// listOf returns an attribute with a number for each of count things, 0 by default.
func listOf(n *graph.Node, attr string, count int) ([]int, error) {
	if !n.Attrs.Has(attr) {
		return make([]int, count), nil
	}
	list := n.Attrs.Ints(attr)
	if len(list) != count {
		return nil, fmt.Errorf("%s has %d elements, want %d", attr, len(list), count)
	}
	return list, nil
}

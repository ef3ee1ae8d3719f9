package student

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

func init() {
	for name, cell := range map[string]nn.Cell{"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN} {
		Register(Arch{Name: name, Usage: name + ":UNITS,..[;dropout=P][;bidirectional=0|1]", Build: recurrent(cell)})
	}
}

// recurrent emits stacked recurrent layers that read an image row by row (T = H,
// K = C W), or a T x K sample step by step, and classify from the last state.
func recurrent(cell nn.Cell) func(*nn.Net, graph.Value, Task, Spec) (graph.Value, error) {
	return func(n *nn.Net, x graph.Value, t Task, s Spec) (graph.Value, error) {
		units, err := s.ints(1, maxLayers)
		if err != nil {
			return "", err
		}
		if err := s.only("dropout", "bidirectional"); err != nil {
			return "", err
		}
		drop, err := s.rate("dropout")
		if err != nil {
			return "", err
		}
		if x, err = sequence(n, x, t); err != nil {
			return "", err
		}
		for i, u := range units {
			x = n.Recurrent(fmt.Sprintf("%s%d", s.Name, i+1), x, u, nn.Recurrent{
				Cell: cell, Sequence: i < len(units)-1, Bidirectional: s.Opts["bidirectional"] == "1",
			})
			x = n.Dropout(fmt.Sprintf("dropout%d", i+1), x, drop)
		}
		return n.Dense("classifier", x, t.Classes, nn.Dense{Init: nn.XavierUniform}), nil
	}
}

// sequence brings samples to N x T x K.
func sequence(n *nn.Net, x graph.Value, t Task) (graph.Value, error) {
	switch s := t.Shape; len(s) {
	case 2:
		return x, nil
	case 3:
		if s[0] > 1 {
			x = n.Node("rows", "Transpose", graph.Attrs{"perm": graph.Ints64(0, 2, 1, 3)}, x)
		}
		return n.Node("steps", "Reshape", nil, x, n.Ints("steps_shape", 0, s[1], s[0]*s[2])), nil
	}
	return "", fmt.Errorf("it needs sequences T x K or images")
}

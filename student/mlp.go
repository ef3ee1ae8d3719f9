package student

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
)

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// maxLayers bounds how deep an architecture string can ask a network to be.
const maxLayers = 1024

func init() {
	Register(Arch{Name: "mlp", Usage: "mlp:UNITS,..[;dropout=P][;input-dropout=P]", Build: buildMLP})
}

// buildMLP emits dense ReLU layers; dropout applies after each hidden layer.
func buildMLP(n *nn.Net, x graph.Value, t Task, s Spec) (graph.Value, error) {
	units, err := s.ints(0, maxLayers)
	if err != nil {
		return "", err
	}
	if err := s.only("dropout", "input-dropout"); err != nil {
		return "", err
	}
	drop, err := s.rate("dropout")
	if err != nil {
		return "", err
	}
	inDrop, err := s.rate("input-dropout")
	if err != nil {
		return "", err
	}
	if len(t.Shape) > 1 {
		x = n.Flatten(x)
	}
	x = n.Dropout("input_dropout", x, inDrop)
	for i, u := range units {
		n.Scope(fmt.Sprintf("fc%d", i+1), func() {
			x = n.Relu(n.Dense("dense", x, u, nn.Dense{}))
			x = n.Dropout("dropout", x, drop)
		})
	}
	return n.Dense("classifier", x, t.Classes, nn.Dense{Init: nn.XavierUniform}), nil
}

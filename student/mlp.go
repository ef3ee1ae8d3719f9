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
	Register(Arch{Name: "mlp", Usage: "mlp:UNITS,..[;dropout=P][;input-dropout=P][;norm=batch]", Build: buildMLP})
}

// buildMLP emits dense ReLU layers; normalisation applies before the ReLU of each, dropout after it.
func buildMLP(n *nn.Net, x graph.Value, t Task, s Spec) (graph.Value, error) {
	units, err := s.ints(0, maxLayers)
	if err != nil {
		return "", err
	}
	if err := s.only("dropout", "input-dropout", "norm"); err != nil {
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
	norm := s.Opts["norm"]
	if norm != "" && norm != "batch" {
		return "", fmt.Errorf("norm=%s: only batch is known", norm)
	}
	if len(t.Shape) > 1 {
		x = n.Flatten(x)
	}
	x = n.Dropout("input_dropout", x, inDrop)
	for i, u := range units {
		n.Scope(fmt.Sprintf("fc%d", i+1), func() {
			x = n.Dense("dense", x, u, nn.Dense{})
			if norm != "" {
				x = n.BatchNorm("norm", x)
			}
			x = n.Dropout("dropout", n.Relu(x), drop)
		})
	}
	return n.Dense("classifier", x, t.Classes, nn.Dense{Init: nn.XavierUniform}), nil
}

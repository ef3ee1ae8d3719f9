package nn_test

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// A small convolutional network with a residual block. What the builders emit are
// plain nodes: there is nothing else to the model.
func Example() {
	n := nn.New("tiny", 1)
	x := n.Input("image", tensor.F32, "N", 3, 32, 32)
	x = n.Relu(n.BatchNorm("bn", n.Conv("conv", x, 16, nn.Conv{Kernel: 3, Pad: 1, NoBias: true})))
	x = n.BasicBlock("block", x, 32, 2, nn.PadShortcut)
	n.Output(n.Dense("classifier", n.GlobalAveragePool(x), 10, nn.Dense{}))
	m, err := n.Model()
	if err != nil {
		fmt.Println(err)
		return
	}
	cost, _, err := m.Cost(graph.Dims{"N": 1})
	fmt.Println(len(m.Graph.Nodes), "nodes,", cost.MACs, "MACs,", err)
	for _, node := range m.Graph.Nodes[:4] {
		fmt.Println(node.Op, node.Name)
	}
	// Output:
	// 15 nodes, 3981632 MACs, <nil>
	// Conv conv/conv
	// BatchNormalization bn/bn
	// Relu relu
	// Conv block/conv1/conv
}

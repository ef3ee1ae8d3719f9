package lowrank_test

import (
	"context"
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	_ "github.com/compress-toolkit/compress/engine/op"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/lowrank"
)

// Replace a dense layer by two of rank 8.
func ExampleRun() {
	b := graph.NewBuilder("net")
	x := b.Input("x", tensor.F32, "N", 64)
	b.Output(b.Node("fc", "MatMul", nil, x, b.Param("w", tensor.New(tensor.F32, tensor.Shape{64, 32}))))
	m, err := b.Model()
	if err != nil {
		fmt.Println(err)
		return
	}
	small, report, err := lowrank.Run(context.Background(), m, lowrank.Config{Method: "svd", Policy: lowrank.FixedRank{Ranks: lowrank.Ranks{8}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.ParamsBefore, report.ParamsAfter, len(small.Graph.Nodes))
	// Output: 2048 768 2
}

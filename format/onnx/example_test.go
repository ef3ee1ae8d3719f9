package onnx_test

import (
	"fmt"

	"github.com/compress-toolkit/compress/format/onnx"
)

func ExampleLoad() {
	m, err := onnx.Load("testdata/transformer-17.onnx", onnx.LoadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Inputs[0].Name, m.Graph.Inputs[0].Shape)
	w := 0
	for _, p := range m.AllParams() {
		if p.Trainable {
			w += p.Shape.Size()
		}
	}
	fmt.Println(w, "weights")
	// Output:
	// x [{0 N} {0 T} {16 }]
	// 2224 weights
}

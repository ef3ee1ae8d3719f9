package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/op"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// precisionFlag is for the commands that run models.
func precisionFlag() cli.Flag {
	return &cli.StringFlag{Name: "precision", Value: "float32", Usage: "compute products with constant matrices (Gemm, MatMul) in float32, bf16 or int8; convolutions stay in float32"}
}

// inPrecision returns the model for sessions in the precision that --precision asks for,
// and says how many products it changes.
func inPrecision(c *cli.Context, path string, m *graph.Model) (*graph.Model, error) {
	t, ok := map[string]tensor.DType{"float32": tensor.F32, "bf16": tensor.BF16, "int8": tensor.I8}[c.String("precision")]
	switch {
	case !ok:
		return nil, usagef("--precision %s: write float32, bf16 or int8", c.String("precision"))
	case t == tensor.F32:
		return m, nil
	}
	low, n, err := op.InPrecision(m, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; leave --precision out", path, err)
	}
	say(c, "%s: %d products compute in %v, all else in float32", path, n, t)
	return low, nil
}

package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/train"
)

func convertCommand() *cli.Command {
	return command("convert", "convert between model formats and storage types", "MODEL", commonFlags(
		&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "model `FILE` to write"},
		&cli.StringFlag{Name: "dtype", Usage: "storage of weights: f32, f16, bf16 or int8"},
		&cli.IntFlag{Name: "opset", Usage: "`VERSION` of ONNX's operators to write; 0 is the input's own"},
		&cli.BoolFlag{Name: "external-data", Usage: "write an ONNX file's weights to a file beside it"},
	), convertAction)
}

type converted struct {
	Version   int    `json:"version"`
	Output    string `json:"output"`
	FileBytes int64  `json:"file_bytes"`
}

func convertAction(c *cli.Context) error {
	if err := args(c, 1, 1); err != nil {
		return err
	}
	if _, err := required(c, "o"); err != nil {
		return err
	}
	out, save, err := output(c)
	if err != nil {
		return err
	}
	save.Opset, save.External = c.Int("opset"), c.Bool("external-data")
	m, err := loadModel(c, c.Args().First())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(m.AllParams(), func(p *graph.Param) bool { s := save.StorageOf(p); return s != p.DType && s != p.Storage }) {
		noteAccuracy(m, train.Eval{}) // it was that of other weights
	}
	r := converted{Version: 1, Output: out}
	if !c.Bool("dry-run") {
		if r.FileBytes, err = saveModel(c, out, m, save); err != nil {
			return err
		}
	}
	return emit(c, r, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %s\n", out, bench.Bytes(r.FileBytes))
		return err
	})
}

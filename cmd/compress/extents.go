package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/engine/graph"
)

// batchFlag is the extent of the dimensions that begin an input.
func batchFlag(what string) cli.Flag {
	return &cli.IntFlag{Name: "batch", Value: 1, Usage: "`N` samples at once for " + what + ": the extent of symbolic dimensions that begin an input"}
}

// dimsFlag names the extents of other symbolic dimensions.
func dimsFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "dims", Usage: "extent of a symbolic dimension, `NAME=N`; repeatable. Not given: the smallest that the model's windows allow"}
}

// extents returns the extents of a model's symbolic dimensions: those of --dims,
// --batch where an input begins with a symbol, else the smallest that will do.
func extents(c *cli.Context, m *graph.Model) (graph.Dims, error) {
	named, err := namedDims(c, m)
	if err != nil {
		return nil, err
	}
	return bench.Options{Batch: c.Int("batch"), Dims: named}.Extents(m), nil
}

// namedDims parses --dims for the symbols of the models.
func namedDims(c *cli.Context, models ...*graph.Model) (graph.Dims, error) {
	var known []string
	for _, m := range models {
		known = append(known, m.Graph.Symbols()...)
	}
	d := graph.Dims{}
	for _, item := range c.StringSlice("dims") {
		name, text, _ := strings.Cut(item, "=")
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, usagef("--dims %s is not NAME=N with N of at least 1", item)
		}
		if !slices.Contains(known, name) {
			return nil, usagef("--dims %s: the model has no symbolic dimension %q (it has: %s)", item, name, strings.Join(known, ", "))
		}
		d[name] = n
	}
	return d, nil
}

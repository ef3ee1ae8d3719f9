package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	benchreport "github.com/compress-toolkit/compress/bench/report"
	"github.com/compress-toolkit/compress/internal/atomicfile"
	"github.com/compress-toolkit/compress/lowrank"
)

// checkPlot fails early for a plot that could not be written at the end.
func checkPlot(path string) error {
	if filepath.Ext(path) != ".svg" {
		return usagef("--plot %s: the plot is an .svg file", path)
	}
	if st, err := os.Stat(filepath.Dir(path)); err != nil || !st.IsDir() {
		return usagef("--plot %s: there is no folder %s", path, filepath.Dir(path))
	}
	return nil
}

// writeTradeoff writes the plot of error against size, where --plot asks for it and there is a curve.
func writeTradeoff(c *cli.Context, rep *lowrank.Report) error {
	path := c.String("plot")
	if path == "" {
		return nil
	}
	if len(rep.Tradeoff) < 2 {
		say(c, "warning: no site has smaller forms of several sizes, there is no curve: %s was not written", path)
		return nil
	}
	var ps []benchreport.SizeError
	for _, t := range rep.Tradeoff {
		ps = append(ps, benchreport.SizeError{Params: t.Params, Error: t.Error})
	}
	p, err := benchreport.TradeoffPlot(ps, rep.ParamsAfter)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error { return p.WriteSVG(w) })
}

package main

import (
	"io"

	benchreport "github.com/compress-toolkit/compress/bench/report"
	"github.com/compress-toolkit/compress/internal/atomicfile"
	"github.com/compress-toolkit/compress/lowrank"
)

// writeTradeoff writes the plot of error against size, and nothing when path is empty.
func writeTradeoff(path string, rep *lowrank.Report) error {
	if path == "" {
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

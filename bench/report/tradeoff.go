package report

import "fmt"

// SizeError is a plan of a whole model: its parameters and its error.
type SizeError struct {
	Params int64
	Error  float64
}

// TradeoffPlot draws the error of plans, in rising size, against their size, and where the chosen one
// of chosen parameters lies. It needs two plans.
func TradeoffPlot(ps []SizeError, chosen int64) (Plot, error) {
	if len(ps) < 2 {
		return Plot{}, fmt.Errorf("report: a curve of %d sizes: there is nothing to plot", len(ps))
	}
	high := 0.0
	for _, p := range ps {
		high = max(high, p.Error)
	}
	f := frame{
		x: linearAxis(0, float64(ps[len(ps)-1].Params), frameLeft, frameRight), y: linearAxis(0, high, frameBottom, frameTop),
		xTick: countTick, yTick: percentTick, xName: "parameters", yName: "mean relative error of the sites",
	}
	c := newCanvas(frameHeight, "error against size")
	f.draw(c)
	var xs, ys []float64
	for _, p := range ps {
		xs, ys = append(xs, f.x.at(float64(p.Params))), append(ys, f.y.at(p.Error))
	}
	c.path(xs, ys, "stroke:var(--c0);stroke-width:2")
	x, anchor, at := f.x.at(float64(chosen)), "start", 6.0
	if x > plotWidth/2 {
		anchor, at = "end", -6
	}
	c.line(x, frameTop, x, frameBottom, "stroke-width:2;stroke:var(--c1)")
	c.text(x+at, frameTop+14, "", anchor, "chosen: "+countTick(float64(chosen)))
	return Plot{Name: "error-size", Caption: "Error against size; the line marks the chosen plan.", kind: curves, svg: c.String()}, nil
}

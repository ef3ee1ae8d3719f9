package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// maxBars are the layers of one plot.
const maxBars = 20

// layersPlot is a bar for each layer, the largest maxBars of them in the model's order.
func layersPlot(m Model) string {
	shown, rest := largest(m.Layers, maxBars)
	if len(shown) == 0 {
		return ""
	}
	if rest.Params > 0 {
		shown = append(shown, rest)
	}
	var most int64
	for _, l := range shown {
		most = max(most, l.Bytes)
	}
	const row, bar = 34.0, 10.0
	c := newCanvas(row*float64(len(shown))+6, "parameters of each layer of "+m.Path)
	for i, l := range shown {
		y := row * float64(i)
		value := bytesTick(float64(l.Bytes)) + ", " + countTick(float64(l.MACs)) + "MACs"
		c.text(4, y+15, "", "start", truncated(l.Name, 34))
		c.text(plotWidth-4, y+15, "soft", "end", value)
		c.rect(4, y+20, math.Max((plotWidth-8)*float64(l.Bytes)/float64(max(most, 1)), 1), bar, "fill:var(--c0)", l.Name+": "+value)
	}
	return c.String()
}

// largest returns the n layers with the most bytes, in order, and the sum of the others.
func largest(ls []Layer, n int) (shown []Layer, rest Layer) {
	sizes := make([]int64, len(ls))
	for i, l := range ls {
		sizes[i] = l.Bytes
	}
	slices.Sort(sizes)
	var least int64
	if len(sizes) > n {
		least = sizes[len(sizes)-n]
	}
	others := 0
	for _, l := range ls {
		if l.Bytes >= least && len(shown) < n {
			shown = append(shown, l)
			continue
		}
		others++
		rest.Params, rest.Bytes, rest.MACs = rest.Params+l.Params, rest.Bytes+l.Bytes, rest.MACs+l.MACs
	}
	rest.Name = fmt.Sprintf("%d other layers", others)
	return shown, rest
}

func spectrumCaption(s Spectrum) string {
	parts := []string{fmt.Sprintf("%s of %s: singular values over the largest.", s.Site, shortName(s.Model))}
	for _, r := range s.Ranks {
		parts = append(parts, fmt.Sprintf("%s has rank %d of %d there, which holds %.1f %% of the energy.", shortName(r.Model), r.Rank, len(s.Values), 100*s.Energy(r.Rank)))
	}
	return strings.Join(parts, " ")
}

// spectrumPlot draws the singular values on a logarithmic scale of four decades at
// most, and a line at every chosen rank.
func spectrumPlot(s Spectrum) string {
	if len(s.Values) < 2 || s.Values[0] <= 0 {
		return ""
	}
	var xs, ys []float64
	least := 1.0
	for _, v := range s.Values {
		least = min(least, max(v/s.Values[0], 1e-4))
	}
	f := frame{
		x: linearAxis(0, float64(len(s.Values)), frameLeft, frameRight), y: logAxis(least, 1, frameBottom, frameTop),
		xTick: plainTick, yTick: plainTick, xName: "number", yName: "singular value / largest (log)",
	}
	c := newCanvas(frameHeight, "singular values of "+s.Site)
	f.draw(c)
	for i, v := range s.Values {
		if v = v / s.Values[0]; v >= least {
			xs, ys = append(xs, f.x.at(float64(i+1))), append(ys, f.y.at(v))
		}
	}
	c.path(xs, ys, "stroke:var(--c0);stroke-width:2")
	for i, r := range s.Ranks {
		x := f.x.at(float64(r.Rank))
		c.line(x, frameTop, x, frameBottom, "stroke-width:2;stroke:"+colour(i+1))
		anchor, at := "start", x+6
		if x > plotWidth/2 {
			anchor, at = "end", x-6
		}
		c.text(at, frameTop+14+16*float64(i), "", anchor, fmt.Sprintf("rank %d: %s", r.Rank, truncated(shortName(r.Model), 24)))
	}
	return c.String()
}

// curvesPlot draws what of all trainings, empty when none has it.
func curvesPlot(cs []Curve, what string) string {
	type line struct {
		name   string
		colour string
		xs, ys []float64
	}
	var ls []line
	maxX, low, high := 0.0, math.Inf(1), math.Inf(-1)
	for i, c := range cs {
		l := line{name: c.Name, colour: colour(i)}
		for _, p := range c.Points {
			y := p.Loss
			if what == "accuracy" {
				if p.Accuracy == nil {
					continue
				}
				y = *p.Accuracy
			}
			if math.IsNaN(y) || math.IsInf(y, 0) {
				continue
			}
			l.xs, l.ys = append(l.xs, p.Epoch), append(l.ys, y)
			maxX, low, high = max(maxX, p.Epoch), min(low, y), max(high, y)
		}
		if len(l.xs) > 0 {
			ls = append(ls, l)
		}
	}
	if len(ls) == 0 {
		return ""
	}
	f := frame{
		x: linearAxis(0, maxX, frameLeft, frameRight), y: linearAxis(low, high, frameBottom, frameTop),
		xTick: plainTick, yTick: plainTick, xName: "epoch", yName: what,
	}
	if what == "accuracy" {
		f.yTick = percentTick
	}
	c := newCanvas(frameHeight+20*float64(len(ls)), what+" during training")
	f.draw(c)
	for i, l := range ls {
		for k := range l.xs {
			l.xs[k], l.ys[k] = f.x.at(l.xs[k]), f.y.at(l.ys[k])
		}
		c.path(l.xs, l.ys, "stroke-width:2;stroke:"+l.colour)
		y := frameHeight + 12 + 20*float64(i)
		c.line(frameLeft, y-4, frameLeft+24, y-4, "stroke-width:3;stroke:"+l.colour)
		c.text(frameLeft+32, y, "", "start", truncated(l.name, 48))
	}
	return c.String()
}

package report

import (
	"math"
	"strconv"

	"github.com/compress-toolkit/compress/bench"
)

// axis maps values to positions on a line.
type axis struct {
	low, high float64 // of the values
	from, to  float64 // of the positions
	log       bool
	binary    bool // ticks of a logarithmic axis are powers of two
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	if high == low {
		return (a.from + a.to) / 2
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// linearAxis holds all values, with round ends.
func linearAxis(low, high, from, to float64) axis {
	step := niceStep(high - low)
	return axis{low: math.Floor(low/step) * step, high: math.Ceil(high/step) * step, from: from, to: to}
}

// logAxis holds all positive values, with some space beside them.
func logAxis(low, high, from, to float64) axis {
	if low == high {
		low, high = low/2, high*2
	}
	pad := math.Pow(high/low, 0.06)
	return axis{low: low / pad, high: high * pad, from: from, to: to, log: true}
}

// niceStep is 1, 2 or 5 times a power of ten, about a fifth of the span.
func niceStep(span float64) float64 {
	if span <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(span/5)))
	for _, m := range []float64{1, 2, 5} {
		if m*power*6 >= span {
			return m * power
		}
	}
	return 10 * power
}

// ticks are the values to mark.
func (a axis) ticks() []float64 {
	if a.log {
		return a.logTicks()
	}
	var ts []float64
	step := niceStep(a.high - a.low)
	for i := math.Ceil(a.low/step - 1e-9); i*step <= a.high+step*1e-9; i++ {
		ts = append(ts, i*step+0) // no negative zero
	}
	return ts
}

// logTicks are powers of the base, each of them or every few, and 2 and 5 times powers
// of ten where few are in range.
func (a axis) logTicks() []float64 {
	base, marks := 10.0, []float64{1, 2, 5}
	if a.binary {
		base, marks = 2, []float64{1}
	}
	powers := math.Log(a.high/a.low) / math.Log(base)
	if powers > 2 {
		marks = marks[:1]
	}
	every := max(math.Ceil(powers/6), 1)
	var ts []float64
	for e := math.Floor(math.Log(a.low)/math.Log(base)/every) * every; math.Pow(base, e) <= a.high; e += every {
		for _, m := range marks {
			if v := m * math.Pow(base, e); v >= a.low && v <= a.high {
				ts = append(ts, v)
			}
		}
	}
	return ts
}

func bytesTick(v float64) string { return bench.Bytes(int64(v)) }
func countTick(v float64) string { return bench.Count(int64(v)) }
func plainTick(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
func percentTick(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e4)/100, 'g', 5, 64) + " %"
}

// frame is a plot's area with its two axes.
type frame struct {
	x, y         axis
	xTick, yTick func(float64) string
	xName, yName string
}

const (
	frameLeft, frameRight = 62.0, plotWidth - 14.0
	frameTop, frameBottom = 30.0, 250.0
	frameHeight           = 292.0
)

// draw draws grid, ticks and names.
func (f frame) draw(c *canvas) {
	for _, v := range f.y.ticks() {
		y := f.y.at(v)
		c.line(f.x.from, y, f.x.to, y, "")
		c.text(f.x.from-6, y+4, "soft", "end", f.yTick(v))
	}
	last := math.Inf(-1)
	for _, v := range f.x.ticks() {
		x := f.x.at(v)
		c.line(x, f.y.from, x, f.y.from+5, "")
		if label := f.xTick(v); x-last > 7*float64(len(label)) {
			c.text(x, f.y.from+19, "soft", "middle", label)
			last = x
		}
	}
	c.line(f.x.from, f.y.from, f.x.to, f.y.from, "stroke:var(--soft)")
	c.text((f.x.from+f.x.to)/2, f.y.from+38, "", "middle", f.xName)
	c.text(4, 16, "", "start", f.yName)
}

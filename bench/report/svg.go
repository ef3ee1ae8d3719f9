package report

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// plotStyle draws plots in the colours of their surroundings, dark or light.
const plotStyle = `:root{--ink:#1b1f24;--soft:#5b6570;--rule:#d5dae0;--paper:#fff;--c0:#0b6bcb;--c1:#c2410c;--c2:#18794e;--c3:#9333a8;--c4:#8a6100;--c5:#0e7490;--c6:#be185d;--c7:#4b5563}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a3adb8;--rule:#3a424c;--paper:#15181c;--c0:#6cb2ff;--c1:#ff9b66;--c2:#5fd39a;--c3:#dd8bf0;--c4:#e6b84a;--c5:#5fd0e6;--c6:#ff85b5;--c7:#b5bdc8}}
svg.plot{background:var(--paper);font:13px system-ui,sans-serif;display:block;width:100%;max-width:600px;height:auto}
.plot text{fill:var(--ink)}.plot .soft{fill:var(--soft);font-size:12px}.plot .small{font-size:12px}.plot .rule{stroke:var(--rule);fill:none}
.plot .tip{visibility:hidden;font-weight:600;paint-order:stroke;stroke:var(--paper);stroke-width:4px}
.plot .point:hover .tip,.plot .point:focus .tip{visibility:visible}.plot .point:hover .label,.plot .point:focus .label{visibility:hidden}
.plot .point:focus{outline:none}.plot .point:focus .mark{stroke:var(--ink);stroke-width:3px}`

// canvas collects the elements of one plot.
type canvas struct {
	b    strings.Builder
	w, h float64
}

const plotWidth = 480

func newCanvas(h float64, label string) *canvas {
	c := &canvas{w: plotWidth, h: h}
	fmt.Fprintf(&c.b, `<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 %s %s" role="group" aria-label="%s">`, num(c.w), num(h), html.EscapeString(label))
	return c
}

func (c *canvas) String() string { return c.b.String() + "</svg>" }

// num writes a coordinate.
func num(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

// text writes s at x, y; anchor is start, middle or end.
func (c *canvas) text(x, y float64, class, anchor, s string) {
	fmt.Fprintf(&c.b, `<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>`, num(x), num(y), class, anchor, html.EscapeString(s))
}

func (c *canvas) line(x1, y1, x2, y2 float64, style string) {
	fmt.Fprintf(&c.b, `<line class="rule" x1="%s" y1="%s" x2="%s" y2="%s" style="%s"/>`, num(x1), num(y1), num(x2), num(y2), style)
}

// rect draws a filled rectangle that says what it is.
func (c *canvas) rect(x, y, w, h float64, style, title string) {
	fmt.Fprintf(&c.b, `<rect x="%s" y="%s" width="%s" height="%s" style="%s"><title>%s</title></rect>`, num(x), num(y), num(w), num(h), style, html.EscapeString(title))
}

// path joins points by lines.
func (c *canvas) path(xs, ys []float64, style string) {
	c.b.WriteString(`<polyline fill="none" points="`)
	for i := range xs {
		fmt.Fprintf(&c.b, "%s,%s ", num(xs[i]), num(ys[i]))
	}
	fmt.Fprintf(&c.b, `" style="%s"/>`, style)
}

// point draws a mark that can be focused and then says what it is.
func (c *canvas) point(x, y float64, colour, title string) {
	fmt.Fprintf(&c.b, `<g class="point" tabindex="0" role="img" aria-label="%s"><circle class="mark" cx="%s" cy="%s" r="6" style="fill:%s"/>`, html.EscapeString(title), num(x), num(y), colour)
	anchor, at := "start", x-20
	if x > c.w/2 {
		anchor, at = "end", x+20
	}
	c.text(at, math.Max(y-14, 14), "tip", anchor, title)
	c.b.WriteString("</g>")
}

// colours are as many as plotStyle has; models get them in turn.
const colours = 8

func colour(i int) string { return fmt.Sprintf("var(--c%d)", i%colours) }

// truncated shortens s in its middle to n characters.
func truncated(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	half := (n - 1) / 2
	return string(r[:half]) + "…" + string(r[len(r)-half:])
}

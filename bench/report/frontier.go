package report

import (
	"cmp"
	"fmt"
	"slices"
)

// costAxis is a cost that accuracy is set against.
type costAxis struct {
	file, name string
	of         func(Model) int64
	tick       func(float64) string
	binary     bool
}

// dot is a model in the plane of cost and accuracy.
type dot struct {
	model          int
	cost, accuracy float64
}

// dots are the models with an accuracy and a positive cost.
func dots(models []Model, cost costAxis) []dot {
	var ds []dot
	for i, m := range models {
		if c := cost.of(m); m.Accuracy != nil && c > 0 {
			ds = append(ds, dot{i, float64(c), *m.Accuracy})
		}
	}
	return ds
}

// paretoFront are the dots that no other beats: cheaper ones are all less accurate.
func paretoFront(ds []dot) []dot {
	ds = slices.Clone(ds)
	slices.SortStableFunc(ds, func(a, b dot) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(b.accuracy, a.accuracy))
	})
	var front []dot
	for _, d := range ds {
		if n := len(front); n == 0 || d.accuracy > front[n-1].accuracy {
			front = append(front, d)
		}
	}
	return front
}

func frontierPlot(models []Model, cost costAxis) string {
	ds := dots(models, cost)
	if len(ds) == 0 {
		return ""
	}
	byCost := func(a, b dot) int { return cmp.Compare(a.cost, b.cost) }
	byAccuracy := func(a, b dot) int { return cmp.Compare(a.accuracy, b.accuracy) }
	f := frame{
		x:     logAxis(slices.MinFunc(ds, byCost).cost, slices.MaxFunc(ds, byCost).cost, frameLeft, frameRight),
		y:     linearAxis(slices.MinFunc(ds, byAccuracy).accuracy-0.002, min(slices.MaxFunc(ds, byAccuracy).accuracy+0.002, 1), frameBottom, frameTop),
		xTick: cost.tick, yTick: percentTick, xName: cost.name + " (log)", yName: "accuracy",
	}
	f.x.binary = cost.binary
	c := newCanvas(frameHeight, "accuracy against "+cost.name)
	f.draw(c)
	front := paretoFront(ds)
	var xs, ys []float64
	for _, d := range front {
		xs, ys = append(xs, f.x.at(d.cost)), append(ys, f.y.at(d.accuracy))
	}
	c.path(xs, ys, "stroke:var(--soft);stroke-dasharray:4 4")
	l := labels{c: c}
	for _, d := range ds {
		l.avoid(f.x.at(d.cost), f.y.at(d.accuracy))
	}
	for _, d := range ds {
		m, x, y := models[d.model], f.x.at(d.cost), f.y.at(d.accuracy)
		l.place(x, y, shortName(m.Path))
		c.point(x, y, colour(d.model), fmt.Sprintf("%s: %.2f %%, %s", shortName(m.Path), 100*d.accuracy, cost.tick(d.cost)))
	}
	return c.String()
}

// labels places names beside points where there is room.
type labels struct {
	c     *canvas
	boxes [][4]float64 // taken: left, top, right, bottom
}

func (l *labels) avoid(x, y float64) {
	l.boxes = append(l.boxes, [4]float64{x - 7, y - 7, x + 7, y + 7})
}

// place writes the name where it covers nothing, or not at all: the point itself tells
// its name on hover and focus, and the table has it.
func (l *labels) place(x, y float64, name string) {
	name = truncated(name, 24)
	w := 7.2 * float64(len([]rune(name)))
	for _, at := range []struct {
		left, base float64
	}{{x + 10, y + 4}, {x - 10 - w, y + 4}, {x - w/2, y - 11}, {x - w/2, y + 21}} {
		box := [4]float64{at.left, at.base - 12, at.left + w, at.base + 3}
		if box[0] < frameLeft || box[2] > plotWidth || box[1] < 0 || box[3] > frameBottom || slices.ContainsFunc(l.boxes, func(b [4]float64) bool { return overlap(b, box) }) {
			continue
		}
		l.boxes = append(l.boxes, box)
		l.c.text(at.left, at.base, "soft", "start", name)
		return
	}
}

func overlap(a, b [4]float64) bool {
	return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

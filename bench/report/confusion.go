package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// maxClasses are as many as one can tell apart in the plot, maxNumbers as many as have
// room for numbers.
const maxClasses, maxNumbers = 100, 12

// mistake is a pair of classes and how often one was taken for the other.
type mistake struct{ label, predicted, times int }

// worst are the most frequent mistakes, five at most.
func (c *Confusion) worst() []mistake {
	var all []mistake
	for i, row := range c.Counts {
		for j, n := range row {
			if i != j && n > 0 {
				all = append(all, mistake{i, j, n})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b mistake) int { return cmp.Compare(b.times, a.times) })
	return all[:min(len(all), 5)]
}

func confusionCaption(m Model) string {
	text := shortName(m.Path) + ": rows are labels, columns predictions."
	var parts []string
	for _, x := range m.Confusion.worst() {
		parts = append(parts, fmt.Sprintf("%s for %s (%d)", m.Confusion.Classes[x.predicted], m.Confusion.Classes[x.label], x.times))
	}
	if len(parts) > 0 {
		text += " Most often wrong: " + strings.Join(parts, ", ") + "."
	}
	return text
}

// confusionPlot shades each cell by its share of the row: right ones in one colour,
// mistakes in another, on a scale of square roots, so that rare ones show.
func confusionPlot(m Model) string {
	k := len(m.Confusion.Counts)
	if k == 0 || k > maxClasses {
		return ""
	}
	const left, top, side = 78.0, 26.0, 392.0
	cell := side / float64(k)
	c := newCanvas(top+side+8, "confusion matrix of "+m.Path)
	c.text(left+side/2, 14, "soft", "middle", "predicted")
	for i, row := range m.Confusion.Counts {
		total := 0
		for _, n := range row {
			total += n
		}
		y := top + cell*float64(i)
		if cell >= 10 {
			c.text(left-6, y+cell/2+4, "soft", "end", truncated(m.Confusion.Classes[i], 11))
		}
		for j, n := range row {
			share := float64(n) / math.Max(float64(total), 1)
			title := fmt.Sprintf("%s predicted as %s: %d of %d", m.Confusion.Classes[i], m.Confusion.Classes[j], n, total)
			c.rect(left+cell*float64(j), y, cell, cell, cellStyle(i == j, share), title)
			if k <= maxNumbers && n > 0 {
				c.text(left+cell*(float64(j)+0.5), y+cell/2+4, "small", "middle", fmt.Sprint(n))
			}
		}
	}
	return c.String()
}

func cellStyle(right bool, share float64) string {
	fill := "var(--c1)"
	if right {
		fill = "var(--c0)"
	}
	return fmt.Sprintf("fill:%s;fill-opacity:%s;stroke:var(--rule);stroke-width:.5", fill, num(0.75*math.Sqrt(share)))
}

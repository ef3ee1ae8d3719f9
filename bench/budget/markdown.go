package budget

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/bench"
)

// maxMarkdown keeps a report within the 65,536 characters of a comment.
const maxMarkdown = 60_000

var marks = map[Verdict]string{Pass: "✅ pass", Warn: "⚠️ warn", Fail: "❌ fail", Waived: "🕒 waived", Inconclusive: "❔ inconclusive"}

// order of the rows in a report for people: the worst first.
var worst = []Verdict{Fail, Warn, Inconclusive, Waived, Pass}

// WriteMarkdown writes the result for a comment on a pull request: the worst rows
// first, and fewer than 60,000 characters.
func (r *Result) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### Model budget: %s\n\n| %s |\n|%s\n", r.Summary(), strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	rows := slices.Clone(r.Rows)
	slices.SortStableFunc(rows, func(a, c Row) int { return slices.Index(worst, a.Verdict) - slices.Index(worst, c.Verdict) })
	for i := range rows {
		cells := rows[i].cells()
		cells[0] = marks[rows[i].Verdict]
		for j := range cells {
			cells[j] = bench.EscapeMarkdown(cells[j])
		}
		line := "| " + strings.Join(cells, " | ") + " |\n"
		if note := rows[i].Note; note != "" && rows[i].Verdict != Pass {
			line = strings.TrimSuffix(line, " |\n") + "<br>" + bench.EscapeMarkdown(note) + " |\n"
		}
		if b.Len()+len(line) > maxMarkdown-100 {
			fmt.Fprintf(&b, "\n%d more rows are left out.\n", len(rows)-i)
			break
		}
		b.WriteString(line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

var heads = []string{"model", "params", "param bytes", "file bytes", "MACs", "accuracy", "p50 ms", "p99 ms", "rel. error"}

func (m *Result) cells() []string {
	return []string{
		m.Path, strconv.FormatInt(m.Params, 10), Bytes(m.ParamBytes), Bytes(m.FileBytes), Count(m.MACs), optional(m.Accuracy, "%.4f"),
		latencyCell(m.Latency, true), latencyCell(m.Latency, false), optional(m.RelError, "%.2g"),
	}
}

// WriteTable writes the models side by side.
func (r *Report) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, strings.Join(heads, "\t")+"\t")
	for i := range r.Models {
		fmt.Fprintln(tw, strings.Join(r.Models[i].cells(), "\t")+"\t")
	}
	return tw.Flush()
}

// WriteMarkdown writes the models side by side as a table of Markdown.
func (r *Report) WriteMarkdown(w io.Writer) error {
	lines := []string{"| " + strings.Join(heads, " | ") + " |", "|---|" + strings.Repeat("---:|", len(heads)-1)}
	for i := range r.Models {
		cells := r.Models[i].cells()
		cells[0] = EscapeMarkdown(cells[0])
		lines = append(lines, "| "+strings.Join(cells, " | ")+" |")
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

var markdownEscapes = strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;", ">", "&gt;", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "@", "@\u200b")

// EscapeMarkdown keeps a name from breaking a table, becoming markup, or calling someone.
func EscapeMarkdown(s string) string { return markdownEscapes.Replace(s) }

func optional(v *float64, format string) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v)
}

func latencyCell(l *Latency, p50 bool) string {
	switch {
	case l == nil:
		return "-"
	case p50:
		return fmt.Sprintf("%.3f", l.P50)
	}
	return fmt.Sprintf("%.3f", l.P99)
}

// Bytes prints a size with a binary unit, "1.50 MiB".
func Bytes(n int64) string {
	return scaledUnit(float64(n), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB"})
}

// Count prints a number with a decimal unit, "40.8 M".
func Count(n int64) string { return scaledUnit(float64(n), 1000, []string{"", "k", "M", "G", "T"}) }

func scaledUnit(v, base float64, units []string) string {
	i := 0
	for ; v >= base && i < len(units)-1; i++ {
		v /= base
	}
	if i == 0 {
		return fmt.Sprintf("%.0f %s", v, units[0])
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
}

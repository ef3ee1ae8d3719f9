package budget

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// cells are a row's texts, the same in every table.
func (r *Row) cells() []string {
	base, delta := "-", "-"
	if r.Base != nil {
		base, delta = r.kind.Format(*r.Base), signed(r.kind, *r.Delta)
	}
	return []string{string(r.Verdict), r.Model, r.subject(), r.kind.Format(r.Value), r.Rule + " " + r.kind.Format(r.Limit), signed(r.kind, r.Headroom), base, delta}
}

var heads = []string{"verdict", "model", "metric", "value", "limit", "headroom", "base", "change"}

// subject is the metric with what it is of.
func (r *Row) subject() string {
	switch {
	case r.Layer != "":
		return r.Metric + " of " + r.Layer
	case r.Of != "":
		return r.Metric + " against " + r.Of
	}
	return r.Metric
}

func signed(k Kind, v float64) string {
	if v > 0 {
		return "+" + k.Format(v)
	}
	return k.Format(v)
}

// message is the row as a sentence.
func (r *Row) message() string {
	text := fmt.Sprintf("%s: %s is %s, %s %s", r.Model, r.subject(), r.kind.Format(r.Value), r.Rule, r.kind.Format(r.Limit))
	if r.Note != "" {
		text += " (" + r.Note + ")"
	}
	return text
}

// Summary counts the verdicts.
func (r *Result) Summary() string {
	var parts []string
	for _, v := range []Verdict{Fail, Warn, Inconclusive, Waived, Pass} {
		if n := r.count(v); n > 0 || v == Pass {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

// Table returns heads and rows of text, as every output shows them.
func (r *Result) Table() (columns []string, rows [][]string) {
	for i := range r.Rows {
		rows = append(rows, r.Rows[i].cells())
	}
	return heads, rows
}

// WriteTable writes the result for a terminal.
func (r *Result) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(heads, "\t"))
	for i := range r.Rows {
		fmt.Fprintln(tw, strings.Join(r.Rows[i].cells(), "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Note != "" {
			if _, err := fmt.Fprintf(w, "%s, %s: %s\n", row.Model, row.subject(), row.Note); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", r.Budget, r.Summary())
	return err
}

package budget

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteOpenMetrics writes values, limits and verdicts as gauges in the text format
// of OpenMetrics 1.0, sizes in bytes, accuracies as fractions.
func (r *Result) WriteOpenMetrics(w io.Writer) error {
	families := []struct {
		name, help string
		value      func(*Row) float64
	}{
		{"compress_budget_value", "What was measured.", func(row *Row) float64 { return row.Value }},
		{"compress_budget_limit", "The limit of the rule.", func(row *Row) float64 { return row.Limit }},
		{"compress_budget_within", "1 where the rule holds or cannot be judged, 0 where it fails.", func(row *Row) float64 {
			if row.Verdict == Fail {
				return 0
			}
			return 1
		}},
	}
	for _, f := range families {
		if _, err := fmt.Fprintf(w, "# TYPE %s gauge\n# HELP %s %s\n", f.name, f.name, f.help); err != nil {
			return err
		}
		for i := range r.Rows {
			row := &r.Rows[i]
			labels := []string{"model", row.Model, "metric", row.Metric, "rule", row.Rule, "layer", row.Layer, "of", row.Of}
			if _, err := fmt.Fprintf(w, "%s{%s} %s\n", f.name, labelText(labels), strconv.FormatFloat(f.value(row), 'g', -1, 64)); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(w, "# EOF\n")
	return err
}

func labelText(pairs []string) string {
	var parts []string
	escape := strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n")
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, fmt.Sprintf("%s=\"%s\"", pairs[i], escape.Replace(strings.ToValidUTF8(pairs[i+1], "?"))))
		}
	}
	return strings.Join(parts, ",")
}

package budget

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Headroom is what a new budget leaves above what was measured.
const Headroom = 0.05

// NewModel is a model without limits yet; with data its accuracy is measured.
func NewModel(path, data string) Model {
	m := Model{Path: path, Data: data}
	if data != "" {
		metric, _ := metricNamed("accuracy")
		m.Limits = []Limit{{Metric: metric}}
	}
	return m
}

// WriteNew writes a budget file that the measured models just meet: sizes and costs may
// grow by 5 %, the accuracy may fall by half a point. data is empty without samples.
func WriteNew(w io.Writer, measured []*Measured, data string) error {
	var b strings.Builder
	b.WriteString("# What each model may be; docs of the format: `compress budget --help`.\nversion: 1\nmodels:\n")
	for _, m := range measured {
		fmt.Fprintf(&b, "  - path: %q\n", m.Path)
		if data != "" {
			fmt.Fprintf(&b, "    data: %q\n", data)
		}
		b.WriteString("    limits:\n")
		for _, name := range []string{"stored_size", "params", "macs", "peak_ram"} {
			metric, _ := metricNamed(name)
			if v := math.Ceil(m.Values[name] * (1 + Headroom)); v > 0 {
				fmt.Fprintf(&b, "      %s: {max: %s, max_increase: 1 %%}\n", name, exact(metric.Kind, v))
			}
		}
		if acc, ok := m.Values["accuracy"]; ok {
			fmt.Fprintf(&b, "      accuracy: {min: %.2f %%}\n", 100*math.Max(acc-0.005, 0))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// exact writes a limit without rounding it below the value.
func exact(k Kind, v float64) string {
	if k == Bytes {
		return fmt.Sprintf("%.0f B", v)
	}
	return fmt.Sprintf("%.0f", v)
}

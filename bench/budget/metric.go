package budget

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Kind is what a metric's values are.
type Kind int

// The kinds: sizes in bytes, plain counts, fractions of 1 written in per cent,
// differences of fractions written in percentage points, and multiples of another value.
const (
	Bytes Kind = iota
	Count
	Fraction
	Points
	Ratio
)

// Metric is one thing that can be limited.
type Metric struct {
	Name  string
	Kind  Kind
	More  bool // a greater value is better
	Of    bool // it compares the model with another
	Layer bool // nodes have it too
	Exact bool // a measurement of the same files gives the same value
}

// metrics are all metrics, in the order of reports.
var metrics = []Metric{
	{Name: "stored_size", Kind: Bytes, Exact: true},
	{Name: "param_bytes", Kind: Bytes, Layer: true, Exact: true},
	{Name: "params", Kind: Count, Layer: true, Exact: true},
	{Name: "macs", Kind: Count, Layer: true, Exact: true},
	{Name: "peak_ram", Kind: Bytes, Exact: true},
	{Name: "accuracy", Kind: Fraction, More: true, Exact: true},
	{Name: "accuracy_drop", Kind: Points, Of: true, Exact: true},
	{Name: "latency_p50", Kind: Ratio, Of: true},
	{Name: "latency_p99", Kind: Ratio, Of: true},
}

func metricNamed(name string) (Metric, bool) {
	for _, m := range metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

func metricNames() []string {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.Name
	}
	return names
}

// unit is a suffix and what it multiplies by.
type unit struct {
	suffix string
	factor float64
}

// units lists each kind's units; longer suffixes come before their endings.
var units = map[Kind][]unit{
	Bytes: {{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}},
	Count: {{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1}}, Fraction: {{"%", 0.01}}, Points: {{"points", 0.01}}, Ratio: {{"x", 1}},
}

// Parse reads a quantity of the kind, with its unit.
func (k Kind) Parse(text string) (float64, error) {
	for _, u := range units[k] {
		num, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			break
		}
		if v < 0 {
			return 0, fmt.Errorf("%q is negative", text)
		}
		return v * u.factor, nil
	}
	return 0, fmt.Errorf("%q is no %s", text, k.example())
}

func (k Kind) example() string {
	return [...]string{"size with its unit, as 100 KiB or 1.5 MB", "count, as 25000, 25k or 1.2M", "share, as 97.5 %",
		"difference of accuracies, as 0.5 points", "multiple of the other model's, as 1.1x"}[k]
}

// Format writes a value of the kind with its unit.
func (k Kind) Format(v float64) string {
	switch k {
	case Bytes:
		return scaled(v, 1024, " B", " KiB", " MiB", " GiB")
	case Count:
		return scaled(v, 1000, "", "k", "M", "G")
	case Fraction:
		return fmt.Sprintf("%.2f %%", 100*v)
	case Points:
		return fmt.Sprintf("%.2f points", 100*v)
	}
	return fmt.Sprintf("%.3fx", v)
}

func scaled(v, base float64, suffixes ...string) string {
	i := 0
	for ; math.Abs(v) >= base && i < len(suffixes)-1; i++ {
		v /= base
	}
	return strconv.FormatFloat(v, 'g', 5, 64) + suffixes[i]
}

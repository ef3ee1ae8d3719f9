package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable writes the models side by side.
func (r *Report) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "model\tparams\tparam bytes\tfile bytes\tMACs\taccuracy\tp50 ms\tp99 ms\trel. error\t")
	for _, m := range r.Models {
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", m.Path, m.Params,
			Bytes(m.ParamBytes), Bytes(m.FileBytes), Count(m.MACs), optional(m.Accuracy, "%.4f"),
			latencyCell(m.Latency, true), latencyCell(m.Latency, false), optional(m.RelError, "%.2g"))
	}
	return tw.Flush()
}

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

package budget

import (
	"fmt"
	"slices"
	"time"
)

// Verdict is the outcome of one rule.
type Verdict string

// The verdicts. A waived row exceeds its limit and is let pass; an inconclusive one was
// not measured well enough to tell, and never fails.
const (
	Pass         Verdict = "pass"
	Warn         Verdict = "warn"
	Fail         Verdict = "fail"
	Waived       Verdict = "waived"
	Inconclusive Verdict = "inconclusive"
)

// Row is the outcome of one rule for one metric.
type Row struct {
	Model    string   `json:"model"`
	Layer    string   `json:"layer,omitempty"` // the pattern, for limits of layers
	Metric   string   `json:"metric"`
	Rule     string   `json:"rule"` // max, min, warn or max_increase
	Of       string   `json:"of,omitempty"`
	Value    float64  `json:"value"`
	Limit    float64  `json:"limit"`
	Headroom float64  `json:"headroom"` // how far the value is on the good side of the limit
	Base     *float64 `json:"base,omitempty"`
	Delta    *float64 `json:"delta,omitempty"` // value - base
	Verdict  Verdict  `json:"verdict"`
	Note     string   `json:"note,omitempty"`
	Line     int      `json:"line"` // in the budget file

	kind Kind
}

// Result is the outcome of a budget.
type Result struct {
	Version int    `json:"version"`
	Budget  string `json:"budget"` // the file
	Rows    []Row  `json:"rows"`
}

// Failed counts the rows that fail.
func (r *Result) Failed() int { return r.count(Fail) }

func (r *Result) count(v Verdict) int {
	n := 0
	for _, row := range r.Rows {
		if row.Verdict == v {
			n++
		}
	}
	return n
}

// Check compares what was measured with the budget, and with the base where there is
// one. Waivers hold until the end of their day.
func Check(f *File, measured map[string]*Measured, base *Snapshot, today time.Time) (*Result, error) {
	r := &Result{Version: 1, Budget: f.Path}
	for i := range f.Models {
		m := &f.Models[i]
		c := checker{f: f, m: m, now: measured[m.Path], base: base.of(m.Path), today: today, r: r}
		if c.now == nil {
			return nil, &Error{f.Path, m.Line, fmt.Sprintf("model %s was not measured", m.Path)}
		}
		for _, l := range m.Limits {
			c.limit(l)
		}
		for _, layer := range m.Layers {
			if err := c.layer(layer); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

type checker struct {
	f     *File
	m     *Model
	now   *Measured
	base  *Measured // nil without a base
	today time.Time
	r     *Result
}

func (c *checker) limit(l Limit) {
	row := Row{Model: c.m.Path, Metric: l.Metric.Name, Of: l.Of, Line: l.Line, kind: l.Metric.Kind}
	if !l.Metric.Exact {
		c.latency(l, row)
		return
	}
	if l.Metric.Of {
		d := c.now.Drops[l.Of]
		row.Value, row.Note = d.Drop, d.String()
	} else {
		row.Value = c.now.Values[l.Metric.Name]
		if l.Metric.Kind == Fraction {
			row.Note = c.now.accuracyNote()
		}
	}
	if c.base != nil {
		if v, ok := c.base.value(l); ok {
			row.setBase(v)
		}
	}
	c.rules(l, row)
}

// rules adds a row for each rule of l.
func (c *checker) rules(l Limit, row Row) {
	bounds := l.Max
	if l.Metric.More {
		bounds = l.Min
	}
	switch {
	case bounds != nil:
		c.add(l, row, bound(l.Metric), *bounds)
	case l.Warn != nil:
		c.add(l, row, "warn", *l.Warn)
	}
	if l.Increase != nil && row.Base != nil {
		c.add(l, row, "max_increase", l.Increase.limit(*row.Base))
	}
}

// add judges row by one rule.
func (c *checker) add(l Limit, row Row, rule string, limit float64) {
	row.Rule, row.Limit = rule, limit
	row.Headroom = limit - row.Value
	beyond := func(limit float64) bool { return row.Value > limit }
	if l.Metric.More {
		row.Headroom = -row.Headroom
		beyond = func(limit float64) bool { return row.Value < limit }
	}
	switch {
	case !beyond(limit) && (l.Warn == nil || rule == "max_increase" || !beyond(*l.Warn)):
		row.Verdict = Pass
	case !beyond(limit):
		row.Verdict = Warn
		row.note("beyond the warning at " + row.kind.Format(*l.Warn))
	case l.WarnOnly || rule == "warn":
		row.Verdict = Warn
	default:
		row.Verdict = Fail
		c.waive(&row)
	}
	c.r.Rows = append(c.r.Rows, row)
}

// waive lets a failing row pass where a waiver says so.
func (c *checker) waive(row *Row) {
	for _, w := range c.m.Waivers {
		if w.Metric != row.Metric {
			continue
		}
		day := w.Until.Format(time.DateOnly)
		if c.today.After(w.Until.AddDate(0, 0, 1)) {
			row.note("its waiver (" + w.Reason + ") ended on " + day)
			continue
		}
		row.Verdict = Waived
		row.note("waived until " + day + ": " + w.Reason)
		return
	}
}

func (r *Row) note(text string) {
	if r.Note != "" {
		r.Note += "; "
	}
	r.Note += text
}

func (r *Row) setBase(v float64) {
	d := r.Value - v
	r.Base, r.Delta = &v, &d
}

// latency judges the interval of a ratio.
func (c *checker) latency(l Limit, row Row) {
	lat := c.now.Latencies[latencyKey{l.Metric.Name, l.Of}]
	row.Value, row.Rule, row.Note = lat.Ratio, "max", lat.String()
	limit := l.Max
	if limit == nil {
		limit, row.Rule = l.Warn, "warn"
	}
	row.Limit, row.Headroom = *limit, *limit-lat.Ratio
	row.Verdict = Verdict(lat.Verdict(*limit))
	switch {
	case row.Verdict == Fail && (l.WarnOnly || l.Max == nil):
		row.Verdict = Warn
	case row.Verdict == Fail:
		c.waive(&row)
	case row.Verdict == Pass && l.Warn != nil && lat.Verdict(*l.Warn) == string(Fail):
		row.Verdict = Warn
		row.note("beyond the warning at " + row.kind.Format(*l.Warn))
	}
	c.r.Rows = append(c.r.Rows, row)
}

// layer sums the nodes that match and judges the sums.
func (c *checker) layer(layer Layer) error {
	sums, matched := c.now.sum(layer)
	if matched == 0 {
		return &Error{c.f.Path, layer.Line, fmt.Sprintf("no node of %s matches %q: `compress inspect %s` lists them", c.m.Path, layer.Match, c.m.Path)}
	}
	var base map[string]float64
	if c.base != nil {
		base, _ = c.base.sum(layer)
	}
	for _, l := range layer.Limits {
		row := Row{Model: c.m.Path, Layer: layer.Match.String(), Metric: l.Metric.Name, Line: l.Line, kind: l.Metric.Kind, Value: sums[l.Metric.Name]}
		if matched > 1 {
			row.Note = fmt.Sprintf("%d nodes", matched)
		}
		if v, ok := base[l.Metric.Name]; ok {
			row.setBase(v)
		}
		c.rules(l, row)
	}
	return nil
}

// Paths lists the models that must be measured: those of the budget and those they
// are compared with, each once.
func (f *File) Paths() []string {
	var paths []string
	add := func(p string) {
		if p != "" && !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	for _, m := range f.Models {
		add(m.Path)
		for _, l := range m.Limits {
			add(l.Of)
		}
	}
	return paths
}

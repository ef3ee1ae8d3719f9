package budget

import (
	"fmt"
	"regexp"
	"time"
)

// File is a parsed budget.
type File struct {
	Path   string
	Models []Model
}

// Model is what one model may be.
type Model struct {
	Path    string // as written, relative to the budget file
	Line    int
	Data    string         // samples for accuracy, as --data of the command line
	Dims    map[string]int // extents of symbolic dimensions
	Limits  []Limit
	Layers  []Layer
	Waivers []Waiver
}

// Layer limits nodes by their names. The limits hold for the sum over all that match.
type Layer struct {
	Match  *regexp.Regexp
	Line   int
	Limits []Limit
}

// Limit bounds one metric. Values that are not given are nil.
type Limit struct {
	Metric   Metric
	Line     int
	Max, Min *float64
	Warn     *float64 // beyond it the verdict is at least a warning
	Increase *Increase
	Of       string // the path of the model compared with
	WarnOnly bool   // level: warn; beyond the limit is a warning
}

// Increase is how much more than the base's a value may be: a fraction of it, or an amount.
type Increase struct {
	Value    float64
	Relative bool
}

// limit returns the value that the increase allows after base.
func (i Increase) limit(base float64) float64 {
	if i.Relative {
		return base * (1 + i.Value)
	}
	return base + i.Value
}

// Waiver lets a metric exceed its limits, for a reason, until the end of a day.
type Waiver struct {
	Metric string
	Reason string
	Until  time.Time
	Line   int
}

// Error is a mistake in a budget file.
type Error struct {
	Path string
	Line int // 0 when the mistake is in no line
	Msg  string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Msg)
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Msg)
}

// Hint tells the way out.
func (e *Error) Hint() string {
	return "docs/ci.md describes the budget file; `compress budget init MODEL` writes one"
}

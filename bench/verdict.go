package bench

// Verdict is the outcome of one limit of a budget.
type Verdict struct {
	Model   string  `json:"model"`
	Metric  string  `json:"metric"`
	Value   float64 `json:"value"`
	Limit   float64 `json:"limit"`
	Verdict string  `json:"verdict"` // pass, warn, fail or inconclusive
}

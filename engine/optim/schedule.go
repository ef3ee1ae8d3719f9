package optim

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/internal/registry"
)

// Schedule gives the factor on the learning rate for an update. epoch counts
// from 0 with its fraction (2.5 is the middle of the third), epochs is the total.
type Schedule interface {
	Factor(epoch, epochs float64) float64
}

// Constant keeps the learning rate.
type Constant struct{}

// Factor implements Schedule.
func (Constant) Factor(_, _ float64) float64 { return 1 }

// StepDecay multiplies by Gamma at each milestone, in epochs.
type StepDecay struct {
	Milestones []float64
	Gamma      float64
}

// Factor implements Schedule.
func (s StepDecay) Factor(epoch, _ float64) float64 {
	f := 1.0
	for _, m := range s.Milestones {
		if epoch >= m {
			f *= s.Gamma
		}
	}
	return f
}

// Exponential multiplies by Gamma after each epoch.
type Exponential struct{ Gamma float64 }

// Factor implements Schedule.
func (e Exponential) Factor(epoch, _ float64) float64 { return math.Pow(e.Gamma, math.Floor(epoch)) }

// Cosine anneals from 1 to Floor along half a cosine (Loshchilov and Hutter 2017, equation 5).
type Cosine struct{ Floor float64 }

// Factor implements Schedule.
func (c Cosine) Factor(epoch, epochs float64) float64 {
	return c.Floor + (1-c.Floor)*(1+math.Cos(math.Pi*math.Min(1, epoch/epochs)))/2
}

// Linear goes from 1 to Floor in a straight line.
type Linear struct{ Floor float64 }

// Factor implements Schedule.
func (l Linear) Factor(epoch, epochs float64) float64 {
	return 1 + (l.Floor-1)*math.Min(1, epoch/epochs)
}

// OneCycle rises linearly to 1 during the first Peak of the run and then falls
// to 1/1000 (Smith and Topin 2018). It starts at 1/25.
type OneCycle struct{ Peak float64 }

// Factor implements Schedule.
func (o OneCycle) Factor(epoch, epochs float64) float64 {
	at := math.Min(1, epoch/epochs)
	if at < o.Peak {
		return 1.0/25 + (1-1.0/25)*at/o.Peak
	}
	return 1 + (1.0/1000-1)*(at-o.Peak)/(1-o.Peak)
}

// Warmup rises linearly during the first Epochs, then follows Then over what remains.
type Warmup struct {
	Epochs float64
	Then   Schedule
}

// Factor implements Schedule.
func (w Warmup) Factor(epoch, epochs float64) float64 {
	if epoch < w.Epochs {
		return (epoch + 1e-3) / (w.Epochs + 1e-3)
	}
	return w.Then.Factor(epoch-w.Epochs, epochs-w.Epochs)
}

// schedules parse the arguments of "name:a,b".
var schedules = registry.New[func(args []float64) (Schedule, error)]("schedule")

func init() {
	schedules.Add("constant", func([]float64) (Schedule, error) { return Constant{}, nil })
	schedules.Add("step", func(a []float64) (Schedule, error) {
		if len(a) < 2 {
			return nil, fmt.Errorf("want step:EPOCH,..,GAMMA with GAMMA last, as step:80,120,0.1")
		}
		return StepDecay{a[:len(a)-1], a[len(a)-1]}, nil
	})
	schedules.Add("exp", func(a []float64) (Schedule, error) { return Exponential{first(a, 0.95)}, nil })
	schedules.Add("cosine", func(a []float64) (Schedule, error) { return Cosine{first(a, 0)}, nil })
	schedules.Add("linear", func(a []float64) (Schedule, error) { return Linear{first(a, 0)}, nil })
	schedules.Add("onecycle", func(a []float64) (Schedule, error) {
		p := first(a, 0.3)
		if p <= 0 || p >= 1 {
			return nil, fmt.Errorf("peak %g is outside (0, 1)", p)
		}
		return OneCycle{p}, nil
	})
}

func first(a []float64, def float64) float64 {
	if len(a) > 0 {
		return a[0]
	}
	return def
}

// ParseSchedule reads constant, step:EPOCH,..,GAMMA, exp:GAMMA, cosine[:FLOOR],
// linear[:FLOOR] or onecycle[:PEAK], each optionally behind warmup:EPOCHS; as in
// "warmup:5;cosine".
func ParseSchedule(s string) (Schedule, error) {
	if s == "" {
		return Constant{}, nil
	}
	head, rest, more := strings.Cut(s, ";")
	name, argText, _ := strings.Cut(head, ":")
	args, err := parseFloats(argText)
	if err != nil {
		return nil, fmt.Errorf("optim: schedule %q: %w", s, err)
	}
	if name == "warmup" {
		then, err := ParseSchedule(rest)
		if err != nil {
			return nil, err
		}
		return Warmup{first(args, 5), then}, nil
	}
	if more {
		return nil, fmt.Errorf("optim: schedule %q: only warmup can be followed by another", s)
	}
	mk, err := schedules.Get(name)
	if err != nil {
		return nil, fmt.Errorf("optim: %w", err)
	}
	sch, err := mk(args)
	if err != nil {
		return nil, fmt.Errorf("optim: schedule %q: %w", s, err)
	}
	return sch, nil
}

func parseFloats(s string) ([]float64, error) {
	if s == "" {
		return nil, nil
	}
	var out []float64
	for _, f := range strings.Split(s, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%q is not a number", f)
		}
		out = append(out, v)
	}
	return out, nil
}

package lowrank

import (
	"errors"
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
)

// Classes of errors that a caller may react to; errors.Is tells them.
var (
	ErrConfig = errors.New("bad factorisation settings")     // another Config avoids it
	ErrModel  = errors.New("the model cannot be factorised") // its weights or its graph are at fault
	ErrBudget = errors.New("budget exceeded")                // it cannot be met
)

// classed is an error of one of the classes, with a text of its own.
type classed struct {
	error
	class error
}

func (c classed) Is(target error) bool { return target == c.class }
func (c classed) Unwrap() error        { return c.error }

// badConfig and badModel format errors of their classes.
func badConfig(format string, args ...any) error {
	return classed{fmt.Errorf("lowrank: "+format, args...), ErrConfig}
}

func badModel(format string, args ...any) error {
	return classed{fmt.Errorf("lowrank: "+format, args...), ErrModel}
}

// overBudget says what the smallest plan costs.
type overBudget struct {
	b    Budget
	cost int64
}

func (e *overBudget) Error() string {
	return fmt.Sprintf("lowrank: %v: the smallest plan has %d %s, the budget is %d", ErrBudget, e.cost, e.b.By, e.b.Total)
}
func (e *overBudget) Unwrap() error { return ErrBudget }

// Hint says what to do about it.
func (e *overBudget) Hint() string {
	return fmt.Sprintf("raise the budget to %d, select more sites, or try --method auto", e.cost)
}

// uncountable is the error for what needs to run a model that the engine cannot bind.
type uncountable struct {
	what string
	err  error
}

func (u *uncountable) Error() string {
	return fmt.Sprintf("lowrank: %s is not possible with operators that the engine cannot run: %v", u.what, u.err)
}
func (u *uncountable) Unwrap() []error { return []error{graph.ErrUnsupported, u.err} }

// Hint says what works.
func (u *uncountable) Hint() string {
	return "limit parameters or bytes, or each site's error, without calibration; or take the model in float32"
}

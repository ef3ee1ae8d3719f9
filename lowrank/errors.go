package lowrank

import (
	"errors"
	"fmt"
)

// Classes of errors that a caller may react to, beside ErrBudget; errors.Is tells them.
var (
	ErrConfig = errors.New("bad factorisation settings")     // another Config avoids it
	ErrModel  = errors.New("the model cannot be factorised") // its weights or its graph are at fault
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

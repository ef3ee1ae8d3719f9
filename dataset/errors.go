package dataset

import (
	"errors"
	"fmt"
)

// The reactions that a caller may want to tell apart; test with errors.Is.
var (
	ErrSpec    = errors.New("bad data specification") // the user should change the --data string
	ErrMissing = errors.New("data not found")         // the user should fetch or point to the data
	ErrBad     = errors.New("bad data file")          // the file is damaged or of another kind
)

// Error is an error of this package: what is at fault and the way out.
type Error struct {
	Kind error  // ErrSpec, ErrMissing or ErrBad
	Path string // the file, or the --data string
	Err  error  // expected and found
	Way  string // one line of advice, may be empty
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// Hint returns the way out, which is not part of Error's text.
func (e *Error) Hint() string { return e.Way }

// badFile says what is wrong in a file.
func badFile(path string, format string, args ...any) error {
	return &Error{Kind: ErrBad, Path: path, Err: fmt.Errorf(format, args...)}
}

// badSpec says what is wrong in a specification.
func badSpec(spec, way, format string, args ...any) error {
	return &Error{Kind: ErrSpec, Path: spec, Err: fmt.Errorf(format, args...), Way: way}
}

// withWay adds advice to an error that holds an Error without any.
func withWay(err error, way string) error {
	var e *Error
	if !errors.As(err, &e) || e.Way != "" {
		return err
	}
	return &Error{Kind: e.Kind, Err: err, Way: way}
}

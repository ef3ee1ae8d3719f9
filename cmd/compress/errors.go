package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/format/onnx"
	"github.com/compress-toolkit/compress/internal/registry"
	"github.com/compress-toolkit/compress/lowrank"
	"github.com/compress-toolkit/compress/teacher"
)

func nearest(name string, known []string) string { return registry.Nearest(name, known) }

// The exit codes of the command line's contract.
const (
	exitInternal    = 1
	exitUsage       = 2
	exitBudget      = 3
	exitBadFile     = 4
	exitDiverged    = 5
	exitInterrupted = 130
)

// usage is an error in what the user wrote.
type usage struct {
	err  error
	hint string
}

func (u *usage) Error() string { return u.err.Error() }
func (u *usage) Unwrap() error { return u.err }

// Hint returns the way out.
func (u *usage) Hint() string {
	if u.hint == "" {
		return "see `compress COMMAND --help`"
	}
	return u.hint
}

func usagef(format string, args ...any) error { return &usage{err: fmt.Errorf(format, args...)} }

// asUsage marks an error as the user's and keeps its advice; nil stays nil.
func asUsage(err error) error {
	if err == nil {
		return nil
	}
	u := &usage{err: err}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		u.hint = h.Hint()
	}
	return u
}

// hinted adds a way out to an error.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }
func (h *hinted) Hint() string  { return h.hint }

func withHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, hint}
}

// errBudget is wrapped by the error for an exceeded budget.
var errBudget = errors.New("budget exceeded")

// exitCode maps an error to the contract's exit code.
func exitCode(err error) int {
	var u *usage
	var np *npy.FormatError
	switch {
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errBudget), errors.Is(err, lowrank.ErrBudget):
		return exitBudget
	case errors.Is(err, train.ErrDiverged):
		return exitDiverged
	case errors.As(err, &u), errors.Is(err, dataset.ErrSpec), errors.Is(err, train.ErrConfig), errors.Is(err, lowrank.ErrConfig):
		return exitUsage
	case errors.Is(err, dataset.ErrBad), errors.Is(err, graph.ErrInvalid), errors.Is(err, lowrank.ErrModel),
		errors.Is(err, graph.ErrUnsupported), errors.Is(err, format.ErrFormat), errors.Is(err, teacher.ErrDamaged), errors.As(err, &np):
		return exitBadFile
	case errors.Is(err, onnx.ErrOpset): // not of a file, but of --opset
		return exitUsage
	}
	return exitInternal
}

// report prints the error on one line, then the hint.
func report(w io.Writer, err error) {
	fmt.Fprintln(w, "compress:", oneLine(err.Error()))
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		fmt.Fprintln(w, "hint:", oneLine(h.Hint()))
		return
	}
	if hint := defaultHint(err); hint != "" {
		fmt.Fprintln(w, "hint:", hint)
	}
}

func defaultHint(err error) string {
	switch exitCode(err) {
	case exitInterrupted:
		return "give --checkpoint DIR and later --resume to go on from where a run was stopped"
	case exitDiverged:
		return "lower --lr, or limit the gradient with --clip-norm 1"
	case exitBadFile:
		if errors.Is(err, graph.ErrUnsupported) {
			return "a model with such operators can be inspected, converted, and factorised by `compress lowrank` without --data, --calibrate and --tune"
		}
		var np *npy.FormatError
		if errors.As(err, &np) {
			return "the file is damaged or of another kind: write it again; a checkpoint can be removed"
		}
		return "`compress inspect FILE` shows what can be read of it"
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "check the path; relative ones start in the current folder"
	}
	return "`compress doctor` shows what the program finds on this machine"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

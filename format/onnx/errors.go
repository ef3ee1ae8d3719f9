package onnx

import (
	"errors"
	"fmt"

	"github.com/compress-toolkit/compress/format"
)

// What a caller may want to tell apart. Errors about a file's content are
// *FileError, which also wraps format.ErrFormat.
var (
	ErrWire     = errors.New("not a valid ONNX file")
	ErrLimit    = errors.New("exceeds a limit")
	ErrExternal = errors.New("external data refused")
	ErrOpset    = errors.New("operator set not supported")
)

// FileError says where an ONNX file is wrong.
type FileError struct {
	Kind   error  // one of the sentinels above
	Offset int64  // the byte of the file at or near the fault, or -1
	Tensor string // the tensor at fault, or ""
	Err    error  // details
}

// Error names the place, the kind and the details.
func (e *FileError) Error() string {
	s := e.Kind.Error()
	switch {
	case e.Offset >= 0 && e.Tensor != "":
		s += fmt.Sprintf(" (at byte %d, tensor %q)", e.Offset, e.Tensor)
	case e.Offset >= 0:
		s += fmt.Sprintf(" (at byte %d)", e.Offset)
	case e.Tensor != "":
		s += fmt.Sprintf(" (tensor %q)", e.Tensor)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes errors.Is true for format.ErrFormat, the kind and the cause.
func (e *FileError) Unwrap() []error {
	errs := []error{format.ErrFormat, e.Kind}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// fail returns a FileError at off whose details are formatted.
func fail(kind error, off int64, details string, args ...any) error {
	return &FileError{Kind: kind, Offset: off, Err: fmt.Errorf(details, args...)}
}

// ofTensor adds a tensor's name to a FileError that has none.
func ofTensor(err error, name string) error {
	var fe *FileError
	if errors.As(err, &fe) && fe.Tensor == "" {
		fe.Tensor = name
	}
	return err
}

// NodeError says which node a writer or an upgrade cannot express, and where.
type NodeError struct {
	Node, Op string
	Opset    int
	Err      error
}

// Error names the node, its operator, the operator set and the reason.
func (e *NodeError) Error() string {
	return fmt.Sprintf("node %q (%s) cannot be written at opset %d: %v", e.Node, e.Op, e.Opset, e.Err)
}

// Unwrap returns the reason.
func (e *NodeError) Unwrap() error { return e.Err }

// Hint is the way out.
func (e *NodeError) Hint() string { return "write at a higher opset, such as --opset 21" }

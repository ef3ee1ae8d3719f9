package format

import (
	"errors"
	"fmt"
	"io"
)

// ErrFormat is wrapped by every error about a model file's content, whatever its
// format: the file is at fault, not the disk and not the caller. Errors about
// .cmz files are *FileError and wrap one of the others too.
var ErrFormat = errors.New("bad model file")

// What a caller may want to tell apart.
var (
	ErrNotCMZ    = errors.New("not a .cmz file")
	ErrVersion   = errors.New("written by a newer version of this program, which is needed to read it")
	ErrTruncated = errors.New("incomplete: the write was interrupted, or the copy was cut short or appended to")
	ErrChecksum  = errors.New("damaged: checksum mismatch")
	ErrCorrupt   = errors.New("malformed")
	ErrLimit     = errors.New("exceeds a limit")
)

// FileError says where a .cmz file is wrong.
type FileError struct {
	Kind   error  // one of the sentinels above
	Offset int64  // first byte of the part at fault
	Tensor string // the tensor at fault, or ""
	Err    error  // details, or nil
}

// Error names the place, the kind and the details.
func (e *FileError) Error() string {
	s := fmt.Sprintf("%v (at byte %d", e.Kind, e.Offset)
	if e.Tensor != "" {
		s += fmt.Sprintf(", tensor %q", e.Tensor)
	}
	s += ")"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes errors.Is true for ErrFormat, the kind and the cause.
func (e *FileError) Unwrap() []error {
	errs := []error{ErrFormat, e.Kind}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// fail returns a FileError at off whose details are formatted.
func fail(kind error, off int64, details string, args ...any) error {
	return &FileError{Kind: kind, Offset: off, Err: fmt.Errorf(details, args...)}
}

// readFull fills b from off. An early end is a truncated file; other failures
// are the reader's and pass unchanged.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return fail(ErrTruncated, off+int64(n), "%d bytes are missing", len(b)-n)
	}
	return err
}

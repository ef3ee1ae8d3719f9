package budget

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// Snapshot is what models were, to compare later ones with.
type Snapshot struct {
	Version int         `json:"version"`
	Models  []*Measured `json:"models"`
}

// NewSnapshot holds everything measured.
func NewSnapshot(measured map[string]*Measured) *Snapshot {
	s := &Snapshot{Version: 1}
	for _, path := range slices.Sorted(maps.Keys(measured)) {
		s.Models = append(s.Models, measured[path])
	}
	return s
}

// of returns a model's measurement, nil when there is none.
func (s *Snapshot) of(path string) *Measured {
	if s == nil {
		return nil
	}
	for _, m := range s.Models {
		if m.Path == path {
			return m
		}
	}
	return nil
}

// Save writes the snapshot as JSON, whole or not at all.
func (s *Snapshot) Save(path string) error {
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	})
}

// maxSnapshot bounds a snapshot file.
const maxSnapshot = 64 << 20

// LoadSnapshot reads a snapshot; it is nil, without an error, where there is no file.
func LoadSnapshot(path string) (*Snapshot, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, maxSnapshot))
	dec.DisallowUnknownFields()
	s := &Snapshot{}
	if err := dec.Decode(s); err != nil {
		return nil, &Error{Path: path, Msg: fmt.Sprintf("is no snapshot: %v", err)}
	}
	if s.Version != 1 {
		return nil, &Error{Path: path, Msg: fmt.Sprintf("version %d, this program reads version 1", s.Version)}
	}
	if slices.Contains(s.Models, nil) {
		return nil, &Error{Path: path, Msg: "a model is null"}
	}
	return s, nil
}

package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// table is a csv file in memory: features [N K] and one label text per row.
type table struct {
	path   string
	rows   int
	values []float32
	labels []string // nil: no label column
}

// labelColumns are the headers that mark the label column by themselves.
var labelColumns = []string{"label", "class", "target", "y", "species", "variety"}

func openCSV(s Spec, split Split, d Dirs) (Set, error) {
	return s.openParts(split, d, func(path string, split Split) (Set, error) {
		t, err := s.readCSV(path)
		if err != nil {
			return nil, err
		}
		names := t.classNames()
		if split == Test && names != nil && s.Options["test"] != "" {
			// Names get their numbers from the training file, also here.
			train, err := d.file(s.Arg)
			if err != nil {
				return nil, err
			}
			other, err := s.readCSV(train)
			if err != nil {
				return nil, err
			}
			names = other.classNames()
		}
		return s.tableSet(t, names)
	})
}

// tableSet turns a table into a set; names is nil when the labels are numbers.
func (s Spec) tableSet(t *table, names []string) (Set, error) {
	x, err := s.reshaped(tensor.Of(tensor.Shape{t.rows, len(t.values) / t.rows}, t.values))
	if err != nil {
		return nil, err
	}
	if err := s.divided(x); err != nil {
		return nil, err
	}
	classes, err := s.integer("classes", len(names))
	if err != nil {
		return nil, err
	}
	var y *tensor.Tensor
	if t.labels != nil {
		numbers, err := t.numbers(names)
		if err != nil {
			return nil, badFile(t.path, "%w", err)
		}
		y = tensor.Vec(numbers...)
	}
	set, err := FromTensors(t.path, x, y, classes)
	if err != nil {
		return nil, withWay(err, "label=COLUMN names the column of the class, by header or number from 0; label=none says that there is none")
	}
	set.(*floatSet).names = names
	return set, nil
}

// classNames returns the sorted label texts, nil when all of them are numbers.
func (t *table) classNames() []string {
	words := false
	for _, l := range t.labels {
		words = words || !isNumber(l)
	}
	if !words {
		return nil
	}
	names := slices.Clone(t.labels)
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *table) numbers(names []string) ([]float64, error) {
	out := make([]float64, len(t.labels))
	for i, l := range t.labels {
		if names == nil {
			out[i], _ = strconv.ParseFloat(l, 64)
			continue
		}
		k, ok := slices.BinarySearch(names, l)
		if !ok {
			return nil, fmt.Errorf("label %q of sample %d, expected one of %s", l, i, listed(names))
		}
		out[i] = float64(k)
	}
	return out, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil
}

// listed prints names, the first dozen when there are many.
func listed(names []string) string {
	if len(names) > 12 {
		return fmt.Sprintf("%q and %d more", names[:12], len(names)-12)
	}
	return fmt.Sprintf("%q", names)
}

func (s Spec) readCSV(path string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<16))
	r.ReuseRecord, r.TrimLeadingSpace = true, true
	if strings.EqualFold(filepath.Ext(path), ".tsv") {
		r.Comma = '\t'
	}
	t := &table{path: path}
	if err := s.readRows(r, t); err != nil {
		var e *Error
		if errors.As(err, &e) {
			return nil, err
		}
		return nil, badFile(path, "%w", err)
	}
	return t, nil
}

func (s Spec) readRows(r *csv.Reader, t *table) error {
	column := -1
	for first := true; ; first = false {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if first {
			header, err := s.isHeader(rec)
			if err != nil {
				return err
			}
			if column, err = s.labelColumn(rec, header); err != nil {
				return err
			}
			if header {
				continue
			}
		}
		if err := t.add(r, rec, column); err != nil {
			return err
		}
	}
	if t.rows == 0 || len(t.values) == 0 {
		return errors.New("no rows with features")
	}
	return nil
}

// isHeader reports whether the first row is one: no field of it is a number.
func (s Spec) isHeader(rec []string) (bool, error) {
	switch h := s.Options["header"]; h {
	case "yes", "no":
		return h == "yes", nil
	case "":
		return !slices.ContainsFunc(rec, isNumber), nil
	}
	return false, s.bad("header", "expected yes or no")
}

// labelColumn returns the column of the label, -1 for none: label=, else a
// header with one of the usual names, else the last.
func (s Spec) labelColumn(rec []string, header bool) (int, error) {
	l := s.Options["label"]
	if l == "none" {
		return -1, nil
	}
	if l == "" {
		for i, h := range rec {
			if header && slices.Contains(labelColumns, strings.ToLower(strings.TrimSpace(h))) {
				return i, nil
			}
		}
		return len(rec) - 1, nil
	}
	if i := slices.Index(rec, l); header && i >= 0 {
		return i, nil
	}
	i, err := strconv.Atoi(l)
	if err != nil || i < 0 || i >= len(rec) {
		return 0, s.bad("label", "no such column, there are %d", len(rec))
	}
	return i, nil
}

func (t *table) add(r *csv.Reader, rec []string, column int) error {
	for i, f := range rec {
		if i == column {
			t.labels = append(t.labels, strings.Clone(strings.TrimSpace(f)))
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 32)
		if err != nil || v-v != 0 {
			line, _ := r.FieldPos(i)
			return fmt.Errorf("line %d, column %d (from 0): %q, expected a finite number", line, i, f)
		}
		t.values = append(t.values, float32(v))
	}
	if int64(len(t.values))*4 > maxFileBytes {
		return fmt.Errorf("more than %d bytes of values", int64(maxFileBytes))
	}
	t.rows++
	return nil
}

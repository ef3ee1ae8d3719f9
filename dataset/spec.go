package dataset

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Split names a part of a data source.
type Split int

// The parts. Val is held out of the training samples by the val= option.
const (
	Train Split = iota
	Val
	Test
)

var splitNames = []string{"train", "val", "test"}

// String returns "train", "val" or "test".
func (s Split) String() string { return splitNames[s] }

// Spec is a parsed --data string: a source, what it is applied to, and options.
//
//	mnist  fashion-mnist  cifar10   published sets
//	idx:DIR                         a folder with the four IDX files of MNIST's layout
//	npz:FILE  csv:FILE  images:DIR  files; a test part by test=
//	random:N                        uniform noise
//
// Options for all: mean= and std= (see [Normalize]), limit=N (a random N of each
// part), val=N or val=0.1 (held out of training), keep=0,1 and drop=3 (classes,
// in the training part only), seed=N (for val, limit, test and random; default
// 1), split=train|val|test (this part, whatever is asked for), labels=random.
// Options of sources: test=FILE or test=0.2, classes=N, shape=1,28,28,
// divide=255 (npz, csv, images as they apply); x=, y= (npz: array names),
// layout=nhwc (npz); label=COLUMN|none, header=yes|no (csv); size=H,W and
// channels=1|3 (images).
type Spec struct {
	Source  string            // "mnist", "csv"
	Arg     string            // what stands behind the colon
	Options map[string]string // as given, checked by Parse
}

var commonOptions = []string{"mean", "std", "limit", "val", "keep", "drop", "seed", "split", "labels"}

// source is how one kind of data is opened.
type source struct {
	arg     string   // what must stand behind the colon, "" for nothing
	options []string // beside the common ones
	open    func(s Spec, split Split, d Dirs) (Set, error)
}

var sources = registry.New[source]("data source")

// Parse reads a --data string and checks everything that needs no file.
func Parse(text string) (Spec, error) {
	parts := strings.Split(text, ";")
	name, arg, _ := strings.Cut(strings.TrimSpace(parts[0]), ":")
	s := Spec{Source: name, Arg: arg, Options: map[string]string{}}
	src, err := sources.Get(name)
	if err != nil {
		return s, badSpec(text, "see `compress data list`; a file needs its kind in front, as in npz:"+name, "%w", err)
	}
	if (src.arg == "") != (arg == "") {
		return s, badSpec(text, "write "+strings.TrimSuffix(name+":"+src.arg, ":"), "expected %s after the source", orNothing(src.arg))
	}
	known := append(slices.Clone(commonOptions), src.options...)
	for _, p := range parts[1:] {
		key, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if !ok || value == "" {
			return s, badSpec(text, "options look like ;limit=1000", "option %q is not key=value", p)
		}
		if !slices.Contains(known, key) {
			return s, badSpec(text, nearestOption(key, known), "unknown option %q", key)
		}
		if _, dup := s.Options[key]; dup {
			return s, badSpec(text, "", "option %q twice", key)
		}
		s.Options[key] = value
	}
	return s, s.check()
}

func orNothing(arg string) string {
	if arg == "" {
		return "nothing"
	}
	return arg
}

func nearestOption(key string, known []string) string {
	way := "known options: " + strings.Join(known, ", ")
	if n := registry.Nearest(key, known); n != "" {
		way = fmt.Sprintf("did you mean %s? %s", n, way)
	}
	return way
}

// String returns the canonical text, which Parse reads back.
func (s Spec) String() string {
	text := s.Source
	if s.Arg != "" {
		text += ":" + s.Arg
	}
	keys := make([]string, 0, len(s.Options))
	for k := range s.Options {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		text += ";" + k + "=" + s.Options[k]
	}
	return text
}

// check reads every common option once, so that a mistake shows before any work.
func (s Spec) check() error {
	c, err := s.common()
	if err != nil {
		return err
	}
	if s.Source == "random" {
		_, err = s.random(Train, c.seed)
	}
	return err
}

// common holds the options that every source has.
type common struct {
	norm       *Normalize
	limit      int
	val        part
	seed       uint64
	split      *Split
	keep, drop []int64
	random     bool // labels
}

func (s Spec) common() (c common, err error) {
	if c.norm, err = s.Normalize(); err != nil {
		return c, err
	}
	if c.limit, err = s.integer("limit", 0); err != nil {
		return c, err
	}
	seed, err := s.integer("seed", 1)
	if err != nil {
		return c, err
	}
	c.seed = uint64(seed)
	if v := s.Options["val"]; v != "" {
		if c.val, err = parsePart(v); err != nil {
			return c, s.bad("val", "%w", err)
		}
	}
	if v := s.Options["split"]; v != "" {
		i := slices.Index(splitNames, v)
		if i < 0 {
			return c, s.bad("split", "expected one of %v", splitNames)
		}
		c.split = new(Split)
		*c.split = Split(i)
	}
	if v := s.Options["labels"]; v != "" && v != "random" {
		return c, s.bad("labels", "expected random")
	}
	c.random = s.Options["labels"] != ""
	if c.keep, err = s.classList("keep"); err != nil {
		return c, err
	}
	c.drop, err = s.classList("drop")
	return c, err
}

func (s Spec) bad(key, format string, args ...any) error {
	return badSpec(s.String(), "", "option %s=%s: %w", key, s.Options[key], fmt.Errorf(format, args...))
}

// integer returns a non-negative whole number option.
func (s Spec) integer(key string, otherwise int) (int, error) {
	v := s.Options[key]
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, s.bad(key, "expected a whole number from 0")
	}
	return n, nil
}

func (s Spec) classList(key string) ([]int64, error) {
	v, err := s.ints(key)
	out := make([]int64, len(v))
	for i, c := range v {
		out[i] = int64(c)
	}
	return out, err
}

// ints returns a list of whole numbers, nil when the option is not given.
func (s Spec) ints(key string) ([]int, error) {
	if s.Options[key] == "" {
		return nil, nil
	}
	var out []int
	for _, f := range strings.Split(s.Options[key], ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 0 {
			return nil, s.bad(key, "expected whole numbers from 0 with commas between them")
		}
		out = append(out, n)
	}
	return out, nil
}

// maxSample bounds the elements of one sample.
const maxSample = 1 << 28

// shape returns the shape option, or otherwise.
func (s Spec) shape(key string, otherwise tensor.Shape) (tensor.Shape, error) {
	dims, err := s.ints(key)
	if err != nil || dims == nil {
		return otherwise, err
	}
	if n, ok := tensor.Shape(dims).CheckedSize(maxSample); !ok || n == 0 {
		return nil, s.bad(key, "expected 1 to %d elements", maxSample)
	}
	return dims, nil
}

// part is a number or a fraction of samples.
type part struct {
	n    int
	frac float64
}

func parsePart(v string) (part, error) {
	f, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil || !(f >= 0) || f > math.MaxInt32 || f >= 1 && f != math.Trunc(f):
		return part{}, fmt.Errorf("expected a number of samples or a fraction below 1")
	case f < 1:
		return part{frac: f}, nil
	}
	return part{n: int(f)}, nil
}

func (p part) count(of int) int { return min(of, p.n+int(math.Round(p.frac*float64(of)))) }

func (p part) zero() bool { return p == part{} }

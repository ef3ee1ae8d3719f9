package dataset

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	for _, k := range published {
		sources.Add(k.name, source{open: openKnown})
	}
	sources.Add("idx", source{arg: "DIR", open: openIDXDir})
	sources.Add("npz", source{arg: "FILE", open: openNPZ,
		options: []string{"test", "x", "y", "classes", "shape", "divide", "layout"}})
	sources.Add("csv", source{arg: "FILE", open: openCSV,
		options: []string{"test", "label", "header", "classes", "shape", "divide"}})
	sources.Add("images", source{arg: "DIR", open: openImages,
		options: []string{"test", "size", "channels"}})
	sources.Add("random", source{arg: "N", options: []string{"shape", "classes"},
		open: func(s Spec, split Split, _ Dirs) (Set, error) {
			seed, err := s.integer("seed", 1)
			if err != nil {
				return nil, err
			}
			return s.random(split, uint64(seed))
		}})
}

// Open opens one part of the data. Val asks for the samples that val= holds out
// of training, and is an error without that option. A file source without a
// test part gives the whole file for Test too; then the names of the Train and
// the Test set are equal.
func (s Spec) Open(split Split, d Dirs) (Set, error) {
	c, err := s.common()
	if err != nil {
		return nil, err
	}
	if c.split != nil {
		split = *c.split
	}
	if split == Test {
		return s.openTest(c, d)
	}
	train, val, err := s.openTraining(c, d)
	if err == nil && split == Val {
		if val == nil {
			return nil, badSpec(s.String(), "add ;val=5000 or ;val=0.1", "no validation part")
		}
		return val, nil
	}
	return train, err
}

// OpenTraining opens the training part and the validation part, nil without
// val=, reading the data once.
func (s Spec) OpenTraining(d Dirs) (train, val Set, err error) {
	c, err := s.common()
	if err != nil {
		return nil, nil, err
	}
	return s.openTraining(c, d)
}

func (s Spec) openTraining(c common, d Dirs) (train, val Set, err error) {
	train, err = s.openSource(Train, d)
	if err != nil {
		return nil, nil, err
	}
	if c.random {
		train = RandomLabels(train, c.seed)
	}
	if !c.val.zero() {
		val, train = SplitAt(train, c.val.count(train.Len()), c.seed)
		if val, err = s.limited(val, c); err != nil {
			return nil, nil, err
		}
	}
	if len(c.keep) > 0 {
		train = KeepClasses(train, c.keep...)
	}
	if len(c.drop) > 0 {
		train = DropClasses(train, c.drop...)
	}
	train, err = s.limited(train, c)
	return train, val, err
}

func (s Spec) openTest(c common, d Dirs) (Set, error) {
	t, err := s.openSource(Test, d)
	if err != nil {
		return nil, err
	}
	return s.limited(t, c)
}

// limited applies limit= and refuses what is empty then.
func (s Spec) limited(t Set, c common) (Set, error) {
	if c.limit > 0 && c.limit < t.Len() {
		t, _ = SplitAt(t, c.limit, c.seed)
	}
	if t.Len() == 0 {
		return nil, badSpec(s.String(), "", "%s has no samples left", t.Name())
	}
	if c.norm != nil {
		if err := c.norm.Check(t.Shape()); err != nil {
			return nil, badSpec(s.String(), "", "%w", err)
		}
	}
	return t, nil
}

// openSource opens the source's own train or test part. A fault of the
// specification is told with its text.
func (s Spec) openSource(split Split, d Dirs) (Set, error) {
	src, err := sources.Get(s.Source)
	if err != nil {
		return nil, badSpec(s.String(), "", "%w", err)
	}
	return src.open(s, split, d)
}

func openKnown(s Spec, split Split, d Dirs) (Set, error) {
	k, _ := findKnown(s.Source)
	dir, err := d.find(k, split)
	if err != nil {
		return nil, err
	}
	set, err := k.open(dir, split)
	return set, withWay(err, fmt.Sprintf("remove the damaged files and run `compress data fetch %s`", k.name))
}

func openIDXDir(s Spec, split Split, d Dirs) (Set, error) {
	dir, err := d.file(s.Arg)
	if err != nil {
		return nil, err
	}
	return openIDX("idx:"+s.Arg, dir, split, nil)
}

// random opens random:N. The test part differs from the training part.
func (s Spec) random(split Split, seed uint64) (Set, error) {
	n, err := strconv.Atoi(s.Arg)
	if err != nil || n <= 0 {
		return nil, badSpec(s.String(), "write random:1000", "%q is no number of samples", s.Arg)
	}
	shape, err := s.shape("shape", tensor.Shape{1, 28, 28})
	if err != nil {
		return nil, err
	}
	classes, err := s.integer("classes", 10)
	if err != nil {
		return nil, err
	}
	return Random(n, shape, classes, seed<<1+uint64(split)/2), nil
}

// loadFile opens the train or test part that path itself has, or all of it.
type loadFile func(path string, split Split) (Set, error)

// openParts settles the test= option of file sources: another file, a part of
// the file held out by the seed, or, without it, what load makes of it.
func (s Spec) openParts(split Split, d Dirs, load loadFile) (Set, error) {
	path, err := d.file(s.Arg)
	if err != nil {
		return nil, err
	}
	test := s.Options["test"]
	if test == "" {
		return s.blame(load(path, split))
	}
	if p, err := parsePart(test); err == nil {
		seed, err := s.integer("seed", 1)
		if err != nil {
			return nil, err
		}
		all, err := s.blame(load(path, Train))
		if err != nil {
			return nil, err
		}
		held, rest := SplitAt(all, p.count(all.Len()), uint64(seed))
		if split == Test {
			return held, nil
		}
		return rest, nil
	}
	if split == Test {
		if path, err = d.file(test); err != nil {
			return nil, err
		}
	}
	return s.blame(load(path, split))
}

// blame names the specification when an error has no place yet.
func (s Spec) blame(set Set, err error) (Set, error) {
	var e *Error
	if err != nil && !errors.As(err, &e) {
		err = &Error{Kind: ErrBad, Path: s.String(), Err: err}
	}
	return set, err
}

// reshaped gives the samples of x [N ...] the shape= option.
func (s Spec) reshaped(x *tensor.Tensor) (*tensor.Tensor, error) {
	shape, err := s.shape("shape", nil)
	if err != nil || shape == nil {
		return x, err
	}
	if x.Rank() == 0 || x.Dim(0)*shape.Size() != x.Len() {
		return nil, badSpec(s.String(), "", "shape %v does not fit samples of %v", shape, x)
	}
	return x.View(append(tensor.Shape{x.Dim(0)}, shape...)), nil
}

// divided divides floats by the divide= option, in place.
func (s Spec) divided(x *tensor.Tensor) error {
	v := s.Options["divide"]
	if v == "" {
		return nil
	}
	d, err := strconv.ParseFloat(v, 32)
	if err != nil || d == 0 || d-d != 0 {
		return s.bad("divide", "expected a number other than 0")
	}
	if x.DType() != tensor.F32 {
		return s.bad("divide", "the samples are %v; bytes scale to 0..1 by themselves", x.DType())
	}
	for i := range x.F32s() {
		x.F32s()[i] /= float32(d)
	}
	return nil
}

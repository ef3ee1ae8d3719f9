package dataset

import (
	"fmt"
	"slices"
	"sort"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// view is a set that shows chosen samples of another, with its labels or without.
type view struct {
	Set
	name  string
	index []int // nil: all
	blind bool  // without labels
}

func (v *view) Name() string { return v.name }

func (v *view) Len() int {
	if v.index == nil {
		return v.Set.Len()
	}
	return len(v.index)
}

func (v *view) Classes() int {
	if v.blind {
		return 0
	}
	return v.Set.Classes()
}

func (v *view) at(i int) int {
	if v.index == nil {
		return i
	}
	return v.index[i]
}

func (v *view) Read(i int, x []float32) (int64, error) {
	y, err := v.Set.Read(v.at(i), x)
	if v.blind {
		y = -1
	}
	return y, err
}

func (v *view) Label(i int) int64 {
	if v.blind {
		return -1
	}
	return labelOf(v.Set, v.at(i))
}

func (v *view) ClassNames() []string {
	if n, ok := v.Set.(Named); ok && !v.blind {
		return n.ClassNames()
	}
	return nil
}

// labelOf returns the label of sample i, reading the sample when the set knows
// no shorter way; a sample that cannot be read has none.
func labelOf(s Set, i int) int64 {
	if l, ok := s.(Labelled); ok {
		return l.Label(i)
	}
	y, err := s.Read(i, make([]float32, s.Shape().Size()))
	if err != nil {
		return -1
	}
	return y
}

// Subset returns the samples with the given numbers, in that order; index is
// kept. what names the choice in the set's name.
func Subset(s Set, what string, index []int) Set {
	return &view{Set: s, name: fmt.Sprintf("%s[%s]", s.Name(), what), index: index}
}

// SplitAt deals the samples into n and the rest, by the seed; each part keeps
// the order of s. n is clipped to 0..s.Len().
func SplitAt(s Set, n int, seed uint64) (a, b Set) {
	n = min(max(n, 0), s.Len())
	p := tensor.NewRand(seed, "split").Perm(s.Len())
	sort.Ints(p[:n])
	sort.Ints(p[n:])
	what := fmt.Sprintf("%d by seed %d", n, seed)
	return Subset(s, what, p[:n]), Subset(s, "not "+what, p[n:])
}

// Limit returns the first n samples, s itself when it has no more.
func Limit(s Set, n int) Set {
	if n >= s.Len() {
		return s
	}
	p := make([]int, max(n, 0))
	for i := range p {
		p[i] = i
	}
	return Subset(s, fmt.Sprintf("first %d", n), p)
}

// KeepClasses returns the samples whose label is listed. Labels and the number
// of classes stay as they are.
func KeepClasses(s Set, classes ...int64) Set { return filter(s, "keep", classes, true) }

// DropClasses returns the samples whose label is not listed, as in the
// experiment of Hinton et al. 2015 that leaves a digit out of the transfer set.
func DropClasses(s Set, classes ...int64) Set { return filter(s, "drop", classes, false) }

func filter(s Set, verb string, classes []int64, keep bool) Set {
	index := []int{}
	for i := range s.Len() {
		if slices.Contains(classes, labelOf(s, i)) == keep {
			index = append(index, i)
		}
	}
	return Subset(s, fmt.Sprintf("%s %v", verb, classes), index)
}

// Unlabelled hides the labels of s: they read as -1 and there are no classes.
func Unlabelled(s Set) Set {
	return &view{Set: s, name: s.Name() + "[unlabelled]", blind: true}
}

// relabelled replaces the labels of a set.
type relabelled struct {
	Set
	name   string
	labels []int64
}

func (r *relabelled) Name() string      { return r.name }
func (r *relabelled) Label(i int) int64 { return r.labels[i] }

func (r *relabelled) Read(i int, x []float32) (int64, error) {
	_, err := r.Set.Read(i, x)
	return r.labels[i], err
}

// RandomLabels gives each sample a uniformly random class, fixed by the seed,
// for the memorisation experiment of Zhang et al. 2017.
func RandomLabels(s Set, seed uint64) Set {
	r := tensor.NewRand(seed, "random-labels")
	labels := make([]int64, s.Len())
	for i := range labels {
		labels[i] = int64(r.Intn(uint64(i), max(s.Classes(), 1)))
	}
	return &relabelled{s, fmt.Sprintf("%s[random labels by seed %d]", s.Name(), seed), labels}
}

// concat is several sets one after the other.
type concat struct {
	Set  // the first, for shape and class names
	sets []Set
	name string
	ends []int // ends[k] is the number of samples in sets[:k+1]
}

// Concat returns the samples of all sets, one set after the other. Shapes and
// classes must agree, but sets without labels may follow the first.
func Concat(sets ...Set) (Set, error) {
	if len(sets) == 0 {
		return nil, badSpec("", "", "nothing to concatenate")
	}
	c := &concat{Set: sets[0], sets: sets, name: sets[0].Name()}
	n := 0
	for i, s := range sets {
		if !s.Shape().Equal(c.Shape()) || s.Classes() != c.Classes() && (i == 0 || s.Classes() != 0) {
			return nil, badSpec("", "", "%s has samples %v in %d classes, %s has %v in %d",
				c.Set.Name(), c.Shape(), c.Classes(), s.Name(), s.Shape(), s.Classes())
		}
		if i > 0 {
			c.name += " + " + s.Name()
		}
		n += s.Len()
		c.ends = append(c.ends, n)
	}
	return c, nil
}

func (c *concat) Name() string { return c.name }
func (c *concat) Len() int     { return c.ends[len(c.ends)-1] }

// find returns the set that holds sample i and its number there.
func (c *concat) find(i int) (Set, int) {
	k := sort.SearchInts(c.ends, i+1)
	if k > 0 {
		i -= c.ends[k-1]
	}
	return c.sets[k], i
}

func (c *concat) Read(i int, x []float32) (int64, error) {
	s, j := c.find(i)
	return s.Read(j, x)
}

func (c *concat) Label(i int) int64 {
	s, j := c.find(i)
	return labelOf(s, j)
}

func (c *concat) ClassNames() []string {
	if n, ok := c.Set.(Named); ok {
		return n.ClassNames()
	}
	return nil
}

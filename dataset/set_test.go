package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// testSet checks what every Set promises.
func testSet(t *testing.T, s Set) {
	t.Helper()
	size := s.Shape().Size()
	if s.Name() == "" || s.Len() < 1 || size < 1 {
		t.Fatalf("%q has %d samples of %v", s.Name(), s.Len(), s.Shape())
	}
	if n, ok := s.(Named); ok && n.ClassNames() != nil && len(n.ClassNames()) != s.Classes() {
		t.Errorf("%s: %d names for %d classes", s.Name(), len(n.ClassNames()), s.Classes())
	}
	x := make([]float32, size+1) // the last is a guard
	again := make([]float32, size)
	for _, i := range []int{0, s.Len() / 2, s.Len() - 1} {
		x[size] = 42
		y, err := s.Read(i, x[:size:size])
		if err != nil {
			t.Fatal(err)
		}
		if x[size] != 42 {
			t.Errorf("%s: Read wrote behind its sample", s.Name())
		}
		if y != s.(Labelled).Label(i) || y >= int64(s.Classes()) || s.Classes() > 0 && y < 0 {
			t.Errorf("%s: label %d of sample %d, Label says %d, %d classes", s.Name(), y, i, s.(Labelled).Label(i), s.Classes())
		}
		if _, err := s.Read(i, again); err != nil || !slices.Equal(again, x[:size]) {
			t.Errorf("%s: sample %d reads differently", s.Name(), i)
		}
	}
}

// counted returns n samples of one feature, their number, in classes by turns.
func counted(n, classes int) Set {
	x, y := make([]float32, n), make([]int64, n)
	for i := range x {
		x[i], y[i] = float32(i), int64(i%classes)
	}
	s, err := FromTensors(fmt.Sprintf("counted%d", n), tensor.Of(tensor.Shape{n, 1}, x), tensor.Vec(y...), classes)
	if err != nil {
		panic(err)
	}
	return s
}

func values(t *testing.T, s Set) []int {
	t.Helper()
	var out []int
	x := make([]float32, 1)
	for i := range s.Len() {
		if _, err := s.Read(i, x); err != nil {
			t.Fatal(err)
		}
		out = append(out, int(x[0]))
	}
	return out
}

func TestSplitAt(t *testing.T) {
	s := counted(20, 4)
	a, b := SplitAt(s, 6, 1)
	all := append(values(t, a), values(t, b)...)
	if a.Len() != 6 || !slices.IsSorted(values(t, a)) || !slices.IsSorted(values(t, b)) {
		t.Errorf("parts %v and %v", values(t, a), values(t, b))
	}
	slices.Sort(all)
	if !slices.Equal(all, values(t, s)) {
		t.Errorf("the parts together hold %v", all)
	}
	again, _ := SplitAt(s, 6, 1)
	other, _ := SplitAt(s, 6, 2)
	if !slices.Equal(values(t, a), values(t, again)) || slices.Equal(values(t, a), values(t, other)) {
		t.Error("the seed does not decide the split")
	}
	if again.Name() != a.Name() || other.Name() == a.Name() || a.Name() == b.Name() {
		t.Errorf("names %q %q %q", a.Name(), b.Name(), other.Name())
	}
	for _, p := range []Set{a, b} {
		testSet(t, p)
	}
}

func TestSelections(t *testing.T) {
	s := counted(8, 4)
	both, err := Concat(s, DropClasses(s, 1, 3))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set  Set
		want []int
	}{
		"drop":   {DropClasses(s, 3), []int{0, 1, 2, 4, 5, 6}},
		"keep":   {KeepClasses(s, 3), []int{3, 7}},
		"limit":  {Limit(s, 3), []int{0, 1, 2}},
		"all":    {Limit(s, 30), []int{0, 1, 2, 3, 4, 5, 6, 7}},
		"subset": {Subset(s, "odd ones", []int{5, 5, 1}), []int{5, 5, 1}},
		"concat": {both, []int{0, 1, 2, 3, 4, 5, 6, 7, 0, 2, 4, 6}},
		"nested": {Limit(KeepClasses(both, 2), 3), []int{2, 6, 2}},
		"blind":  {Unlabelled(s), []int{0, 1, 2, 3, 4, 5, 6, 7}},
		"random": {RandomLabels(s, 1), []int{0, 1, 2, 3, 4, 5, 6, 7}},
	} {
		if got := values(t, c.set); !slices.Equal(got, c.want) {
			t.Errorf("%s holds %v, want %v", name, got, c.want)
		}
		testSet(t, c.set)
	}
	if _, err := Concat(s, counted(3, 2)); err == nil {
		t.Error("sets of different classes were joined")
	}
	if u := Unlabelled(s); u.Classes() != 0 || u.(Labelled).Label(1) != -1 {
		t.Error("labels still show")
	}
}

func TestFromTensors(t *testing.T) {
	pix := tensor.Of(tensor.Shape{2, 1, 2}, []uint8{0, 51, 102, 255})
	s, err := FromTensors("pix", pix, tensor.Of(tensor.Shape{2, 1}, []int32{0, 4}), 0)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 2)
	y, _ := s.Read(1, x)
	if !s.Shape().Equal(tensor.Shape{1, 1, 2}) || y != 4 || s.Classes() != 5 || !slices.Equal(x, []float32{0.4, 1}) {
		t.Errorf("shape %v, label %d of %d, pixels %v", s.Shape(), y, s.Classes(), x)
	}
	testSet(t, s)
	inf := tensor.Of(tensor.Shape{2, 1}, []float64{1, 1e300})
	for want, f := range map[string]func() (Set, error){
		"expected [N K]":   func() (Set, error) { return FromTensors("s", tensor.Vec[float32](1), nil, 0) },
		"finite":           func() (Set, error) { return FromTensors("s", inf, nil, 0) },
		"label 1.5":        func() (Set, error) { return FromTensors("s", pix, tensor.Vec(0, 1.5), 0) },
		"label 7":          func() (Set, error) { return FromTensors("s", pix, tensor.Vec[int64](0, 7), 7) },
		"label NaN":        func() (Set, error) { return FromTensors("s", pix, tensor.Vec(0, nan()), 7) },
		"one class number": func() (Set, error) { return FromTensors("s", pix, tensor.Vec[int64](0), 7) },
		"expected numbers": func() (Set, error) { return FromTensors("s", pix, tensor.Vec("a", "b"), 7) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func nan() float64 { z := 0.0; return z / z }

func TestMeasureAndNormalize(t *testing.T) {
	x := tensor.Of(tensor.Shape{2, 2, 1, 2}, []float32{1, 3, 5, 5, 1, 3, 5, 5})
	s, err := FromTensors("s", x, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Measure(s, 0)
	if err != nil || n.String() != "mean=2,5;std=1,1" {
		t.Errorf("measured %v, %v", n, err)
	}
	v := []float32{1, 3, 5, 7}
	n.apply(s.Shape(), v)
	if !slices.Equal(v, []float32{-1, 1, 0, 2}) {
		t.Errorf("normalised to %v", v)
	}
	one := Normalize{Mean: []float32{1}, Std: []float32{2}}
	one.apply(s.Shape(), v)
	if !slices.Equal(v, []float32{-1, 0, -0.5, 0.5}) {
		t.Errorf("normalised to %v", v)
	}
	for _, bad := range []Normalize{{}, {Mean: []float32{1, 2, 3}, Std: []float32{1}}, {Mean: []float32{0}, Std: []float32{0}}} {
		if bad.Check(s.Shape()) == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

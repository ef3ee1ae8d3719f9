package dataset

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"mnist": "mnist",
		"cifar10; std=.229,.224,.225;mean=.485,.456,.406": "cifar10;mean=.485,.456,.406;std=.229,.224,.225",
		"npz:a:b.npz;limit=10":                            "npz:a:b.npz;limit=10",
		"random:100;shape=3,8,8;classes=0;seed=4":         "random:100;classes=0;seed=4;shape=3,8,8",
		"mnist;val=0.1;drop=3;keep=1,2;split=test":        "mnist;drop=3;keep=1,2;split=test;val=0.1",
	} {
		s, err := Parse(in)
		if err != nil || s.String() != want {
			t.Errorf("%q is %q, want %q (%v)", in, s, want, err)
			continue
		}
		if again, err := Parse(s.String()); err != nil || again.String() != want {
			t.Errorf("%q does not survive: %q %v", want, again, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "unknown data source",
		"mnis":                             `did you mean "mnist"`,
		"mnist:x":                          "expected nothing",
		"csv":                              "expected FILE",
		"mnist;limt=3":                     `unknown option "limt"`,
		"mnist;limit":                      "not key=value",
		"mnist;limit=-1":                   "whole number",
		"mnist;limit=1;limit=2":            "twice",
		"mnist;val=1.5":                    "fraction",
		"mnist;val=NaN":                    "fraction",
		"mnist;mean=1,x":                   "numbers",
		"mnist;std=0":                      "above 0",
		"mnist;split=all":                  "expected one of",
		"mnist;drop=a":                     "whole numbers",
		"random:0":                         "number of samples",
		"random:1;shape=0,1":               "elements",
		"random:1;shape=9999999":           "",
		"random:9;shape=99999,99999,99999": "elements",
	} {
		_, err := Parse(in)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", in, err)
			}
			continue
		}
		if !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want an error with %q, got %v", in, want, err)
		}
	}
	_, err := Parse("mnist;limt=3")
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint(), "did you mean limit?") {
		t.Errorf("hint of %v", err)
	}
}

func mustParse(t testing.TB, text string) Spec {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, text string, split Split, d Dirs) Set {
	t.Helper()
	s, err := mustParse(t, text).Open(split, d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenParts(t *testing.T) {
	const text = "random:100;classes=4;shape=1;"
	train, val, err := mustParse(t, text+"val=0.2;drop=3;limit=30").OpenTraining(Dirs{})
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 30 || val.Len() != 20 {
		t.Errorf("%d and %d samples", train.Len(), val.Len())
	}
	threes := 0
	for i := range train.Len() {
		if train.(Labelled).Label(i) == 3 {
			threes++
		}
	}
	if threes != 0 || train.Classes() != 4 {
		t.Errorf("%d samples of the dropped class, %d classes", threes, train.Classes())
	}
	test := open(t, text+"val=0.2;drop=3", Test, Dirs{})
	if test.Len() != 100 || test.Name() == train.Name() {
		t.Errorf("test part %q of %d", test.Name(), test.Len())
	}
	if forced := open(t, text+"val=0.2;split=val", Test, Dirs{}); forced.Name() == test.Name() || forced.Len() != 20 {
		t.Errorf("split=val gave %q", forced.Name())
	}
	var hinted *Error
	if _, err := mustParse(t, text+"limit=5").Open(Val, Dirs{}); !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "val=") {
		t.Errorf("without a validation part: %v", err)
	}
	for _, s := range []Set{train, val, test} {
		testSet(t, s)
	}
	if _, err := mustParse(t, text+"drop=0,1,2,3").Open(Train, Dirs{}); !errors.Is(err, ErrSpec) {
		t.Errorf("with every class dropped: %v", err)
	}
	if _, err := mustParse(t, text+"mean=1,2,3").Open(Train, Dirs{}); !errors.Is(err, ErrSpec) {
		t.Errorf("with three means for one channel: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("mnist;val=0.1;drop=3;mean=1,2;std=1")
	f.Add("random:9;shape=1,2,3")
	f.Add("csv:a.csv;label=none")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(s.String()); err != nil || again.String() != s.String() {
			t.Errorf("%q became %q, then %q: %v", text, s, again, err)
		}
	})
}

func ExampleParse() {
	spec, err := Parse("random:1000;shape=3,32,32;val=100")
	if err != nil {
		fmt.Println(err)
		return
	}
	train, val, err := spec.OpenTraining(Dirs{})
	fmt.Println(train.Len(), val.Len(), train.Shape(), train.Classes(), err)
	// Output: 900 100 [3 32 32] 10 <nil>
}

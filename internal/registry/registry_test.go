package registry

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"adam", "adamw", "momentum", "sgd", "cosine"}
	for name, want := range map[string]string{
		"adma": "adam", "Adam": "adam", "adamm": "adam", "momentun": "momentum", "omsentum": "momentum",
		"cosin": "cosine", "sg": "sgd", "rmsprop": "", "": "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("nearest to %q is %q, want %q", name, got, want)
		}
	}
}

func TestRegistry(t *testing.T) {
	r := New[int]("number")
	r.Add("two", 2)
	r.Add("one", 1)
	if v, err := r.Get("two"); v != 2 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if _, err := r.Get("tow"); err == nil || !strings.Contains(err.Error(), `unknown number "tow" (did you mean "two"? known: one, two)`) {
		t.Errorf("%v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a duplicate does not panic")
		}
	}()
	r.Add("one", 3)
}

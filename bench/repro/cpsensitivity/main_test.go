package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/lowrank"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// Components that nearly cancel lose most of their sensitivity at the same error.
func TestFits(t *testing.T) {
	a := nd.New(4, 4, 3)
	for i := range a.Data {
		a.Data[i] = float64((i*i*7+3*i)%11) - 5
	}
	c, err := fits(a, 3, []float64{0.01})
	if err != nil {
		t.Fatal(err)
	}
	plain, better := c.plain, c.corrected[0]
	if better.err > plain.err*1.0101 || better.sensitivity > plain.sensitivity || better.sensitivity < c.bound {
		t.Errorf("plain %+v, corrected %+v, bound %g", plain, better, c.bound)
	}
	if f := search(a, 3, plain.err*1.01, 5); len(f.within) == 0 || f.within[0].sensitivity < c.bound || f.within[0].err > plain.err*1.0101 {
		t.Errorf("searched %+v, bound %g, plain %+v", f, c.bound, plain)
	}
	if err := run(nil); err == nil {
		t.Error("no model is accepted")
	}
	if err := run([]string{"x.cmz", "2"}); err == nil {
		t.Error("a slack of 2 is accepted")
	}
}

func TestPlanned(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"sites": [{"name": "a", "method": "cp", "ranks": [7]}, {"name": "b", "method": "spatial", "ranks": [3]}]}`)
	ranks, err := planned(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]int{"a": {7}, "b": nil, "c": nil} {
		if got := ranks(&lowrank.Site{Name: name}); !slices.Equal(got, want) {
			t.Errorf("ranks of %s: %v, want %v", name, got, want)
		}
	}
	write(`{"sites": []}`)
	if _, err := planned(file); err == nil {
		t.Error("a plan without cp is accepted")
	}
}

package main

import (
	"testing"

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

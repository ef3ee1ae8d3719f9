package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compress-toolkit/compress/bench"
)

func share(v float64) *float64 { return &v }

// examplePage has everything that a report can show, and names that must be escaped.
func examplePage() *Page {
	model := func(path string, acc float64, bytes int64) Model {
		return Model{
			Result:     bench.Result{Path: path, Params: bytes / 4, ParamBytes: bytes, FileBytes: bytes, MACs: bytes / 4, Accuracy: share(acc), Latency: &bench.Latency{P50: 0.1, P99: 0.3}},
			Layers:     []Layer{{"fc1", "Gemm", bytes / 5, bytes * 4 / 5, bytes / 5}, {"fc2 with a very long name that does not fit into the plot's width", "Gemm", bytes / 20, bytes / 5, bytes / 20}},
			Confusion:  &Confusion{[]string{"a", "b<&"}, [][]int{{90, 10}, {0, 100}}},
			Provenance: map[string]string{"architecture": "mlp:32", "data": "<script>alert(1)</script>"},
		}
	}
	return &Page{
		Title: "teacher.cmz & 2 others", Created: time.Unix(1_700_000_000, 0).UTC(), Data: "mnist", Version: "v0",
		Models:  []Model{model("out/teacher.cmz", 0.98, 4e6), model("out/small<b>.cmz", 0.97, 1e5), model("out/worse.cmz", 0.96, 2e5)},
		Spectra: []Spectrum{{"fc1", "out/teacher.cmz", []float64{8, 4, 2, 1, 0}, []Rank{{"out/small.cmz", 2}}}},
		Curves:  []Curve{{"teacher.jsonl", []CurvePoint{{0.5, 2, nil}, {1, 1, share(0.9)}, {2, 0.5, share(0.95)}}}},
	}
}

// TestPlots parses every plot as XML.
func TestPlots(t *testing.T) {
	names := map[string]bool{}
	for _, p := range examplePage().Plots() {
		var b bytes.Buffer
		if err := p.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		if names[p.Name] || strings.ContainsAny(p.Name, "/<& ") {
			t.Errorf("the name %q is no file's of its own", p.Name)
		}
		names[p.Name] = true
		d := xml.NewDecoder(&b)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
		}
	}
	for _, want := range []string{"accuracy-size", "accuracy-macs", "layers-1-teacher.cmz", "spectrum-1-fc1", "training-loss", "training-accuracy", "confusion-3-worse.cmz"} {
		if !names[want] {
			t.Errorf("no plot %s, there are %v", want, names)
		}
	}
}

// TestPageIsWhole checks that nothing is fetched, nothing of a file becomes markup, and
// that parts without content are left out.
func TestPageIsWhole(t *testing.T) {
	var b bytes.Buffer
	if err := examplePage().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "src=", "http://", "https://", "@import", "url(", "small<b>"} {
		if text := strings.ReplaceAll(b.String(), "http://www.w3.org/2000/svg", ""); strings.Contains(text, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	b.Reset()
	if err := (&Page{Title: "t", Models: []Model{{Result: bench.Result{Path: "m"}}}}).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"frontier", "layers", "spectra", "training", "confusion", "budget"} {
		if strings.Contains(b.String(), `id="`+part+`"`) {
			t.Errorf("an empty page has the part %q", part)
		}
	}
}

func TestParetoFront(t *testing.T) {
	var got []int
	for _, d := range paretoFront([]dot{{0, 10, 0.9}, {1, 5, 0.8}, {2, 7, 0.8}, {3, 5, 0.7}, {4, 20, 0.9}, {5, 30, 0.95}}) {
		got = append(got, d.model)
	}
	if want := []int{1, 0, 5}; !slices.Equal(got, want) {
		t.Errorf("front %v, want %v", got, want)
	}
}

func TestEnergy(t *testing.T) {
	s := Spectrum{Values: []float64{2, 1, 0}}
	if e := s.Energy(1); math.Abs(e-0.8) > 1e-15 || s.Energy(3) != 1 || (Spectrum{Values: []float64{0}}).Energy(0) != 1 {
		t.Errorf("energy of the first value: %v, want 0.8", e)
	}
}

// TestTicks checks that ticks are within the axis, rising, and few.
func TestTicks(t *testing.T) {
	for _, a := range []axis{
		linearAxis(0.953, 0.9871, 0, 1), linearAxis(0, 784, 0, 1), linearAxis(3, 3, 0, 1), linearAxis(-2, 1e9, 0, 1),
		logAxis(4e3, 4e6, 0, 1), logAxis(5, 5, 0, 1), logAxis(1e-4, 1, 0, 1), logAxis(100, 180, 0, 1),
		{low: 3e4, high: 5e5, to: 1, log: true, binary: true}, {low: 3e4, high: 5e9, to: 1, log: true, binary: true},
	} {
		ts := a.ticks()
		if len(ts) < 1 || len(ts) > 9 || !slices.IsSorted(ts) {
			t.Errorf("%+v has the ticks %v", a, ts)
		}
		for _, v := range ts {
			if at := a.at(v); at < -1e-9 || at > 1+1e-9 {
				t.Errorf("%+v: the tick %v is at %v", a, v, at)
			}
		}
	}
}

func TestReadCurve(t *testing.T) {
	c, err := ReadCurve("x", strings.NewReader(`{"step":1,"epoch":0.5,"loss":2}
{"step":2,"epoch":1,"loss":1}
{"step":2,"epoch":1,"epoch_loss":1.5,"validation_accuracy":0.9}
`))
	if err != nil || len(c.Points) != 3 || c.Points[1].Loss != 1 || *c.Points[2].Accuracy != 0.9 || !math.IsNaN(c.Points[2].Loss) {
		t.Errorf("%+v, %v", c.Points, err)
	}
	if got := thinned(make([]CurvePoint, 1001), 300); len(got) > 300 {
		t.Errorf("%d points, at most 300 asked for", len(got))
	}
	for _, text := range []string{"no JSON\n", `{"epoch":1}`} {
		if _, err := ReadCurve("x", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

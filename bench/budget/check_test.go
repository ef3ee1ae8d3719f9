package budget

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/compress-toolkit/compress/bench"
)

// measuredNow meets some limits of the good budget and misses others.
func measuredNow() map[string]*Measured {
	return map[string]*Measured{"s.cmz": {
		Path: "s.cmz", Total: 2000,
		Values:    map[string]float64{"stored_size": 1400, "macs": 31000, "accuracy": 0.97, "params": 10, "param_bytes": 40, "peak_ram": 90},
		Layers:    map[string]map[string]float64{"fc1/gemm": {"param_bytes": 30}, "fc2/gemm": {"param_bytes": 10}},
		Drops:     map[string]Drop{"t.cmz": dropOf([]bool{true, false, true, true}, []bool{true, true, true, false})},
		Latencies: map[latencyKey]bench.LatencyChange{{"latency_p50", "t.cmz"}: {Ratio: 1.5, Low: 1.4, High: 1.6, Noise: 0.01, Rounds: 300}},
	}}
}

func checked(t *testing.T, text string, now map[string]*Measured, base *Snapshot, day string) *Result {
	t.Helper()
	f, err := Parse("b.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	today, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Check(f, now, base, today)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verdicts lists "metric rule verdict" of every row.
func verdicts(r *Result) string {
	var rows []string
	for _, row := range r.Rows {
		rows = append(rows, fmt.Sprintf("%s %s %s", row.Metric, row.Rule, row.Verdict))
	}
	return strings.Join(rows, "\n")
}

func TestCheck(t *testing.T) {
	r := checked(t, good, measuredNow(), nil, "2026-12-01")
	want := "stored_size max warn\nmacs max warn\naccuracy min fail\naccuracy_drop max pass\nlatency_p50 max fail\nparam_bytes max pass"
	if got := verdicts(r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if r.Failed() != 2 || r.Summary() != "2 fail, 2 warn, 2 pass" {
		t.Errorf("summary %q, %d failed", r.Summary(), r.Failed())
	}
	if row := r.Rows[0]; row.Headroom != 136 || row.Line != 8 || !strings.Contains(row.Note, "warning at 1000 B") {
		t.Errorf("stored_size: %+v", row)
	}
	if row := r.Rows[5]; row.Value != 30 || row.Layer != "^fc1/" {
		t.Errorf("layer: %+v", row)
	}
}

func TestBaseAndWaivers(t *testing.T) {
	base := &Snapshot{Version: 1, Models: []*Measured{{Path: "s.cmz", Values: map[string]float64{"stored_size": 1300, "macs": 30600, "accuracy": 0.98}}}}
	text := strings.Replace(good, ", level: warn", "", 1)
	for day, want := range map[string]string{
		"2027-01-31": "stored_size max warn\nstored_size max_increase fail\nmacs max waived\nmacs max_increase pass",
		"2027-02-02": "stored_size max warn\nstored_size max_increase fail\nmacs max fail\nmacs max_increase pass",
	} {
		r := checked(t, text, measuredNow(), base, day)
		if got := verdicts(r); !strings.HasPrefix(got, want+"\n") {
			t.Errorf("on %s got\n%s\nwant first\n%s", day, got, want)
		}
		row := r.Rows[1]
		if *row.Base != 1300 || *row.Delta != 100 || row.Limit != 1365 || row.Headroom != -35 {
			t.Errorf("max_increase: %+v", row)
		}
	}
	late := checked(t, text, measuredNow(), nil, "2027-02-02")
	if note := late.Rows[1].Note; !strings.Contains(note, "ended on 2027-01-31") {
		t.Errorf("an ended waiver: %q", note)
	}
}

func TestPatternMatchesNothing(t *testing.T) {
	f, err := Parse("b.yaml", []byte(strings.Replace(good, "^fc1/", "^nothing/", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Check(f, measuredNow(), nil, time.Now()); err == nil || !strings.HasPrefix(err.Error(), "b.yaml:13: no node of s.cmz matches") {
		t.Errorf("error %v", err)
	}
}

func TestInconclusiveNeverFails(t *testing.T) {
	now := measuredNow()
	now["s.cmz"].Latencies[latencyKey{"latency_p50", "t.cmz"}] = bench.LatencyChange{Ratio: 1.15, Low: 1.05, High: 1.3, Noise: 0.1}
	r := checked(t, good, now, nil, "2026-12-01")
	if row := r.Rows[4]; row.Verdict != Inconclusive {
		t.Errorf("%+v", row)
	}
}

func TestDropInterval(t *testing.T) {
	now, base := make([]bool, 1000), make([]bool, 1000)
	for i := range now {
		now[i], base[i] = i >= 60, i >= 40 && i < 990 // 20 lost, 10 recovered
	}
	d := dropOf(now, base)
	half := 1.96 * 0.0054680892457969 // sqrt(30 - 100/1000) / 1000
	if d.Lost != 20 || d.Won != 10 || d.Drop != 0.01 || d.N != 1000 || abs(d.High-0.01-half) > 1e-9 || abs(0.01-half-d.Low) > 1e-9 {
		t.Errorf("%+v", d)
	}
}

func abs(x float64) float64 { return max(x, -x) }

func TestSnapshotRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "base.json")
	if s, err := LoadSnapshot(path); s != nil || err != nil {
		t.Errorf("a missing base: %v, %v", s, err)
	}
	if err := NewSnapshot(measuredNow()).Save(path); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSnapshot(path)
	if err != nil {
		t.Fatal(err)
	}
	m := s.of("s.cmz")
	if m == nil || m.Values["macs"] != 31000 || m.Layers["fc1/gemm"]["param_bytes"] != 30 || m.Drops["t.cmz"].Lost != 1 {
		t.Errorf("%+v", m)
	}
	for _, text := range []string{"", "[]", `{"version":2}`, `{"version":1,"modles":[]}`, `{"version":1,"models":[null]}`} {
		writeFile(t, path, text)
		if _, err := LoadSnapshot(path); err == nil {
			t.Errorf("%q is taken for a snapshot", text)
		}
	}
}

// nasty has names that break careless writers.
func nasty() *Result {
	r := &Result{Version: 1, Budget: "a,b:c%.yaml"}
	for i, v := range []Verdict{Pass, Warn, Fail, Waived, Inconclusive} {
		b, d := 5.0, -1.0
		r.Rows = append(r.Rows, Row{Model: "m|<x>&\"'\n\x01" + string(v), Metric: "params", Rule: "max", Layer: "^a\\|\"b`", Value: 4, Limit: 3,
			Headroom: -1, Base: &b, Delta: &d, Verdict: v, Note: "a note\nof two lines", Line: i + 1, kind: Count})
	}
	return r
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJUnit(t *testing.T) {
	text := written(t, nasty().WriteJUnit)
	var got junitSuites
	if err := xml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if got.Tests != 5 || got.Failures != 1 || len(got.Suites) != 5 || got.Suites[2].Cases[0].Failure == nil || got.Suites[3].Skipped != 1 {
		t.Errorf("%+v", got)
	}
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("no xmllint to check the schema with")
	}
	path := filepath.Join(t.TempDir(), "j.xml")
	writeFile(t, path, text)
	if msg, err := exec.Command(xmllint, "--noout", "--schema", "testdata/junit.xsd", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, msg)
	}
}

func TestGitHub(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(written(t, nasty().WriteGitHub), "\n"), "\n")
	form := regexp.MustCompile(`^::(error|warning|notice) file=a%2Cb%3Ac%25\.yaml,line=\d,title=model budget%3A \w+::.+$`)
	if len(lines) != 4 {
		t.Fatalf("%d lines, want one for each row that does not pass: %q", len(lines), lines)
	}
	for _, l := range lines {
		if !form.MatchString(l) {
			t.Errorf("not a workflow command: %q", l)
		}
	}
}

// TestOpenMetrics reads the text by the grammar of the format.
func TestOpenMetrics(t *testing.T) {
	text := written(t, nasty().WriteOpenMetrics)
	if !strings.HasSuffix(text, "\n# EOF\n") {
		t.Errorf("the end is %q", text[len(text)-20:])
	}
	label := `[a-z]+="(?:[^"\\\n]|\\["\\n])*"`
	sample := regexp.MustCompile(`^([a-z_]+)\{` + label + `(?:,` + label + `)*\} [-+.0-9e]+$`)
	family, samples := "", map[string]int{}
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n# EOF\n"), "\n") {
		if rest, ok := strings.CutPrefix(l, "# TYPE "); ok {
			if family, ok = strings.CutSuffix(rest, " gauge"); !ok {
				t.Errorf("type %q", l)
			}
		} else if !strings.HasPrefix(l, "# HELP "+family+" ") {
			m := sample.FindStringSubmatch(l)
			if m == nil || m[1] != family {
				t.Fatalf("no sample of %s: %q", family, l)
			}
			samples[family]++
		}
	}
	if len(samples) != 3 || samples["compress_budget_value"] != 5 {
		t.Errorf("samples %v", samples)
	}
}

func TestMarkdown(t *testing.T) {
	text := written(t, nasty().WriteMarkdown)
	cell := regexp.MustCompile(`(?:^|[^\\])\|`)
	for _, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(l, "|") {
			if n := len(cell.FindAllString(l, -1)); n != len(heads)+1 {
				t.Errorf("%d bars in %q", n, l)
			}
		}
	}
	if strings.Contains(text, "<x>") || !strings.Contains(text, "❌") {
		t.Errorf("text %q", text)
	}
	if first := strings.Index(text, "❌"); first > strings.Index(text, "⚠️") {
		t.Error("a warning stands before the failure")
	}
	r := nasty()
	for len(r.Rows) < 5000 {
		r.Rows = append(r.Rows, r.Rows[0])
	}
	if long := written(t, r.WriteMarkdown); len(long) >= maxMarkdown || !strings.Contains(long, "more rows are left out") {
		t.Errorf("%d characters", len(long))
	}
}

func TestJSONHasTheContract(t *testing.T) {
	b, err := json.Marshal(nasty())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Version int
		Rows    []map[string]any
	}
	if err := json.Unmarshal(b, &got); err != nil || got.Version != 1 {
		t.Fatal(err, string(b))
	}
	for _, key := range []string{"model", "metric", "value", "limit", "verdict"} {
		if got.Rows[2][key] == nil {
			t.Errorf("no %s in %v", key, got.Rows[2])
		}
	}
}

func TestDiff(t *testing.T) {
	layers := func(sizes map[string]float64) *Measured {
		m := &Measured{Layers: map[string]map[string]float64{}}
		for name, v := range sizes {
			m.Layers[name] = map[string]float64{"param_bytes": v}
		}
		return m
	}
	d := NewDiff(layers(map[string]float64{"a/b/conv": 100, "a/c": 10, "relu": 0, "gone": 5}), layers(map[string]float64{"a/b/conv/u": 20, "a/b/conv/v": 10, "a/c": 10}))
	if d.Root.Old != 115 || d.Root.New != 40 || len(d.Root.Branches) != 2 || d.Root.Branches[0].Name != "a" {
		t.Fatalf("%+v", d.Root)
	}
	conv := d.Root.Branches[0].Branches[0]
	if conv.Name != "b/conv" || conv.Change != -70 || len(conv.Branches) != 2 {
		t.Errorf("%+v", conv)
	}
	if text := written(t, d.WriteTable); !strings.Contains(text, "-70.0 %") || !strings.Contains(text, "gone") {
		t.Errorf("%s", text)
	}
}

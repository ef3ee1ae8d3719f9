package budget

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const good = `version: 1
models:
  - path: s.cmz
    data: mnist
    dims: {N: 1}
    limits:
      accuracy: {min: 97.5 %, warn: 98 %}
      stored_size: {max: 1.5 KiB, warn: 1 kB, max_increase: 5 %}
      macs: {max: 30k, max_increase: 500, level: warn}
      accuracy_drop: {max: 0.5 points, of: t.cmz}
      latency_p50: {max: 1.1x, of: t.cmz}
    layers:
      - match: ^fc1/
        limits: {param_bytes: {max: 2 MB}}
    waivers:
      - {metric: macs, reason: the new head, until: 2027-01-31}
`

func TestParse(t *testing.T) {
	f, err := Parse("b.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	m := f.Models[0]
	if m.Path != "s.cmz" || m.Data != "mnist" || m.Dims["N"] != 1 || len(m.Limits) != 5 || len(m.Layers) != 1 {
		t.Fatalf("%+v", m)
	}
	size := m.Limits[0]
	if size.Metric.Name != "stored_size" || *size.Max != 1536 || *size.Warn != 1000 || *size.Increase != (Increase{0.05, true}) || size.Line != 8 {
		t.Errorf("stored_size: %+v", size)
	}
	if macs := m.Limits[1]; *macs.Max != 30000 || *macs.Increase != (Increase{500, false}) || !macs.WarnOnly {
		t.Errorf("macs: %+v", macs)
	}
	if acc := m.Limits[2]; *acc.Min != 0.975 || *acc.Warn != 0.98 {
		t.Errorf("accuracy: %+v", acc)
	}
	if drop := m.Limits[3]; *drop.Max != 0.005 || drop.Of != "t.cmz" {
		t.Errorf("accuracy_drop: %+v", drop)
	}
	if l := m.Layers[0]; !l.Match.MatchString("fc1/gemm") || *l.Limits[0].Max != 2e6 || l.Line != 13 {
		t.Errorf("layer: %+v", l)
	}
	if w := m.Waivers[0]; w.Metric != "macs" || w.Reason != "the new head" || !w.Until.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("waiver: %+v", w)
	}
	if got := f.Paths(); strings.Join(got, " ") != "s.cmz t.cmz" {
		t.Errorf("paths %v", got)
	}
}

// TestMistakes changes one thing in a good budget and wants an error that names its
// line and the thing.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		old, new string
		line     int
		want     string
	}{
		{"version: 1", "version: 2", 1, `version is "2"`},
		{"version: 1\n", "", 1, `version is ""`},
		{"models:", "modles:", 2, `did you mean "models"?`},
		{"  - path: s.cmz", "  - paht: s.cmz", 3, `no key "paht"`},
		{"path: s.cmz", `path: ""`, 3, "path needs a value"},
		{"    data: mnist\n", "", 6, "accuracy needs data"},
		{"dims: {N: 1}", "dims: {N: 0}", 5, "dimension N"},
		{"dims: {N: 1}", "dims: 3", 5, "dims must be a mapping"},
		{"stored_size:", "stored_sise:", 8, `did you mean "stored_size"?`},
		{"1.5 KiB", "1500", 8, "no size with its unit"},
		{"1.5 KiB", "lots", 8, "no size"},
		{"1.5 KiB", "-1 KiB", 8, "negative"},
		{"1.5 KiB", "1.5 x", 8, "no size"},
		{"97.5 %", "0.975", 7, "no share"},
		{"min: 97.5 %", "max: 97.5 %", 7, "give min"},
		{"max: 30k", "min: 30k", 9, "give max"},
		{"max: 30k, max_increase: 500, level: warn", "level: warn", 9, "has no limit"},
		{"level: warn", "level: soft", 9, "fail or warn"},
		{"warn: 1 kB", "warn: 2 kB", 8, "warns only beyond"},
		{"max_increase: 5 %", "max_increase: 5", 8, "max_increase"},
		{"{max: 0.5 points, of: t.cmz}", "{max: 0.5 points}", 10, "name it"},
		{"0.5 points", "0.5 %", 10, "difference of accuracies"},
		{"max: 1.1x, of", "max_increase: 5 %, of", 11, "no max_increase"},
		{"{max: 1.1x", "{max: 1.1", 11, "multiple"},
		{"max: 30k,", "max: 30k, of: t.cmz,", 9, "leave out of"},
		{"max: 30k,", "max: 30k, max: 31k,", 9, "twice"},
		{"match: ^fc1/", "match: (", 13, "match: error parsing regexp"},
		{"{param_bytes: {max: 2 MB}}", "{accuracy: {min: 9 %}}", 14, `limits of a layer has no key "accuracy"`},
		{"{param_bytes: {max: 2 MB}}", "{}", 14, "limits are empty"},
		{"metric: macs", "metric: mac", 16, "a waiver needs metric"},
		{"metric: macs", "metric: params", 16, "does not limit"},
		{"reason: the new head, ", "", 16, "needs a reason"},
		{"2027-01-31", "soon", 16, "needs until"},
		{"    limits:\n", "    limits: [\n", 0, "not YAML"},
		{good, "", 0, "is empty"},
		{good, "version: 1", 1, "no models"},
		{good, "version: 1\nmodels: []", 2, "at least one item"},
		{good, good + "---\n" + good, 0, "more than one YAML document"},
		{good, "version: 1\nmodels:\n  - path: s.cmz\n", 3, "neither limits nor layers"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%q is not in the budget", c.old)
		}
		_, err := Parse("b.yaml", []byte(strings.Replace(good, c.old, c.new, 1)))
		var bad *Error
		if !errors.As(err, &bad) || !strings.Contains(bad.Msg, c.want) || c.line != 0 && bad.Line != c.line {
			t.Errorf("%q for %q: %v, want line %d: %s", c.new, c.old, err, c.line, c.want)
		}
	}
}

func TestLoadLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.yaml")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("a huge file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("version: 1\nmodels: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Parse("b.yaml", text)
		if err == nil && len(b.Models) == 0 {
			t.Error("a budget without models and without an error")
		}
	})
}

func TestQuantities(t *testing.T) {
	for _, c := range []struct {
		k    Kind
		text string
		v    float64
		back string
	}{
		{Bytes, "1.5 MiB", 1.5 * (1 << 20), "1.5 MiB"}, {Bytes, "12B", 12, "12 B"}, {Bytes, "2 GB", 2e9, "1.8626 GiB"},
		{Count, "1.2M", 1.2e6, "1.2M"}, {Count, "999", 999, "999"}, {Fraction, "97.5%", 0.975, "97.50 %"},
		{Points, "0.5 points", 0.005, "0.50 points"}, {Ratio, "1.1x", 1.1, "1.100x"},
	} {
		v, err := c.k.Parse(c.text)
		if err != nil || v != c.v || c.k.Format(v) != c.back {
			t.Errorf("%q: %g, %v, written %q; want %g and %q", c.text, v, err, c.k.Format(v), c.v, c.back)
		}
	}
}

package student

import (
	"fmt"
	"strconv"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Derivation makes a student of a teacher's graph: "NAME:F[;init=fresh|teacher]".
type Derivation struct {
	Name  string
	Usage string
	// Build returns a new model with the fraction F of what Name says; with slice the
	// parameters are the teacher's, else fresh.
	Build func(teacher *graph.Model, fraction float64, slice bool, t Task) (*graph.Model, error)
}

var derivations = registry.New[Derivation]("derivation")

func init() {
	derivations.Add("width", Derivation{"width", "width:F[;init=fresh|teacher]", Thin})
	derivations.Add("depth", Derivation{"depth", "depth:F[;init=fresh|teacher]", Shorten})
}

// IsDerived reports whether an architecture's text is derived from a teacher.
func IsDerived(text string) bool {
	s, err := Parse(text)
	if err != nil {
		return false
	}
	_, ok := derivations.Lookup(s.Name)
	return ok
}

// Derive returns a student of the teacher's graph; IsDerived tells such texts.
func Derive(text string, teacher *graph.Model, t Task) (*graph.Model, error) {
	s, err := Parse(text)
	if err != nil {
		return nil, err
	}
	d, err := derivations.Get(s.Name)
	if err != nil {
		return nil, err
	}
	fail := func(err error) error { return fmt.Errorf("student %q: %w", text, err) }
	if len(s.Args) != 1 {
		return nil, fail(fmt.Errorf("want %s", d.Usage))
	}
	f, err := strconv.ParseFloat(s.Args[0], 64)
	if err != nil || !(f > 0 && f <= 1) {
		return nil, fail(fmt.Errorf("%s is not a fraction above 0 and at most 1", s.Args[0]))
	}
	if err := s.only("init"); err != nil {
		return nil, fail(err)
	}
	init := s.Opts["init"]
	if init != "" && init != "fresh" && init != "teacher" {
		return nil, fail(fmt.Errorf("init=%s is neither fresh nor teacher", init))
	}
	m, err := d.Build(teacher, f, init == "teacher", t)
	if err != nil {
		return nil, fail(err)
	}
	m.Meta = map[string]string{"architecture": s.String()}
	if of := teacher.Meta["architecture"]; of != "" {
		m.Meta["architecture"] += " of " + of
	}
	return m, nil
}

// Fresh returns a copy of m whose weights are drawn anew.
func Fresh(m *graph.Model, t Task) (*graph.Model, error) { return thin(m, 1, false, t) }

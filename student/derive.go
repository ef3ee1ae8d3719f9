package student

import (
	"fmt"
	"strconv"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Derivation makes a student of a teacher's graph: "NAME:F[;init=fresh|teacher][;dropout=P]".
type Derivation struct {
	Name  string
	Usage string
	// Build returns a new model with the fraction F of what Name says; with slice the
	// parameters are the teacher's, else fresh.
	Build func(teacher *graph.Model, fraction float64, slice bool, t Task) (*graph.Model, error)
}

var derivations = registry.New[Derivation]("derivation")

func init() {
	derivations.Add("width", Derivation{"width", "width:F[;init=fresh|teacher][;dropout=P]", Thin})
	derivations.Add("depth", Derivation{"depth", "depth:F[;init=fresh|teacher][;dropout=P]", Shorten})
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
	if err := s.only("init", "dropout"); err != nil {
		return nil, fail(err)
	}
	init := s.Opts["init"]
	if init != "" && init != "fresh" && init != "teacher" {
		return nil, fail(fmt.Errorf("init=%s is neither fresh nor teacher", init))
	}
	m, err := d.Build(teacher, f, init == "teacher", t)
	if err == nil {
		err = setDropout(m, s)
	}
	if err != nil {
		return nil, fail(err)
	}
	m.Meta = map[string]string{"architecture": s.String()}
	if of := teacher.Meta["architecture"]; of != "" {
		m.Meta["architecture"] += " of " + of
	}
	return m, nil
}

// setDropout sets the rate of every Dropout to the spec's, if it has one: a small student
// needs less of it than its teacher did.
func setDropout(m *graph.Model, s Spec) error {
	if s.Opts["dropout"] == "" {
		return nil
	}
	rate, err := s.rate("dropout")
	if err != nil {
		return err
	}
	found, params := false, m.Graph.ParamIndex()
	for _, n := range m.Graph.Nodes {
		if n.Op != "Dropout" {
			continue
		}
		if len(n.In) < 2 || params[n.In[1]] == nil {
			return fmt.Errorf("dropout=%g: the rate of node %q is computed by the network", rate, n.Name)
		}
		params[n.In[1]].Data, found = tensor.Scalar(rate), true
	}
	if !found {
		return fmt.Errorf("dropout=%g: the teacher's network has no Dropout", rate)
	}
	return nil
}

// Fresh returns a copy of m whose weights are drawn anew.
func Fresh(m *graph.Model, t Task) (*graph.Model, error) { return thin(m, 1, false, t) }

package lowrank

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/lowrank/nd"
)

// Replacement is a site with the factors that take its place.
type Replacement struct {
	Site    *Site
	Factors *Factors
	Shift   []float64 // added to the site's bias, G x M; nil to leave it
}

// Apply rewrites every node that uses one of the sites and removes the old weights.
// The model is partly rewritten when an error is returned: work on a clone.
func Apply(m *graph.Model, rs []Replacement) error {
	if err := applyRecurrent(m, rs); err != nil {
		return err
	}
	for i := range rs {
		if rs[i].Site.recurrent() {
			continue
		}
		if err := rs[i].apply(m); err != nil {
			return fmt.Errorf("lowrank: site %q by %s: %w", rs[i].Site.Name, rs[i].Factors.Method, err)
		}
	}
	return nil
}

// recurrent reports whether the site is a matrix of a recurrent layer.
func (s *Site) recurrent() bool { return s.Kind == Input || s.Kind == Recurrence }

func (r *Replacement) apply(m *graph.Model) error {
	d, err := Lookup(r.Factors.Method)
	if err != nil {
		return err
	}
	parts := addParts(m, r.Site, r.Factors)
	for _, u := range r.Site.Uses {
		err := m.Replace(u.Graph, u.Node, func(b *graph.Builder, in []graph.Value) (out []graph.Value, err error) {
			e := &Emitter{Builder: b, Site: r.Site, Use: u, Parts: parts, F: r.Factors}
			b.Scope(u.Node.Name, func() { out, err = e.use(d, r.shifted(b, in)) })
			return out, err
		})
		if err != nil {
			return err
		}
	}
	removeParam(m, r.Site)
	return nil
}

// shifted replaces the bias among the inputs by the one that keeps the output's mean.
func (r *Replacement) shifted(b *graph.Builder, in []graph.Value) []graph.Value {
	old := r.Site.bias
	if old == nil || r.Shift == nil {
		return in
	}
	t, err := old.Load()
	if err != nil {
		b.Fail(err)
		return in
	}
	v, err := float64s(t)
	if err != nil {
		b.Fail(err)
		return in
	}
	for i := range v {
		v[i] += r.Shift[i]
	}
	bias := toTensor(nd.Of(v, old.Shape...), old.DType)
	out := append([]graph.Value{}, in...)
	if old.Trainable {
		out[2] = b.Param("bias", bias)
	} else {
		out[2] = b.Const("bias", bias)
	}
	return out
}

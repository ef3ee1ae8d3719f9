package budget

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// limits reads a mapping of metrics, in the order of reports.
func (p parser) limits(n *yaml.Node, layer bool) ([]Limit, error) {
	var ls []Limit
	fields := map[string]field{}
	what := "limits"
	for _, m := range metrics {
		if layer && !m.Layer {
			continue
		}
		fields[m.Name] = func(key, v *yaml.Node) error {
			l := Limit{Metric: m, Line: key.Line}
			err := p.limit(key, v, &l)
			ls = append(ls, l)
			return err
		}
	}
	if layer {
		what = "limits of a layer"
	}
	if err := p.mapping(n, what, fields); err != nil {
		return nil, err
	}
	if len(ls) == 0 {
		return nil, p.errorf(n, "limits are empty: name a metric, of %s", strings.Join(metricNames(), ", "))
	}
	slices.SortStableFunc(ls, func(a, b Limit) int { return order(a.Metric) - order(b.Metric) })
	return ls, nil
}

func order(m Metric) int {
	return slices.IndexFunc(metrics, func(o Metric) bool { return o.Name == m.Name })
}

func (p parser) limit(key, n *yaml.Node, l *Limit) error {
	k := l.Metric.Kind
	err := p.mapping(n, key.Value, map[string]field{
		"max": p.quantity(k, &l.Max), "min": p.quantity(k, &l.Min), "warn": p.quantity(k, &l.Warn), "of": p.text(&l.Of),
		"max_increase": func(_, v *yaml.Node) (err error) { l.Increase, err = p.increase(k, v); return err },
		"level": func(_, v *yaml.Node) error {
			if v.Value != "fail" && v.Value != "warn" {
				return p.errorf(v, "level is %q: fail or warn", v.Value)
			}
			l.WarnOnly = v.Value == "warn"
			return nil
		},
	})
	if err != nil {
		return err
	}
	return p.sensible(key, l)
}

// sensible refuses combinations that mean nothing.
func (p parser) sensible(key *yaml.Node, l *Limit) error {
	m := l.Metric
	switch {
	case m.More && l.Max != nil:
		return p.errorf(key, "%s has max, but more is better: give min", m.Name)
	case !m.More && l.Min != nil:
		return p.errorf(key, "%s has min, but less is better: give max", m.Name)
	case l.Max == nil && l.Min == nil && l.Warn == nil && l.Increase == nil:
		return p.errorf(key, "%s has no limit: give %s, warn or max_increase", m.Name, bound(m))
	case m.Of && l.Of == "":
		return p.errorf(key, "%s compares with another model: name it, as of: teacher.cmz", m.Name)
	case !m.Of && l.Of != "":
		return p.errorf(key, "%s does not compare models: leave out of:", m.Name)
	case l.Increase != nil && (m.Of || m.Kind == Fraction):
		return p.errorf(key, "%s has no max_increase: limit the accuracy_drop or the latency against another model", m.Name)
	case l.Warn != nil && l.Max != nil && *l.Warn > *l.Max || l.Warn != nil && l.Min != nil && *l.Warn < *l.Min:
		return p.errorf(key, "%s warns only beyond its limit: put warn on the good side of %s", m.Name, bound(m))
	}
	return nil
}

func bound(m Metric) string {
	if m.More {
		return "min"
	}
	return "max"
}

func (p parser) quantity(k Kind, to **float64) field {
	return func(key, n *yaml.Node) error {
		v, err := k.Parse(n.Value)
		if err != nil {
			return p.errorf(key, "%s: %v", key.Value, err)
		}
		*to = &v
		return nil
	}
}

func (p parser) increase(k Kind, n *yaml.Node) (*Increase, error) {
	if v, err := Fraction.Parse(n.Value); err == nil {
		return &Increase{v, true}, nil
	}
	v, err := k.Parse(n.Value)
	if err != nil {
		return nil, p.errorf(n, "max_increase: %v, nor a share, as 5 %%", err)
	}
	return &Increase{v, false}, nil
}

package format

import (
	"maps"
	"slices"

	"github.com/compress-toolkit/compress/format/internal/cmzpb"
)

func provenanceToPB(p *Provenance) *cmzpb.Provenance {
	if p == nil {
		return nil
	}
	return &cmzpb.Provenance{
		Tool: p.Tool, Version: p.Version, Command: p.Command, Seed: p.Seed,
		Dataset: p.Dataset, Inputs: p.Inputs, Extra: entries(p.Extra),
	}
}

func provenanceFromPB(p *cmzpb.Provenance) *Provenance {
	if p == nil {
		return nil
	}
	return &Provenance{
		Tool: p.Tool, Version: p.Version, Command: slices.Clone(p.Command), Seed: p.Seed,
		Dataset: p.Dataset, Inputs: slices.Clone(p.Inputs), Extra: entryMap(p.Extra),
	}
}

func resultToPB(r Result) *cmzpb.Result {
	out := &cmzpb.Result{Dataset: r.Dataset}
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		out.Metrics = append(out.Metrics, &cmzpb.Metric{Name: name, Value: r.Metrics[name]})
	}
	return out
}

func resultFromPB(p *cmzpb.Result) Result {
	r := Result{Dataset: p.Dataset, Metrics: map[string]float64{}}
	for _, m := range p.Metrics {
		r.Metrics[m.Name] = m.Value
	}
	return r
}

// entryMap is the inverse of entries; no entries make a nil map.
func entryMap(es []*cmzpb.Entry) map[string]string {
	if len(es) == 0 {
		return nil
	}
	m := make(map[string]string, len(es))
	for _, e := range es {
		m[e.Key] = e.Value
	}
	return m
}

package lowrank

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
)

// Measure is what a budget or a guard counts.
type Measure uint8

// The measures. Latency can only guard: it is measured site by site after factoring.
const (
	Params Measure = iota
	MACs
	Bytes // of the stored parameters, before entropy coding
	Latency
)

var measureNames = [...]string{"parameters", "MACs", "bytes", "latency"}

// String returns the measure's name.
func (m Measure) String() string { return measureNames[m] }

// of returns what a site's weights cost; latency is planned as MACs.
func (m Measure) of(s *Site, c graph.Cost) int64 {
	switch m {
	case Params:
		return c.Params
	case Bytes:
		return c.Params * s.elementBytes
	}
	return c.MACs
}

// worse says why point p of site s is not smaller than the dense weight, or returns "".
func (m Measure) worse(s *Site, p *Point) string {
	if m == MACs || m == Latency {
		if !s.counted() {
			return fmt.Sprintf("%s unknown: the shapes around it could not be inferred", m)
		}
		m = MACs // what multiplies more is not faster
	}
	dense, now := m.of(s, s.Cost()), m.of(s, p.Cost)
	if now < dense {
		return ""
	}
	return fmt.Sprintf("%s at rank %v has %d %s, the dense weight %d", p.Method, p.Ranks, now, m, dense)
}

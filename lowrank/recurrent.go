package lowrank

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
)

// applyRecurrent rewrites recurrent layers, input and recurrent matrices of a node at once.
func applyRecurrent(_ *graph.Model, rs []Replacement) error {
	for _, r := range rs {
		if r.Site.recurrent() {
			return fmt.Errorf("lowrank: site %q: matrices of recurrent layers cannot be emitted: exclude the site", r.Site.Name)
		}
	}
	return nil
}

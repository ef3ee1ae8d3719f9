package op

import "github.com/compress-toolkit/compress/engine/kernel"

// pieceGrain is the least number of cheap element operations worth a unit of
// its own. It is a variable for the tests, which make it tiny.
var pieceGrain = 1 << 14

// pieces is a loop over n items, cut into units for the pool. The function is
// bound once, so that running costs no allocation.
type pieces struct {
	f       func(from, to int)
	n, size int
	parts   int
}

// newPieces cuts n items that each cost as much as cost cheap element operations.
func newPieces(n, cost int, f func(from, to int)) pieces {
	p := pieces{f: f, n: n}
	p.parts, p.size = kernel.Split(n, max(1, pieceGrain/max(1, cost)))
	return p
}

// Run implements kernel.Task.
func (p *pieces) Run(_, i int) { p.f(i*p.size, min((i+1)*p.size, p.n)) }

// do runs the loop.
func (p *pieces) do(pool *kernel.Pool) { pool.Do(p, p.parts) }

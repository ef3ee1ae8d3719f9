package op

import "github.com/compress-toolkit/compress/engine/kernel"

// colSum computes dst[j] = scale sum_i x[i][j] of a rows x cols matrix, adding the
// rows in order. Units are blocks of columns, so threads change no bit.
type colSum[T kernel.Float] struct {
	run        unit
	dst, x     []T
	scale      T
	rows, cols int
	size       int
}

// sum runs it; dst has cols elements.
func (c *colSum[T]) sum(p *kernel.Pool, dst, x []T, rows, cols int, scale T) {
	if c.run == nil {
		c.run = c.part
	}
	c.dst, c.x, c.rows, c.cols, c.scale = dst, x, rows, cols, scale
	parts, size := kernel.Split(cols, max(64, 1<<15/max(rows, 1)))
	c.size = size
	p.Do(c.run, parts)
}

func (c *colSum[T]) part(_, i int) {
	from := i * c.size
	d := c.dst[from:min(from+c.size, c.cols)]
	clear(d)
	for r := range c.rows {
		kernel.Add(d, d, c.x[r*c.cols+from:][:len(d)])
	}
	if c.scale != 1 {
		kernel.MulScalar(d, d, c.scale)
	}
}

// chanSum computes dst[c] = sum over n and s of x[n][c][s], in order.
type chanSum[T kernel.Float] struct {
	run     unit
	dst, x  []T
	n, c, s int
	size    int
}

// sum runs it; dst has c elements.
func (k *chanSum[T]) sum(p *kernel.Pool, dst, x []T, n, c, s int) {
	if k.run == nil {
		k.run = k.part
	}
	k.dst, k.x, k.n, k.c, k.s = dst, x, n, c, s
	parts, size := kernel.Split(c, max(1, 1<<15/max(n*s, 1)))
	k.size = size
	p.Do(k.run, parts)
}

func (k *chanSum[T]) part(_, i int) {
	for c := i * k.size; c < min((i+1)*k.size, k.c); c++ {
		var sum T
		for n := range k.n {
			sum += kernel.Sum(k.x[(n*k.c+c)*k.s:][:k.s])
		}
		k.dst[c] = sum
	}
}

// rowSum computes dst[r] = scale sum_j x[r][j] of a rows x cols matrix.
type rowSum[T kernel.Float] struct{ chanSum[T] }

func (k *rowSum[T]) sum(p *kernel.Pool, dst, x []T, rows, cols int, scale T) {
	k.chanSum.sum(p, dst, x, 1, rows, cols)
	if scale != 1 {
		kernel.MulScalar(dst, dst, scale)
	}
}

package op

import "github.com/compress-toolkit/compress/engine/kernel"

// folding tells how elements are combined into one. It is associative up to rounding.
type folding[T real] struct {
	zero T                    // the value of no elements
	run  func(acc T, x []T) T // folds all of x into acc
	rows func(acc, x []T)     // folds x into acc element by element
}

const (
	foldBlock = 512 // elements that a source computes at a time
	foldCols  = 64  // least columns in a unit
	foldUnits = 16  // units wanted of a large fold
)

// fold combines the elements of a row-major array along some of its axes.
// Every result is folded in one order, whatever the number of threads. Where the
// last axis is folded, runs of it are combined at once; where it stays, whole rows
// are folded into rows of results.
type fold[T real] struct {
	folding[T]
	src       func(dst []T, from int) // computes elements [from, from+len(dst)); nil reads x
	kept, red *walk
	byRow     bool
	n         int // results
	outs      int // pieces of the results
	size      int // results in a piece
	parts     int // pieces of what is folded; each has results of its own, folded in the end
	chunk     int // folded elements in a part
	unit      unit
	x, to     []T
	partial   []T
	tmp       workTmp[T]
}

// newFold makes a fold of an array of a shape along the marked axes.
func newFold[T real](shape []int, along []bool, f folding[T], src func(dst []T, from int)) *fold[T] {
	k := &fold[T]{folding: f, src: src}
	var dims [2][]int
	var at [2]strided
	for d, st := len(shape)-1, 1; d >= 0; d-- {
		to := 0
		if along[d] {
			to = 1
		}
		if shape[d] != 1 && st == 1 {
			k.byRow = !along[d]
		}
		dims[to] = append([]int{shape[d]}, dims[to]...)
		at[to].strides = append([]int{st}, at[to].strides...)
		st *= shape[d]
	}
	k.kept, k.red = newWalk(dims[0], at[0]), newWalk(dims[1], at[1])
	k.n = k.kept.n
	k.split()
	k.unit = k.part
	return k
}

// split cuts the work by its shape alone.
func (k *fold[T]) split() {
	least := 1
	if k.byRow {
		least = min(foldCols, pieceGrain)
	}
	k.outs, k.size = kernel.Split(k.n, max(least, pieceGrain/max(1, k.red.n)))
	k.parts, k.chunk = 1, k.red.n
	if want := min(foldUnits/max(1, k.outs), k.n*k.red.n/pieceGrain); want > 1 && k.red.n > 1 {
		k.chunk = (k.red.n + want - 1) / want
		k.parts = (k.red.n + k.chunk - 1) / k.chunk
	}
}

// do folds x, which may be nil when there is a source, into dst.
func (k *fold[T]) do(p *kernel.Pool, dst, x []T) {
	k.x, k.to = x, dst
	if k.src != nil {
		k.tmp.need(p, foldBlock)
	}
	if k.parts > 1 {
		if k.partial == nil {
			k.partial = make([]T, k.parts*k.n)
		}
		k.to = k.partial
	}
	p.Do(k.unit, k.parts*k.outs)
	if k.parts > 1 {
		copy(dst, k.partial[:k.n])
		for i := 1; i < k.parts; i++ {
			k.rows(dst, k.partial[i*k.n:][:k.n])
		}
	}
}

func (k *fold[T]) part(worker, i int) {
	from, lo := i%k.outs*k.size, i/k.outs*k.chunk
	to, hi := min(from+k.size, k.n), min(lo+k.chunk, k.red.n)
	dst := k.to[i/k.outs*k.n:][:k.n]
	var tmp []T
	if k.src != nil {
		tmp = k.tmp[worker]
	}
	if k.byRow {
		k.foldRows(dst, tmp, from, to, lo, hi)
	} else {
		k.foldRuns(dst, tmp, from, to, lo, hi)
	}
}

func (k *fold[T]) foldRuns(dst, tmp []T, from, to, lo, hi int) {
	k.kept.rows(from, to, func(o, n int, at [3]int) {
		for i := range n {
			base, acc := at[0]+i*k.kept.step(0), k.zero
			k.red.rows(lo, hi, func(_, m int, in [3]int) { acc = k.foldRun(acc, tmp, base+in[0], m) })
			dst[o+i] = acc
		}
	})
}

// foldRun folds n elements from at on into acc.
func (k *fold[T]) foldRun(acc T, tmp []T, at, n int) T {
	if k.src == nil {
		return k.run(acc, k.x[at:at+n])
	}
	for i := 0; i < n; i += len(tmp) {
		t := tmp[:min(len(tmp), n-i)]
		k.src(t, at+i)
		acc = k.run(acc, t)
	}
	return acc
}

func (k *fold[T]) foldRows(dst, tmp []T, from, to, lo, hi int) {
	k.kept.rows(from, to, func(o, n int, at [3]int) {
		for i := 0; i < n; i += foldBlock {
			acc, base := dst[o+i:o+min(i+foldBlock, n)], at[0]+i
			fill(acc, k.zero)
			k.red.rows(lo, hi, func(_, m int, in [3]int) {
				for j := range m {
					k.foldRow(acc, tmp, base+in[0]+j*k.red.step(0))
				}
			})
		}
	})
}

// foldRow folds the elements from at on into those of acc.
func (k *fold[T]) foldRow(acc, tmp []T, at int) {
	if k.src == nil {
		k.rows(acc, k.x[at:at+len(acc)])
		return
	}
	k.src(tmp[:len(acc)], at)
	k.rows(acc, tmp[:len(acc)])
}

// summing adds; kernel.Sum keeps several partial sums.
func summing[T kernel.Float]() folding[T] {
	return folding[T]{
		run:  func(acc T, x []T) T { return acc + kernel.Sum(x) },
		rows: func(acc, x []T) { kernel.Add(acc, acc, x) },
	}
}

// scalarFold folds with a function of two numbers.
func scalarFold[T real](zero T, f func(acc, v T) T) folding[T] {
	return folding[T]{
		zero: zero,
		run: func(acc T, x []T) T {
			for _, v := range x {
				acc = f(acc, v)
			}
			return acc
		},
		rows: func(acc, x []T) {
			for i, v := range x {
				acc[i] = f(acc[i], v)
			}
		},
	}
}

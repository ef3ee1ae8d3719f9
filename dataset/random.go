package dataset

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// randomSet computes its samples when they are read.
type randomSet struct {
	meta
	n    int
	x, y tensor.Rand
}

// Random returns n samples of uniform numbers in [0, 1) with uniform labels,
// all fixed by the seed. It takes no memory.
func Random(n int, shape tensor.Shape, classes int, seed uint64) Set {
	m := meta{name: fmt.Sprintf("random:%d %v by seed %d", n, shape, seed), shape: shape.Clone(), classes: classes}
	r := tensor.NewRand(seed, "random-set")
	return &randomSet{m, n, r.Sub(0), r.Sub(1)}
}

func (s *randomSet) Len() int { return s.n }

func (s *randomSet) Label(i int) int64 {
	if s.classes == 0 {
		return -1
	}
	return int64(s.y.Intn(uint64(i), s.classes))
}

func (s *randomSet) Read(i int, x []float32) (int64, error) {
	r := s.x.Sub(uint64(i))
	for j := range x {
		x[j] = r.Float32(uint64(j))
	}
	return s.Label(i), nil
}

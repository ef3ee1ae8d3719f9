package optim

import (
	"math"

	"github.com/compress-toolkit/compress/engine/kernel"
)

// MaxNorm scales each row of w, rows x cols, whose Euclidean norm exceeds c back
// to norm c (Srebro and Shraibman 2005; Hinton et al. 2012). A row holds the
// weights into one unit.
func MaxNorm(w []float32, rows int, c float64) {
	cols := len(w) / rows
	for r := range rows {
		row := w[r*cols : (r+1)*cols]
		sum := 0.0
		for _, x := range row {
			sum += float64(x) * float64(x)
		}
		if sum <= c*c {
			continue
		}
		f := float32(c / math.Sqrt(sum))
		kernel.MulScalar(row, row, f)
	}
}

// ClipScale returns the factor that brings a gradient of the given global norm
// to at most limit (Pascanu, Mikolov, Bengio 2013, algorithm 1).
func ClipScale(norm, limit float64) float64 {
	if limit <= 0 || norm <= limit {
		return 1
	}
	return limit / norm
}

package nn

import (
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Initializer fills w, of shape s, with initial values drawn from r. A weight's
// fan-in and fan-out are the numbers of inputs and outputs of one unit,
// receptive fields included.
type Initializer func(r tensor.Rand, w []float32, s tensor.Shape, fanIn, fanOut int)

// Constant returns an initializer of one value.
func Constant(v float32) Initializer {
	return func(_ tensor.Rand, w []float32, _ tensor.Shape, _, _ int) {
		for i := range w {
			w[i] = v
		}
	}
}

// Uniform returns an initializer uniform in [lo, hi).
func Uniform(lo, hi float64) Initializer {
	return func(r tensor.Rand, w []float32, _ tensor.Shape, _, _ int) {
		for i := range w {
			w[i] = float32(lo + (hi-lo)*r.Float64(uint64(i)))
		}
	}
}

// Normal returns an initializer with mean 0 and the given standard deviation.
func Normal(std float64) Initializer {
	return func(r tensor.Rand, w []float32, _ tensor.Shape, _, _ int) {
		for i := range w {
			w[i] = float32(std * r.Normal(uint64(i)))
		}
	}
}

// XavierUniform draws from U(-a, a) with a = sqrt(6/(fanIn+fanOut)) (Glorot and Bengio 2010, equation 16).
func XavierUniform(r tensor.Rand, w []float32, s tensor.Shape, fanIn, fanOut int) {
	a := math.Sqrt(6 / float64(fanIn+fanOut))
	Uniform(-a, a)(r, w, s, fanIn, fanOut)
}

// XavierNormal draws from N(0, 2/(fanIn+fanOut)) (Glorot and Bengio 2010, equation 12).
func XavierNormal(r tensor.Rand, w []float32, s tensor.Shape, fanIn, fanOut int) {
	Normal(math.Sqrt(2/float64(fanIn+fanOut)))(r, w, s, fanIn, fanOut)
}

// HeNormal draws from N(0, 2/fanIn) (He et al. 2015, equation 10).
func HeNormal(r tensor.Rand, w []float32, s tensor.Shape, fanIn, fanOut int) {
	Normal(math.Sqrt(2/float64(fanIn)))(r, w, s, fanIn, fanOut)
}

// MaxoutNormal returns the initializer of a maxout layer's weights: N(0, 1/(m fanIn)), where m
// is the mean square of the largest of that many independent N(0, 1), the pieces. It is
// the derivation of He et al. 2015, equation 10, with a maximum over pieces in place of the
// ReLU, whose m is 1/2; with He's own variance the output of a maxout layer of two pieces
// has twice the variance of its input.
func MaxoutNormal(pieces int) Initializer {
	m := meanSquareOfMax(pieces)
	return func(r tensor.Rand, w []float32, s tensor.Shape, fanIn, fanOut int) {
		Normal(1/math.Sqrt(m*float64(fanIn)))(r, w, s, fanIn, fanOut)
	}
}

// meanSquareOfMax integrates x^2 over the density n phi(x) Phi(x)^(n-1) of the largest of n
// independent N(0, 1), by the trapezoidal rule, which converges exponentially here.
func meanSquareOfMax(n int) float64 {
	const h = 1.0 / 64
	var m float64
	for x := -12.0; x <= 12; x += h {
		density := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
		below := math.Erfc(-x/math.Sqrt2) / 2
		m += h * x * x * float64(n) * density * math.Pow(below, float64(n-1))
	}
	return m
}

// HeUniform draws from U(-a, a) with a = sqrt(6/fanIn).
func HeUniform(r tensor.Rand, w []float32, s tensor.Shape, fanIn, fanOut int) {
	a := math.Sqrt(6 / float64(fanIn))
	Uniform(-a, a)(r, w, s, fanIn, fanOut)
}

// Orthogonal fills each matrix of the last two axes, or the first axis against
// the rest for convolutions and dense weights, with orthonormal rows or columns:
// the Q of a Gaussian matrix (Saxe, McClelland, Ganguli 2014).
func Orthogonal(r tensor.Rand, w []float32, s tensor.Shape, _, _ int) {
	rows := s[0]
	if len(s) == 3 { // recurrent weights, D x (G H) x H
		rows = s[0] * s[1]
	}
	cols := len(w) / rows
	for done := 0; done < rows; done += cols { // blocks of at most cols rows
		orthoBlock(r.Sub(uint64(done)), w[done*cols:], min(cols, rows-done), cols)
	}
}

// orthoBlock writes rows x cols orthonormal rows, rows <= cols.
func orthoBlock(r tensor.Rand, w []float32, rows, cols int) {
	a := linalg.NewMat(cols, rows)
	for i := range a.Data {
		a.Data[i] = r.Normal(uint64(i))
	}
	q, _ := linalg.QR(a)
	for i := range rows {
		for j := range cols {
			w[i*cols+j] = float32(q.At(j, i))
		}
	}
}

var initializers = registry.New[Initializer]("initializer")

func init() {
	initializers.Add("xavier", XavierUniform)
	initializers.Add("xavier-normal", XavierNormal)
	initializers.Add("he", HeNormal)
	initializers.Add("he-uniform", HeUniform)
	initializers.Add("orthogonal", Orthogonal)
}

// ParseInit returns a named initializer: xavier, xavier-normal, he, he-uniform,
// orthogonal, normal=STD, uniform=A (in [-A, A)) or constant=V.
func ParseInit(s string) (Initializer, error) {
	var v float64
	if _, err := fmt.Sscanf(s, "normal=%g", &v); err == nil {
		return Normal(v), nil
	}
	if _, err := fmt.Sscanf(s, "uniform=%g", &v); err == nil {
		return Uniform(-v, v), nil
	}
	if _, err := fmt.Sscanf(s, "constant=%g", &v); err == nil {
		return Constant(float32(v)), nil
	}
	return initializers.Get(s)
}

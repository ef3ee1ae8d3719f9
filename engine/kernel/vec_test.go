package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// special are the numbers that kernels get wrong.
var special = []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), 1e-42, -1e-42, 1e-38, 3e38, -3e38, 88.7, -87.4, -100, 0.5}

func elementwise[T Float]() map[string]func(dst []T, x [][]T) {
	two := func(f func(dst, a, b []T)) func([]T, [][]T) { return func(d []T, x [][]T) { f(d, x[0], x[1]) } }
	one := func(f func(dst, x []T)) func([]T, [][]T) { return func(d []T, x [][]T) { f(d, x[0]) } }
	return map[string]func(dst []T, x [][]T){
		"add": two(Add[T]), "sub": two(Sub[T]), "mul": two(Mul[T]), "div": two(Div[T]), "max": two(Max[T]), "min": two(Min[T]),
		"reluGrad": two(ReluGrad[T]), "tanhGrad": two(TanhGrad[T]), "sigmoidGrad": two(SigmoidGrad[T]),
		"relu": one(Relu[T]), "exp": one(Exp[T]), "tanh": one(Tanh[T]), "sigmoid": one(Sigmoid[T]), "erf": one(Erf[T]),
		"gelu": one(Gelu[T]), "silu": one(Silu[T]), "sqrt": one(Sqrt[T]), "abs": one(Abs[T]), "neg": one(Neg[T]),
		"addScalar":  func(d []T, x [][]T) { AddScalar(d, x[0], 1.5) },
		"mulScalar":  func(d []T, x [][]T) { MulScalar(d, x[0], -2.5) },
		"axpy":       func(d []T, x [][]T) { copy(d, x[1]); Axpy(d, 2.5, x[0]) },
		"affine":     func(d []T, x [][]T) { ops[T]().affine(d, x[0], 2.5, 1.5) },
		"affineRelu": func(d []T, x [][]T) { ops[T]().affineRelu(d, x[0], 2.5, 1.5) },
		"affine2":    func(d []T, x [][]T) { ops[T]().affine2(d, x[0], x[1], 2.5, 1.5, 0.5) },
		"mulAdd":     func(d []T, x [][]T) { ops[T]().mulAdd(d, x[0], x[1], x[1]) },
		"mulShift":   func(d []T, x [][]T) { ops[T]().mulShift(d, x[0], x[1], 1.5) },
		"indexEqual": func(d []T, x [][]T) {
			Max(d, x[0], x[1])
			ops[T]().indexEqual(d, x[0], d, x[1], 1.5)
		},
		"whereEqual": func(d []T, x [][]T) { Max(d, x[0], x[1]); WhereEqual(d, x[0], d, x[1]) },
	}
}

// vecCases gives for each kernel its value, and the magnitude that its rounding
// errors are measured against, 0 for the value's own.
var vecCases = []struct {
	name string
	want func(a, b float64) (y, mag float64)
	ulps float64
}{
	{"add", func(a, b float64) (float64, float64) { return a + b, 0 }, 0.5},
	{"sub", func(a, b float64) (float64, float64) { return a - b, 0 }, 0.5},
	{"mul", func(a, b float64) (float64, float64) { return a * b, 0 }, 0.5},
	{"div", func(a, b float64) (float64, float64) { return a / b, 0 }, 0.5},
	{"max", func(a, b float64) (float64, float64) { return max(a, b), 0 }, 0},
	{"min", func(a, b float64) (float64, float64) { return min(a, b), 0 }, 0},
	{"reluGrad", func(a, b float64) (float64, float64) { return positive(a, b), 0 }, 0},
	{"tanhGrad", func(a, b float64) (float64, float64) { return b * (1 - a*a), (math.Abs(b) + 1e-30) * (1 + a*a) }, 2},
	{"sigmoidGrad", func(a, b float64) (float64, float64) {
		return b * (a - a*a), (math.Abs(b) + 1e-30) * (math.Abs(a) + a*a)
	}, 2},
	{"relu", func(a, _ float64) (float64, float64) { return max(a, 0), 0 }, 0},
	{"exp", func(a, _ float64) (float64, float64) { return math.Exp(a), 0 }, ulpsExp},
	{"tanh", func(a, _ float64) (float64, float64) { return math.Tanh(a), 0 }, ulpsTanh},
	{"sigmoid", func(a, _ float64) (float64, float64) { return sigmoid64(a), 0 }, ulpsSigmoid},
	{"erf", func(a, _ float64) (float64, float64) { return math.Erf(a), 0 }, ulpsErf},
	{"gelu", func(a, _ float64) (float64, float64) { return a * (0.5 + 0.5*math.Erf(a/math.Sqrt2)), math.Abs(a) }, 2},
	{"silu", func(a, _ float64) (float64, float64) {
		return a * sigmoid64(a), math.Abs(a) * (sigmoid64(a) + 0x1p-126)
	}, 3},
	{"sqrt", func(a, _ float64) (float64, float64) { return math.Sqrt(a), 0 }, 0.5},
	{"abs", func(a, _ float64) (float64, float64) { return math.Abs(a), 0 }, 0},
	{"neg", func(a, _ float64) (float64, float64) { return -a, 0 }, 0},
	{"addScalar", func(a, _ float64) (float64, float64) { return a + 1.5, 0 }, 0.5},
	{"mulScalar", func(a, _ float64) (float64, float64) { return a * -2.5, 0 }, 0.5},
	{"axpy", func(a, b float64) (float64, float64) { return 2.5*a + b, 2.5*math.Abs(a) + math.Abs(b) }, 1},
	{"affine", func(a, _ float64) (float64, float64) { return 2.5*a + 1.5, 2.5*math.Abs(a) + 1.5 }, 1},
	{"affineRelu", func(a, _ float64) (float64, float64) { return max(2.5*a+1.5, 0), 2.5*math.Abs(a) + 1.5 }, 1},
	{"affine2", func(a, b float64) (float64, float64) {
		return 2.5*a + 1.5*b + 0.5, 2.5*math.Abs(a) + 1.5*math.Abs(b) + 0.5
	}, 2},
	{"mulAdd", func(a, b float64) (float64, float64) { return a*b + b, math.Abs(a*b) + math.Abs(b) }, 1},
	{"mulShift", func(a, b float64) (float64, float64) { return a * (b + 1.5), math.Abs(a) * (math.Abs(b) + 1.5) }, 1.5},
	{"indexEqual", func(a, b float64) (float64, float64) {
		if a >= b {
			return b + 1.5, 0
		}
		return max(a, b), 0
	}, 0.5},
	{"whereEqual", func(a, b float64) (float64, float64) {
		if a >= b {
			return b, 0
		}
		return 0, 0
	}, 0},
}

// Error bounds that vec.go states.
const (
	ulpsExp     = 1
	ulpsTanh    = 1.5
	ulpsSigmoid = 2.5
	ulpsErf     = 1
)

func positive(y, dy float64) float64 {
	if y > 0 {
		return dy
	}
	return 0
}

func sigmoid64(x float64) float64 {
	if x < 0 {
		return math.Exp(x) / (1 + math.Exp(x))
	}
	return 1 / (1 + math.Exp(-x))
}

// ulp is the distance of numbers of type T near x.
func ulp[T Float](x float64) float64 {
	x = math.Abs(x)
	if eps[T]() == 0x1p-23 {
		return float64(math.Nextafter32(float32(x), math.MaxFloat32)) - float64(float32(x))
	}
	return math.Nextafter(x, math.MaxFloat64) - x
}

// near reports whether got is want within some ulps; infinities and NaN, and
// overflow of T, must be met.
func near[T Float](got T, want, mag, ulps float64) bool {
	g, w := float64(got), float64(T(want))
	switch {
	case math.IsNaN(w):
		return math.IsNaN(g)
	case math.IsInf(w, 0):
		return g == w
	case mag == 0:
		mag = want
	}
	return math.Abs(g-want) <= ulps*ulp[T](mag)
}

// mixed fills a guarded slice with numbers of all sizes, and some special ones.
func mixed[T Float](r *rand.Rand, n, off int) ([]T, func() bool) {
	s, ok := guarded[T](r, n, off)
	for i := range s {
		switch r.IntN(8) {
		case 0:
			s[i] = T(special[r.IntN(len(special))])
		case 1, 2, 3:
			s[i] *= 30
		}
	}
	return s, ok
}

func testVec[T Float](t *testing.T) {
	f, slack := elementwise[T](), 1.0
	if eps[T]() < 0x1p-23 {
		slack = 2 // the reference is as inexact
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range vecCases {
		for n := range 131 {
			a, okA := mixed[T](r, n, 1)
			b, okB := mixed[T](r, n, 3)
			dst, okD := guarded[T](r, n, n%7)
			f[c.name](dst, [][]T{a, b})
			if !okA() || !okB() || !okD() {
				t.Fatalf("%s of %d: a guard word was overwritten", c.name, n)
			}
			for i, got := range dst {
				want, mag := c.want(float64(a[i]), float64(b[i]))
				if math.IsInf(mag, 0) || math.IsInf(float64(T(mag)), 0) {
					continue // an intermediate result may overflow or not
				}
				if !near(got, want, mag, slack*c.ulps) {
					t.Fatalf("%s: element %d of %d: f(%v, %v) = %v, want %v", c.name, i, n, a[i], b[i], got, want)
				}
			}
		}
	}
}

func TestVec(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		t.Run("float32", testVec[float32])
		t.Run("float64", testVec[float64])
	})
}

// testUlps measures an error over float32 numbers of all sizes.
func testUlps(t *testing.T, name string, f func(dst, x []float32), want func(float64) float64, bound float64) {
	x, y := make([]float32, 1<<12), make([]float32, 1<<12)
	worst, where := 0.0, float32(0)
	for first := uint32(0); first < 1<<21; first += 1 << 12 {
		for i := range x {
			x[i] = math.Float32frombits((first + uint32(i)) * 2039)
		}
		f(y, x)
		for i, v := range x {
			w := want(float64(v))
			if math.IsNaN(w) || math.IsInf(float64(float32(w)), 0) {
				if !near(y[i], w, 0, 0) {
					t.Fatalf("%s(%v) = %v, want %v", name, v, y[i], w)
				}
				continue
			}
			if e := math.Abs(float64(y[i])-w) / ulp[float32](w); e > worst {
				worst, where = e, v
			}
		}
	}
	t.Logf("%s: %.3f ulp at %v", name, worst, where)
	if worst > bound {
		t.Errorf("%s(%v) is off by %.3f ulp, more than %v", name, where, worst, bound)
	}
}

func TestVecUlps(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		testUlps(t, "exp", Exp[float32], math.Exp, ulpsExp)
		testUlps(t, "tanh", Tanh[float32], math.Tanh, ulpsTanh)
		testUlps(t, "sigmoid", Sigmoid[float32], sigmoid64, ulpsSigmoid)
		testUlps(t, "erf", Erf[float32], math.Erf, ulpsErf)
	})
}

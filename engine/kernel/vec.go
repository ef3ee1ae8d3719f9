package kernel

import "math"

// Vector kernels work on slices in the calling goroutine; callers cut long
// vectors into pieces and run the pieces as units of a [Task]. Every source
// must be at least as long as the destination, whose length counts. The
// destination may be one of the sources, but must not overlap one partly.

// vecOps is the set of vector kernels of one path.
type vecOps[T Float] struct {
	add, sub, mul, div, max, min  func(dst, a, b []T)
	addScalar, mulScalar          func(dst, a []T, s T)
	axpy                          func(dst []T, a T, x []T)
	relu, exp, tanh, sigmoid, erf func(dst, x []T)
	gelu, silu, sqrt, abs         func(dst, x []T)
	reluGrad, tanhGrad, sigmGrad  func(dx, y, dy []T)
	affine                        func(dst, x []T, scale, shift T)
	affineRelu                    func(dst, x []T, scale, shift T)
	affine2                       func(dst, x, y []T, a, b, c T)
	mulAdd, whereEqual            func(dst, a, b, c []T)
	mulShift                      func(dst, a, b []T, s T)
	indexEqual                    func(dst, a, b, index []T, shift T)
	sum, sumSq, maxOf             func(x []T) T
	dot                           func(a, b []T) T
	sumSqDiff                     func(x []T, mean T) T
	sumAndDot                     func(x, y []T, mean T) (sum, dot T)
	expShift                      func(dst, x []T, shift T) T

	momentum, nesterov func(w, m, g []T, u SGDUpdate[T])
	adam               func(w, m, v, g []T, u AdamUpdate[T])
	rmsprop            func(w, v, g []T, u RMSPropUpdate[T])
	adagrad            func(w, v, g []T, u AdagradUpdate[T])
	adadelta           func(w, v, a, g []T, u AdadeltaUpdate[T])

	lstm         func(gates, cPrev, c, h, hc []T)
	lstmGrad     func(gates, cPrev, hc, dh, dc []T)
	gruMix       func(h, z, n, prev []T)
	gruMixGrad   func(dz, dn, dh, z, n, prev []T)
	gruResetGrad func(dr, dh, r, drh, prev []T)
}

// ops returns the vector kernels of the path in use.
func ops[T Float]() *vecOps[T] { return pick[vecOps[T]](&vec32[current], &vec64[current]) }

var (
	vec32 = vecTable[float32]()
	vec64 = vecTable[float64]()
)

// vecTable returns the kernels of every path.
func vecTable[T Float]() (t [len(isaNames)]vecOps[T]) {
	for s := range t {
		t[s] = portableVec[T]()
		nativeVec(isa(s), &t[s])
	}
	return t
}

// Add sets dst = a + b.
func Add[T Float](dst, a, b []T) { ops[T]().add(dst, a[:len(dst)], b[:len(dst)]) }

// Sub sets dst = a - b.
func Sub[T Float](dst, a, b []T) { ops[T]().sub(dst, a[:len(dst)], b[:len(dst)]) }

// Mul sets dst = a b, element by element.
func Mul[T Float](dst, a, b []T) { ops[T]().mul(dst, a[:len(dst)], b[:len(dst)]) }

// Div sets dst = a / b, element by element.
func Div[T Float](dst, a, b []T) { ops[T]().div(dst, a[:len(dst)], b[:len(dst)]) }

// Max sets dst to the larger of a and b, NaN if either is NaN.
func Max[T Float](dst, a, b []T) { ops[T]().max(dst, a[:len(dst)], b[:len(dst)]) }

// Min sets dst to the smaller of a and b, NaN if either is NaN.
func Min[T Float](dst, a, b []T) { ops[T]().min(dst, a[:len(dst)], b[:len(dst)]) }

// AddScalar sets dst = a + s.
func AddScalar[T Float](dst, a []T, s T) { ops[T]().addScalar(dst, a[:len(dst)], s) }

// MulScalar sets dst = a s.
func MulScalar[T Float](dst, a []T, s T) { ops[T]().mulScalar(dst, a[:len(dst)], s) }

// Axpy adds a x to dst.
func Axpy[T Float](dst []T, a T, x []T) { ops[T]().axpy(dst, a, x[:len(dst)]) }

// Relu sets dst = max(x, 0).
func Relu[T Float](dst, x []T) { ops[T]().relu(dst, x[:len(dst)]) }

// ReluGrad sets dx = dy where y > 0, else 0.
func ReluGrad[T Float](dx, y, dy []T) { ops[T]().reluGrad(dx, y[:len(dx)], dy[:len(dx)]) }

// WhereEqual sets dst = c where a == b, else 0.
func WhereEqual[T Float](dst, a, b, c []T) {
	ops[T]().whereEqual(dst, a[:len(dst)], b[:len(dst)], c[:len(dst)])
}

// Exp sets dst = e^x, within 1 ulp.
// It and the next three are float32 kernels; in float64 they are package math's.
func Exp[T Float](dst, x []T) { ops[T]().exp(dst, x[:len(dst)]) }

// Tanh sets dst = tanh x, within 1.5 ulp.
func Tanh[T Float](dst, x []T) { ops[T]().tanh(dst, x[:len(dst)]) }

// Sigmoid sets dst = 1 / (1 + e^-x), within 2.5 ulp.
func Sigmoid[T Float](dst, x []T) { ops[T]().sigmoid(dst, x[:len(dst)]) }

// Erf sets dst to the error function of x, within 1 ulp.
func Erf[T Float](dst, x []T) { ops[T]().erf(dst, x[:len(dst)]) }

// TanhGrad sets dx = dy (1 - y y), where y is tanh of the input.
func TanhGrad[T Float](dx, y, dy []T) { ops[T]().tanhGrad(dx, y[:len(dx)], dy[:len(dx)]) }

// SigmoidGrad sets dx = dy y (1 - y), where y is the sigmoid of the input.
func SigmoidGrad[T Float](dx, y, dy []T) { ops[T]().sigmGrad(dx, y[:len(dx)], dy[:len(dx)]) }

// Gelu sets dst = x (1 + erf(x / sqrt 2)) / 2. See Hendrycks and Gimpel,
// "Gaussian Error Linear Units", 2016.
func Gelu[T Float](dst, x []T) { ops[T]().gelu(dst, x[:len(dst)]) }

// Silu sets dst = x / (1 + e^-x).
func Silu[T Float](dst, x []T) { ops[T]().silu(dst, x[:len(dst)]) }

// Blocks of work space.
var (
	blocks32 freeList[[256]float32]
	blocks64 freeList[[256]float64]
)

// Softplus sets dst = log(1 + e^x).
func Softplus[T Float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = T(max(float64(v), 0) + math.Log1p(math.Exp(-math.Abs(float64(v)))))
	}
}

// Log sets dst to the natural logarithm of x.
func Log[T Float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = T(math.Log(float64(v)))
	}
}

// Sqrt sets dst to the square root of x.
func Sqrt[T Float](dst, x []T) { ops[T]().sqrt(dst, x[:len(dst)]) }

// Neg sets dst = -x.
func Neg[T Float](dst, x []T) { MulScalar(dst, x, -1) }

// Abs sets dst = |x|.
func Abs[T Float](dst, x []T) { ops[T]().abs(dst, x[:len(dst)]) }

// Sum returns the sum of x, 0 if empty. Like Dot and SumSq it adds in an order
// that depends on the length and the path only.
func Sum[T Float](x []T) T { return ops[T]().sum(x) }

// Dot returns the sum of a b. The slices must have the same length.
func Dot[T Float](a, b []T) T { return ops[T]().dot(a, b[:len(a)]) }

// SumSq returns the sum of the squares of x.
func SumSq[T Float](x []T) T { return ops[T]().sumSq(x) }

// MaxOf returns the largest element of x, NaN if any is NaN and -Inf if empty.
func MaxOf[T Float](x []T) T { return ops[T]().maxOf(x) }

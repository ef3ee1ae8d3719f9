package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

func init() {
	registerSigned("Relu", withoutAttrs(reluMap[float32]()), withoutAttrs(reluMap[float64]()), mapRelu)
	registerMap("Sigmoid", withoutAttrs(sigmoidMap[float32]()), withoutAttrs(sigmoidMap[float64]()))
	registerMap("Tanh", withoutAttrs(tanhMap[float32]()), withoutAttrs(tanhMap[float64]()))
	registerMap("Softplus", withoutAttrs(softplusMap[float32]()), withoutAttrs(softplusMap[float64]()))
	registerMap("LeakyRelu", leakyMap[float32], leakyMap[float64])
	registerMap("HardSigmoid", hardSigmoidMap[float32], hardSigmoidMap[float64])
	registerMap("HardSwish", withoutAttrs(hardSwishMap[float32]()), withoutAttrs(hardSwishMap[float64]()))
	registerMap("Elu", eluMap[float32], eluMap[float64])
	registerMap("Selu", seluMap[float32], seluMap[float64])
	registerMap("Celu", celuMap[float32], celuMap[float64])
	registerMap("Softsign", softsignMap[float32], softsignMap[float64])
	registerMap("ThresholdedRelu", thresholdedMap[float32], thresholdedMap[float64])
	registerMap("Mish", mishMap[float32], mishMap[float64])
	registerMap("Shrink", shrinkMap[float32], shrinkMap[float64])
	registerMap("Gelu", geluMap[float32], geluMap[float64])
}

// reluMap is max(x, 0).
func reluMap[T kernel.Float]() mapping[T] {
	return mapping[T]{useY: true, f: kernel.Relu[T], grad: func(dx, _, y, dy []T) { kernel.ReluGrad(dx, y, dy) }}
}

// sigmoidMap is 1 / (1 + e^-x).
func sigmoidMap[T kernel.Float]() mapping[T] {
	return mapping[T]{useY: true, f: kernel.Sigmoid[T], grad: func(dx, _, y, dy []T) { kernel.SigmoidGrad(dx, y, dy) }}
}

func tanhMap[T kernel.Float]() mapping[T] {
	return mapping[T]{useY: true, f: kernel.Tanh[T], grad: func(dx, _, y, dy []T) { kernel.TanhGrad(dx, y, dy) }}
}

// softplusMap is log(1 + e^x); its derivative, the sigmoid, is 1 - e^-y.
func softplusMap[T kernel.Float]() mapping[T] {
	m := scalarMap[T](nil, func(_, y float64) float64 { return -math.Expm1(-y) }, false, true)
	m.f = kernel.Softplus[T]
	return m
}

// leakyMap is x, or alpha x below zero. See Maas, Hannun and Ng, "Rectifier
// nonlinearities improve neural network acoustic models", 2013.
func leakyMap[T kernel.Float](b *graph.Bind) (mapping[T], error) {
	alpha := T(b.Node.Attrs.Float("alpha", 0.01))
	m := mapping[T]{useX: alpha <= 0, useY: alpha > 0} // y has the sign of x, or not
	m.f = func(y, x []T) {
		for i, v := range x {
			if v < 0 {
				v *= alpha
			}
			y[i] = v
		}
	}
	m.grad = func(dx, x, y, dy []T) {
		if m.useY {
			x = y
		}
		for i, d := range dy {
			if x[i] < 0 {
				d *= alpha
			}
			dx[i] = d
		}
	}
	return m, nil
}

// hardSigmoidMap is clip(alpha x + beta, 0, 1).
func hardSigmoidMap[T kernel.Float](b *graph.Bind) (mapping[T], error) {
	alpha, beta := T(b.Node.Attrs.Float("alpha", 0.2)), T(b.Node.Attrs.Float("beta", 0.5))
	m := mapping[T]{useY: true}
	m.f = func(y, x []T) {
		for i, v := range x {
			y[i] = min(max(alpha*v+beta, 0), 1)
		}
	}
	m.grad = func(dx, _, y, dy []T) {
		for i, d := range dy {
			if y[i] > 0 && y[i] < 1 {
				dx[i] = d * alpha
			} else {
				dx[i] = 0
			}
		}
	}
	return m, nil
}

// hardSwishMap is x clip(x/6 + 1/2, 0, 1). See Howard et al., "Searching for
// MobileNetV3", ICCV 2019.
func hardSwishMap[T kernel.Float]() mapping[T] {
	m := mapping[T]{useX: true}
	m.f = func(y, x []T) {
		for i, v := range x {
			y[i] = v * min(max(v/6+0.5, 0), 1)
		}
	}
	m.grad = func(dx, x, _, dy []T) {
		for i, d := range dy {
			switch v := x[i]; {
			case v <= -3:
				dx[i] = 0
			case v >= 3:
				dx[i] = d
			default:
				dx[i] = d * (v/3 + 0.5)
			}
		}
	}
	return m
}

// eluMap is x, or alpha (e^x - 1) below zero. See Clevert, Unterthiner and
// Hochreiter, "Fast and accurate deep network learning by exponential linear
// units", ICLR 2016.
func eluMap[T kernel.Float](b *graph.Bind) (mapping[T], error) {
	return scaledElu[T](b.Node.Attrs.Float("alpha", 1), 1, 1), nil
}

// seluMap is gamma times the ELU. See Klambauer et al., "Self-normalizing neural
// networks", NIPS 2017.
func seluMap[T kernel.Float](b *graph.Bind) (mapping[T], error) {
	return scaledElu[T](b.Node.Attrs.Float("alpha", 1.67326319217681884765625),
		b.Node.Attrs.Float("gamma", 1.05070102214813232421875), 1), nil
}

// celuMap is x, or alpha (e^(x/alpha) - 1) below zero. See Barron, "Continuously
// differentiable exponential linear units", 2017.
func celuMap[T kernel.Float](b *graph.Bind) (mapping[T], error) {
	alpha := b.Node.Attrs.Float("alpha", 1)
	if alpha == 0 {
		return mapping[T]{}, b.Errorf("alpha is 0, want another number")
	}
	return scaledElu[T](alpha, 1, alpha), nil
}

// scaledElu is gamma x, or gamma alpha (e^(x/width) - 1) below zero.
func scaledElu[T kernel.Float](alpha, gamma, width float64) mapping[T] {
	f := func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * math.Expm1(x/width)
		}
		return gamma * x
	}
	signed := alpha > 0 && gamma > 0 && width > 0 // y has the sign of x, which is not needed
	df := func(x, y float64) float64 {
		if x < 0 || signed && y < 0 {
			return (y + gamma*alpha) / width
		}
		return gamma
	}
	return scalarMap[T](f, df, !signed, true)
}

// softsignMap is x / (1 + |x|), with the derivative (1 - |y|)^2.
func softsignMap[T kernel.Float](*graph.Bind) (mapping[T], error) {
	f := func(x float64) float64 { return x / (1 + math.Abs(x)) }
	df := func(_, y float64) float64 { return (1 - math.Abs(y)) * (1 - math.Abs(y)) }
	return scalarMap[T](f, df, false, true), nil
}

// thresholdedMap is x above alpha, else zero.
func thresholdedMap[T kernel.Float](b *graph.Bind) (mapping[T], error) {
	alpha := b.Node.Attrs.Float("alpha", 1)
	f := func(x float64) float64 {
		if x > alpha {
			return x
		}
		return 0
	}
	df := func(x, _ float64) float64 {
		if x > alpha {
			return 1
		}
		return 0
	}
	return scalarMap[T](f, df, true, false), nil
}

// mishMap is x tanh(log(1 + e^x)). See Misra, "Mish: a self regularized
// non-monotonic activation function", BMVC 2020.
func mishMap[T kernel.Float](*graph.Bind) (mapping[T], error) {
	f := func(x float64) float64 { return x * math.Tanh(softplus(x)) }
	df := func(x, _ float64) float64 {
		t := math.Tanh(softplus(x))
		return t + x*(1-t*t)/(1+math.Exp(-x))
	}
	return scalarMap[T](f, df, true, false), nil
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// shrinkMap moves x by bias towards zero outside of [-lambd, lambd], and is zero inside.
func shrinkMap[T kernel.Float](b *graph.Bind) (mapping[T], error) {
	lambd, bias := b.Node.Attrs.Float("lambd", 0.5), b.Node.Attrs.Float("bias", 0)
	f := func(x float64) float64 {
		switch {
		case x < -lambd:
			return x + bias
		case x > lambd:
			return x - bias
		}
		return 0
	}
	df := func(x, _ float64) float64 {
		if x < -lambd || x > lambd {
			return 1
		}
		return 0
	}
	return scalarMap[T](f, df, true, false), nil
}

// geluMap is x times the normal distribution's probability of less than x, or
// the approximation by tanh. See Hendrycks and Gimpel, "Gaussian error linear
// units", 2016.
func geluMap[T kernel.Float](b *graph.Bind) (mapping[T], error) {
	switch a := b.Node.Attrs.Str("approximate", "none"); a {
	case "none":
		m := scalarMap[T](nil, geluSlope, true, false)
		m.f = kernel.Gelu[T]
		return m, nil
	case "tanh":
		return scalarMap[T](geluTanh, geluTanhSlope, true, false), nil
	default:
		return mapping[T]{}, b.Errorf("approximate is %q, want none or tanh", a)
	}
}

func geluSlope(x, _ float64) float64 {
	return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
}

const geluCubic = 0.044715

func geluTanh(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt2/math.SqrtPi*(x+geluCubic*x*x*x)))
}

func geluTanhSlope(x, _ float64) float64 {
	t := math.Tanh(math.Sqrt2 / math.SqrtPi * (x + geluCubic*x*x*x))
	return 0.5*(1+t) + 0.5*x*(1-t*t)*math.Sqrt2/math.SqrtPi*(1+3*geluCubic*x*x)
}

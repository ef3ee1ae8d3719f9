package kernel

import "math"

// The kernels take the structs of this file by value, so that those of callers
// stay on the stack. The assembly knows their fields.

// SGDUpdate holds the numbers of a step of gradient descent with momentum:
//
//	g' = g + WeightDecay w
//	m  = Momentum m + g'
//	w  = w - Rate m, or with Nesterov w - Rate (g' + Momentum m)
//
// See Sutskever et al., "On the importance of initialization and momentum in
// deep learning", ICML 2013; the Nesterov form is the usual approximation that
// keeps the weights at the look-ahead point.
type SGDUpdate[T Float] struct {
	Rate, Momentum, WeightDecay T
	Nesterov                    bool
}

// AdamUpdate holds the numbers of a step of Adam:
//
//	g' = g + WeightDecay w
//	m  = Beta1 m + (1 - Beta1) g'
//	v  = Beta2 v + (1 - Beta2) g'^2
//	w  = Shrink w - Step m / (sqrt(v) RootScale + Epsilon)
//
// With the bias corrections c1 = 1 - Beta1^t and c2 = 1 - Beta2^t of Kingma and
// Ba, "Adam", ICLR 2015, Step is Rate / c1 and RootScale is 1 / sqrt(c2).
// Shrink is 1, or 1 - Rate times the weight decay of Loshchilov and Hutter,
// "Decoupled weight decay regularization", ICLR 2019 (then WeightDecay is 0).
type AdamUpdate[T Float] struct {
	Beta1, Beta2, Epsilon, WeightDecay T
	Step, RootScale, Shrink            T
}

// RMSPropUpdate holds the numbers of a step of RMSProp:
//
//	g' = g + WeightDecay w
//	v  = Decay v + (1 - Decay) g'^2
//	w  = w - Rate g' / (sqrt(v) + Epsilon)
//
// See Tieleman and Hinton, lecture 6.5 of "Neural networks for machine
// learning", 2012.
type RMSPropUpdate[T Float] struct {
	Rate, Decay, Epsilon, WeightDecay T
}

// AdagradUpdate holds the numbers of a step of Adagrad:
//
//	g' = g + WeightDecay w
//	v  = v + g'^2
//	w  = w - Rate g' / (sqrt(v) + Epsilon)
//
// See Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning
// and stochastic optimization", JMLR 12, 2011.
type AdagradUpdate[T Float] struct {
	Rate, Epsilon, WeightDecay T
}

// AdadeltaUpdate holds the numbers of a step of Adadelta:
//
//	g' = g + WeightDecay w
//	v  = Decay v + (1 - Decay) g'^2
//	d  = g' sqrt(a + Epsilon) / sqrt(v + Epsilon)
//	a  = Decay a + (1 - Decay) d^2
//	w  = w - Rate d
//
// See Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
type AdadeltaUpdate[T Float] struct {
	Rate, Decay, Epsilon, WeightDecay T
}

// SGD updates the weights w with gradient g: w = w - Rate (g + WeightDecay w).
func SGD[T Float](w, g []T, rate, weightDecay T) {
	o, n := ops[T](), len(w)
	o.affine2(w, w, g[:n], 1-rate*weightDecay, -rate, 0)
}

// SGDMomentum updates the weights w and their momentum m with gradient g.
func SGDMomentum[T Float](w, m, g []T, u *SGDUpdate[T]) {
	if u.Nesterov {
		ops[T]().nesterov(w, m[:len(w)], g[:len(w)], *u)
	} else {
		ops[T]().momentum(w, m[:len(w)], g[:len(w)], *u)
	}
}

// Adam updates the weights w and their moments m and v with gradient g.
func Adam[T Float](w, m, v, g []T, u *AdamUpdate[T]) {
	ops[T]().adam(w, m[:len(w)], v[:len(w)], g[:len(w)], *u)
}

// RMSProp updates the weights w and their second moment v with gradient g.
func RMSProp[T Float](w, v, g []T, u *RMSPropUpdate[T]) {
	ops[T]().rmsprop(w, v[:len(w)], g[:len(w)], *u)
}

// Adagrad updates the weights w and their sum of squares v with gradient g.
func Adagrad[T Float](w, v, g []T, u *AdagradUpdate[T]) {
	ops[T]().adagrad(w, v[:len(w)], g[:len(w)], *u)
}

// Adadelta updates the weights w, their second moment v and that of the updates,
// a, with gradient g.
func Adadelta[T Float](w, v, a, g []T, u *AdadeltaUpdate[T]) {
	ops[T]().adadelta(w, v[:len(w)], a[:len(w)], g[:len(w)], *u)
}

func momentumPortable[T Float](w, m, g []T, u SGDUpdate[T]) {
	for i := range w {
		m[i] = u.Momentum*m[i] + (g[i] + u.WeightDecay*w[i])
		w[i] -= u.Rate * m[i]
	}
}

func nesterovPortable[T Float](w, m, g []T, u SGDUpdate[T]) {
	for i := range w {
		d := g[i] + u.WeightDecay*w[i]
		m[i] = u.Momentum*m[i] + d
		w[i] -= u.Rate * (d + u.Momentum*m[i])
	}
}

func adamPortable[T Float](w, m, v, g []T, u AdamUpdate[T]) {
	for i := range w {
		d := g[i] + u.WeightDecay*w[i]
		m[i] = u.Beta1*m[i] + (1-u.Beta1)*d
		v[i] = u.Beta2*v[i] + (1-u.Beta2)*d*d
		root := T(math.Sqrt(float64(v[i])))
		w[i] = u.Shrink*w[i] - u.Step*m[i]/(root*u.RootScale+u.Epsilon)
	}
}

func rmspropPortable[T Float](w, v, g []T, u RMSPropUpdate[T]) {
	for i := range w {
		d := g[i] + u.WeightDecay*w[i]
		v[i] = u.Decay*v[i] + (1-u.Decay)*d*d
		w[i] -= u.Rate * d / (T(math.Sqrt(float64(v[i]))) + u.Epsilon)
	}
}

func adagradPortable[T Float](w, v, g []T, u AdagradUpdate[T]) {
	for i := range w {
		d := g[i] + u.WeightDecay*w[i]
		v[i] += d * d
		w[i] -= u.Rate * d / (T(math.Sqrt(float64(v[i]))) + u.Epsilon)
	}
}

func adadeltaPortable[T Float](w, v, a, g []T, u AdadeltaUpdate[T]) {
	for i := range w {
		d := g[i] + u.WeightDecay*w[i]
		v[i] = u.Decay*v[i] + (1-u.Decay)*d*d
		by := d * T(math.Sqrt(float64(a[i]+u.Epsilon))) / T(math.Sqrt(float64(v[i]+u.Epsilon)))
		a[i] = u.Decay*a[i] + (1-u.Decay)*by*by
		w[i] -= u.Rate * by
	}
}

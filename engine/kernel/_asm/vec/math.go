package main

import "math"

// The polynomials are minimax fits of the relative error, rounded to float32.
var (
	// expPoly is (e^r - 1 - r) / r^2 for |r| <= log(2)/2, within 0.0009 * 2^-24.
	expPoly = []float64{0.5, 0.166666657, 0.0416662954, 0.00833349768, 0.00139447581, 0.000197902438}
	// tanhPoly is (tanh x / x - 1) / u with u = x^2, for |x| <= 0.55.
	tanhPoly = []float64{-0.333333163, 0.13332586, -0.0538523085, 0.0210716799, -0.00627423963}
	// erfPoly is erf(x) / x - 1 in u = x^2, for |x| <= 0.92.
	erfPoly = []float64{0.128379166, -0.376126319, 0.112836875, -0.0268589407, 0.00519990688, -0.000813001301, 8.31677535e-05}
	// erfcPoly is -log(1 - erf a) for 0.92 <= a <= 4, after which erf is 1.
	erfcPoly = []float64{-0.000174683213, 1.12951493, 0.633346915, 0.108280078, -0.0251194164, 0.004171059, -0.00043446169, 2.10949656e-05}
)

// horner evaluates a polynomial, the coefficient of x^0 first.
func horner(m machine, coef []float64, x value) value {
	p := m.num(coef[len(coef)-1])
	for i := len(coef) - 2; i >= 0; i-- {
		p = m.fma(p, x, m.num(coef[i]))
	}
	return p
}

// ln2Hi has 9 bits, so that its products with exponents are exact.
const ln2Hi = 355.0 / 512

// exp splits x = n log 2 + r, as in Cody and Waite, "Software manual for the
// elementary functions", 1980.
func exp(m machine, x value) value {
	x = m.min(m.num(89), m.max(m.num(-104.5), x))
	n := m.round(m.mul(x, m.num(math.Log2E)))
	r := m.fnma(n, m.num(ln2Hi), x)
	r = m.fnma(n, m.num(math.Ln2-ln2Hi), r)
	p := m.fma(horner(m, expPoly, r), m.mul(r, r), r)
	return m.pow2(m.add(p, m.num(1)), n)
}

// sigmoid divides by 1 + e^-|x|, which cannot overflow.
func sigmoid(m machine, x value) value {
	e := exp(m, m.sub(m.num(0), m.abs(x)))
	top := m.sel(m.greater(m.num(0), x), e, m.num(1))
	return m.div(top, m.add(e, m.num(1)))
}

// tanh is a polynomial near 0 and 1 - 2 / (e^2|x| + 1) elsewhere.
func tanh(m machine, x value) value {
	a := m.abs(x)
	u := m.mul(x, x)
	near := m.fma(m.mul(horner(m, tanhPoly, u), u), x, x)
	e := exp(m, m.add(a, a))
	far := m.sub(m.num(1), m.div(m.num(2), m.add(e, m.num(1))))
	return m.sel(m.greater(a, m.num(0.55)), m.copySign(far, x), near)
}

// erf is a polynomial near 0 and 1 - e^-q(|x|) elsewhere.
func erf(m machine, x value) value {
	a := m.abs(x)
	near := m.fma(horner(m, erfPoly, m.mul(x, x)), x, x)
	q := horner(m, erfcPoly, m.min(m.num(4), a))
	far := m.sub(m.num(1), exp(m, m.sub(m.num(0), q)))
	return m.sel(m.greater(a, m.num(0.92)), m.copySign(far, x), near)
}

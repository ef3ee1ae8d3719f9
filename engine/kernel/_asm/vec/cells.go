package main

// cells lists the steps of recurrent cells; lstm.go and gru.go in package kernel
// have the equations.
func cells() []spec {
	tanhSlope := func(m machine, y value) value { return m.fnma(y, y, m.num(1)) }
	sigmSlope := func(m machine, y value) value { return m.fnma(y, y, y) }
	gates := []string{"gates:0", "gates:1", "gates:2", "gates:3"}
	with := func(a []string, b ...string) []string { return append(a[:len(a):len(a)], b...) }
	return []spec{
		{name: "lstm", params: "(gates, cPrev, c, h, hc []T)", size: "c", single: true, unroll: 1,
			in: with(gates, "cPrev"), out: with(gates, "c", "h", "hc"),
			body: func(m machine, x, _, _ []value, _ value) ([]value, []value) {
				i, g := sigmoid(m, x[0]), tanh(m, x[3])
				f := sigmoid(m, x[2])
				c := m.fma(f, x[4], m.mul(i, g))
				o := sigmoid(m, x[1])
				hc := tanh(m, c)
				return vecs(i, o, f, g, c, m.mul(o, hc), hc), nil
			}},
		{name: "lstmGrad", params: "(gates, cPrev, hc, dh, dc []T)", size: "dc", unroll: 1,
			in: with(gates, "cPrev", "hc", "dh", "dc"), out: with(gates, "dc"),
			body: func(m machine, x, _, _ []value, _ value) ([]value, []value) {
				i, o, f, g, cPrev, hc, dh := x[0], x[1], x[2], x[3], x[4], x[5], x[6]
				d := m.fma(m.mul(dh, o), tanhSlope(m, hc), x[7])
				return vecs(m.mul(m.mul(d, g), sigmSlope(m, i)), m.mul(m.mul(dh, hc), sigmSlope(m, o)),
					m.mul(m.mul(d, cPrev), sigmSlope(m, f)), m.mul(m.mul(d, i), tanhSlope(m, g)), m.mul(d, f)), nil
			}},
		{name: "gruMix", params: "(h, z, n, prev []T)", size: "h", in: []string{"z", "n", "prev"}, out: []string{"h"},
			body: func(m machine, x, _, _ []value, _ value) ([]value, []value) {
				return vecs(m.fma(x[0], m.sub(x[2], x[1]), x[1])), nil
			}},
		{name: "gruMixGrad", params: "(dz, dn, dh, z, n, prev []T)", size: "dh", unroll: 2,
			in: []string{"dh", "z", "n", "prev"}, out: []string{"dz", "dn", "dh"},
			body: func(m machine, x, _, _ []value, _ value) ([]value, []value) {
				dh, z, n := x[0], x[1], x[2]
				dn := m.mul(m.fnma(dh, z, dh), tanhSlope(m, n))
				return vecs(m.mul(m.mul(dh, m.sub(x[3], n)), sigmSlope(m, z)), dn, m.mul(dh, z)), nil
			}},
		{name: "gruResetGrad", params: "(dr, dh, r, drh, prev []T)", size: "dr", unroll: 2,
			in: []string{"dh", "r", "drh", "prev"}, out: []string{"dr", "dh"},
			body: func(m machine, x, _, _ []value, _ value) ([]value, []value) {
				r, d := x[1], x[2]
				return vecs(m.mul(m.mul(d, x[3]), sigmSlope(m, r)), m.fma(d, r, x[0])), nil
			}},
	}
}

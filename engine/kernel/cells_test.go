package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// rowsOf returns a guarded matrix of b rows of n random numbers.
func rowsOf[T Float](t *testing.T, r *rand.Rand, b, n int) []T {
	s, intact := guarded[T](r, b*n, n%5)
	t.Cleanup(func() {
		if !intact() {
			t.Error("a guard word was overwritten")
		}
	})
	return s
}

// close64 compares with a reference made of numbers of size 1.
func close64[T Float](t *testing.T, what string, i int, got T, want float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= 16*eps[T]()) {
		t.Fatalf("%s[%d] = %v, want %v", what, i, got, want)
	}
}

// testLSTM compares a cell of n units, forward and backward, with its equations.
func testLSTM[T Float](t *testing.T, n int, peep, couple bool) {
	r := rand.New(rand.NewPCG(uint64(n), 5))
	const b = 2
	l := LSTM[T]{Hidden: n, Gate: ActSigmoid, Cell: ActTanh, Out: ActTanh, CoupleInput: couple}
	p := make([]T, 3*n)
	if peep {
		p = rowsOf[T](t, r, 3, n)
		l.P = p
	}
	gates, cPrev, dh, dc := rowsOf[T](t, r, b, 4*n), rowsOf[T](t, r, b, n), rowsOf[T](t, r, b, n), rowsOf[T](t, r, b, n)
	c, h, hc := rowsOf[T](t, r, b, n), rowsOf[T](t, r, b, n), rowsOf[T](t, r, b, n)
	z, dcIn := append([]T(nil), gates...), append([]T(nil), dc...)
	l.Forward(b, gates, cPrev, c, h, hc)
	l.Backward(b, gates, cPrev, c, hc, dh, dc, nil)
	for k := range b * n {
		row, col := k/n, k%n
		at := func(gate int) float64 { return float64(z[row*4*n+gate*n+col]) }
		pi, po, pf := float64(p[col]), float64(p[n+col]), float64(p[2*n+col])
		cp, d, up := float64(cPrev[k]), float64(dh[k]), float64(dcIn[k])
		i, f, g := sigmoid64(at(0)+pi*cp), sigmoid64(at(2)+pf*cp), math.Tanh(at(3))
		if couple {
			f = 1 - i
		}
		cell := f*cp + i*g
		o, out := sigmoid64(at(1)+po*cell), math.Tanh(cell)
		do := d * out * o * (1 - o)
		dCell := up + d*o*(1-out*out) + do*po
		di, df, dg := dCell*g, dCell*cp*f*(1-f), dCell*i*(1-g*g)
		if couple {
			di, df = di-dCell*cp, 0
		}
		di *= i * (1 - i)
		back := dCell * f
		back += di*pi + df*pf
		close64(t, "c", k, c[k], cell)
		close64(t, "h", k, h[k], o*out)
		close64(t, "hc", k, hc[k], out)
		close64(t, "dc", k, dc[k], back)
		for gate, want := range []float64{di, do, df, dg} {
			close64(t, "dz", gate, gates[row*4*n+gate*n+col], want)
		}
	}
}

func TestLSTM(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for _, n := range []int{1, 3, 8, 17, 33, 64, 130} {
			for mode := range 4 {
				testLSTM[float32](t, n, mode&1 != 0, mode&2 != 0)
				testLSTM[float64](t, n, mode&1 != 0, mode&2 != 0)
			}
		}
	})
}

// testGRU compares a cell with its equations. The products with the state are
// given: s holds the sums z and r, and for n the product that Output reads.
func testGRU[T Float](t *testing.T, n int, linear bool) {
	r := rand.New(rand.NewPCG(uint64(n), 6))
	const b = 2
	g := GRU[T]{Hidden: n, Gate: ActSigmoid, Cell: ActTanh, LinearBeforeReset: linear}
	x, s, prev := rowsOf[T](t, r, b, 3*n), rowsOf[T](t, r, b, 3*n), rowsOf[T](t, r, b, n)
	h, rh, dh, drh := rowsOf[T](t, r, b, n), rowsOf[T](t, r, b, n), rowsOf[T](t, r, b, n), rowsOf[T](t, r, b, n)
	dx, ds := rowsOf[T](t, r, b, 3*n), rowsOf[T](t, r, b, 3*n)
	in, dhIn := append([]T(nil), x...), append([]T(nil), dh...)
	g.Gates(b, x, s, prev, rh)
	g.Output(b, x, s, prev, h)
	g.BackwardOutput(b, x, s, prev, dh, dx, ds)
	if !linear {
		g.BackwardGates(b, x, prev, drh, dh, dx)
	}
	for k := range b * n {
		row, col := k/n, k%n
		at := func(v []T, gate int) float64 { return float64(v[row*3*n+gate*n+col]) }
		hp, d := float64(prev[k]), float64(dhIn[k])
		z, rr := sigmoid64(at(in, 0)+at(s, 0)), sigmoid64(at(in, 1)+at(s, 1))
		factor := 1.0
		if linear {
			factor = rr
		}
		nn := math.Tanh(at(in, 2) + factor*at(s, 2))
		dn := d * (1 - z) * (1 - nn*nn)
		dr, back := float64(drh[k])*hp, d*z+float64(drh[k])*rr
		if linear {
			dr, back = dn*at(s, 2), d*z
			close64(t, "ds", k, ds[row*3*n+2*n+col], dn*rr)
		}
		close64(t, "rh", k, rh[k], rr*hp)
		close64(t, "h", k, h[k], (1-z)*nn+z*hp)
		close64(t, "dz", k, dx[row*3*n+col], d*(hp-nn)*z*(1-z))
		close64(t, "dr", k, dx[row*3*n+n+col], dr*rr*(1-rr))
		close64(t, "dn", k, dx[row*3*n+2*n+col], dn)
		close64(t, "dh", k, dh[k], back)
	}
}

func TestGRU(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for _, n := range []int{1, 3, 8, 17, 33, 64, 130} {
			for _, linear := range []bool{false, true} {
				testGRU[float32](t, n, linear)
				testGRU[float64](t, n, linear)
			}
		}
	})
}

func TestCellsDoNotAllocate(t *testing.T) {
	const n = 40
	v := make([]float32, 4*n)
	l := LSTM[float32]{Hidden: n, Gate: ActSigmoid, Cell: ActTanh, Out: ActTanh}
	if a := testing.AllocsPerRun(10, func() {
		l.Forward(1, v, v[:n], v[:n], v[:n], v[:n])
		l.Backward(1, v, v[:n], v[:n], v[:n], v[:n], v[:n], nil)
	}); a != 0 {
		t.Errorf("a step allocates %v times", a)
	}
}

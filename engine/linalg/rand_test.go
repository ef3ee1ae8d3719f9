package linalg

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/compress-toolkit/compress/engine/kernel"
)

// decays are spectra, for rank 20, that float32 iterations serve, and ones that they do not.
var decays = map[string]struct {
	value  func(i int) float64
	single bool
}{
	"flat":        {func(i int) float64 { return 1 - float64(i)/1000 }, true},
	"harmonic":    {func(i int) float64 { return 1 / float64(i+1) }, true},
	"planted":     {func(i int) float64 { return 1e-2 + b2f(i < 20) }, true},
	"one large":   {func(i int) float64 { return 1e-2 + b2f(i == 0) }, true},
	"one huge":    {func(i int) float64 { return 2e-4 + b2f(i == 0) }, false}, // the error, 2e-3, alone would allow it
	"graded":      {func(i int) float64 { return math.Pow(10, -9*float64(i)/19) }, false},
	"steep":       {func(i int) float64 { return math.Pow(10, -2*float64(i)) }, false},
	"low rank":    {func(i int) float64 { return b2f(i < 12) }, false},
	"nearly low":  {func(i int) float64 { return b2f(i < 20) + 1e-9 }, false},
	"little left": {func(i int) float64 { return b2f(i < 20) + 1e-6 }, false},
	"zero":        {func(i int) float64 { return 0 }, false},
}

const decayRank = 20

func eachDecay(t *testing.T, f func(t *testing.T, a *Mat, value func(int) float64, single bool)) {
	for name, d := range decays {
		for _, s := range [][2]int{{150, 150}, {90, 260}, {260, 90}, {50, 60}} {
			t.Run(fmt.Sprintf("%s/%dx%d", name, s[0], s[1]), func(t *testing.T) {
				f(t, withValues(s[0], s[1], 12, d.value), d.value, d.single)
			})
		}
	}
}

// The result is orthonormal, its error what is said, no more than iterations in float64 leave, and near to the best.
func TestRandomizedSVD(t *testing.T) {
	eachDecay(t, func(t *testing.T, a *Mat, value func(int) float64, _ bool) {
		norm, best := a.frobenius(), 0.0
		for i := min(a.Rows, a.Cols) - 1; i >= decayRank; i-- {
			best = math.Hypot(best, value(i))
		}
		o := RandOpts{Rank: decayRank}
		r, e := checkRandomized(t, a, o, 0)
		if !(e <= 1.02*best+1e-14*norm) {
			t.Errorf("error %.6g, the best is %.6g", e, best)
		}
		if 2*(decayRank+10) >= min(a.Rows, a.Cols) {
			return
		}
		exact, want, _ := search(newSketch((*matrix[float64])(a), a.Rows > a.Cols, decayRank+10, 0), a, norm, o.withDefaults())
		if !(e <= (1+1e-6)*want+1e-14*norm) {
			t.Errorf("error %.9g, with iterations in float64 %.9g", e, want)
		}
		for i, s := range r.S {
			if !(math.Abs(s-exact.S[i]) <= 1e-6*want+1e-13*norm) {
				t.Errorf("value %d is %.12g, with iterations in float64 %.12g", i, s, exact.S[i])
			}
		}
	})
}

// checkRandomized factors 2^exp A.
func checkRandomized(t *testing.T, a *Mat, o RandOpts, exp int) (*SVD, float64) {
	t.Helper()
	r, e, err := RandomizedSVD(fill(a.Rows, a.Cols, func(i, j int) float64 { return math.Ldexp(a.At(i, j), exp) }), o)
	if err != nil {
		t.Fatal(err)
	}
	k := min(o.Rank, a.Rows, a.Cols)
	if r.U.Rows != a.Rows || r.U.Cols != k || r.V.Rows != a.Cols || r.V.Cols != k || len(r.S) != k {
		t.Fatalf("shapes: U %d x %d, S %d, V %d x %d", r.U.Rows, r.U.Cols, len(r.S), r.V.Rows, r.V.Cols)
	}
	for i := range r.S {
		r.S[i] = math.Ldexp(r.S[i], -exp)
		if r.S[i] < 0 || i > 0 && r.S[i] > r.S[i-1] {
			t.Errorf("singular value %d is %g after %g", i, r.S[i], r.S[max(i-1, 0)])
		}
	}
	for _, x := range []*Mat{r.U, r.V} {
		if o := orthogonality(x); !(o <= 1e-13) {
			t.Errorf("orthogonality %.2g", o)
		}
	}
	checkSigns(t, r.U)
	e = math.Ldexp(e, -exp)
	d := a.Clone()
	Mul(d, -1, scaleColumns(r.U, func(i int) float64 { return r.S[i] }), false, r.V, true, 1)
	if real := d.frobenius(); !(math.Abs(e-real) <= 1e-7*real+1e-13*a.frobenius()) {
		t.Errorf("error %.9g, said to be %.9g", real, e)
	}
	return r, e
}

// The table says which precision the iterations take: a bound that is too loose would not show in the errors of all its
// matrices, one that is too tight in none.
func TestRandomizedSVDPrecision(t *testing.T) {
	eachDecay(t, func(t *testing.T, a *Mat, _ func(int) float64, single bool) {
		norm, o := a.frobenius(), RandOpts{Rank: decayRank}.withDefaults()
		_, e, ok := search(newSketch(narrow(a, norm), a.Rows > a.Cols, decayRank+10, 0), a, norm, o)
		if got := ok && e > singleError*norm; got != single {
			t.Errorf("float32 %v, want %v: error %.3g of %.3g, digits enough %v", got, single, e, norm, ok)
		}
	})
}

// With a sketch of just the rank the noise of float32 would be all of a small error, and no matrix tells before; a larger
// error hides it.
func TestRandomizedSVDSmallError(t *testing.T) {
	for _, rest := range []float64{1e-9, 1e-6, 1e-4, 6e-4} {
		a := withValues(150, 150, 18, func(i int) float64 { return max(b2f(i < decayRank), rest) })
		_, e := checkRandomized(t, a, RandOpts{Rank: decayRank, Oversample: -1}, 0)
		if best := rest * math.Sqrt(150-decayRank); !(e <= (1+1e-6)*best) {
			t.Errorf("the rest has values of %g: error %.9g, the best is %.9g", rest, e, best)
		}
	}
}

// Scale changes nothing but the scale, at any magnitude of which float64 has all digits.
func TestRandomizedSVDScale(t *testing.T) {
	for _, name := range []string{"harmonic", "graded"} {
		a := withValues(90, 110, 13, decays[name].value)
		want, _ := checkRandomized(t, a, RandOpts{Rank: decayRank}, 0)
		for _, exp := range []int{-900, -600, -150, -40, 40, 150, 600, 1000} {
			got, _ := checkRandomized(t, a, RandOpts{Rank: decayRank}, exp)
			for i, s := range got.S {
				if !(math.Abs(s-want.S[i]) <= 1e-14*want.S[0]) {
					t.Errorf("%s, 2^%d: value %d is %g, unscaled %g", name, exp, i, s, want.S[i])
				}
			}
		}
	}
}

// Denormal and other numbers of no weight beside the rest are not lost where they are all that a row has.
func TestRandomizedSVDWideRange(t *testing.T) {
	a := scaleRows(randn(100, 120, 14), func(i int) float64 { return math.Pow(10, -float64(i%3)*150) })
	checkRandomized(t, a, RandOpts{Rank: decayRank}, 0)
	checkRandomized(t, a, RandOpts{Rank: 40}, 0)
}

// Denormal numbers are multiples of 2^-1074: a matrix of few digits has all of them there.
func TestRandomizedSVDDenormal(t *testing.T) {
	o := RandOpts{Rank: decayRank}
	digits := randn(100, 120, 17)
	for i, v := range digits.Data {
		digits.Data[i] = math.Round(v * 1000)
	}
	want, _ := checkRandomized(t, digits, o, 0)
	got, _, err := RandomizedSVD(fill(100, 120, func(i, j int) float64 { return math.Ldexp(digits.At(i, j), -1074) }), o)
	if err != nil {
		t.Fatal(err)
	}
	Mul(want.U, 1, got.U.Clone(), false, Eye(o.Rank), false, -1)
	if e := want.U.maxAbs(); !(e <= 1e-9) {
		t.Errorf("U is off by %.2g", e)
	}
}

func TestRandomizedSVDNotFinite(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		a := randn(80, 90, 1)
		a.Set(17, 3, v)
		if _, _, err := RandomizedSVD(a, RandOpts{Rank: 4}); err == nil {
			t.Errorf("no error for %v", v)
		}
	}
}

// With a tolerance iterations go on, in the precision that can reach it.
func TestRandomizedSVDTol(t *testing.T) {
	a := withValues(150, 150, 15, func(i int) float64 { return math.Pow(0.6, float64(i)) })
	norm := a.frobenius()
	for _, tol := range []float64{0.1, 1e-2, 1e-4} {
		rank := 4 + int(math.Log(tol)/math.Log(0.6))
		_, e := checkRandomized(t, a, RandOpts{Rank: rank, PowerIters: -1, Oversample: -1, Tol: tol}, 0)
		if !(e <= tol*norm) {
			t.Errorf("tolerance %g, error %g", tol, e/norm)
		}
	}
}

// The bits do not depend on the number of threads: work inside a task is done by its caller alone.
func TestRandomizedSVDThreads(t *testing.T) {
	if kernel.Default().Threads() == 1 {
		t.Skip("one thread")
	}
	for _, s := range [][2]int{{300, 500}, {700, 400}, {160, 160}} {
		a := randn(s[0], s[1], 16)
		many, _, err := RandomizedSVD(a, RandOpts{Rank: 70})
		if err != nil {
			t.Fatal(err)
		}
		var one *SVD
		parallel(2, func(i int) {
			if i == 0 {
				one, _, err = RandomizedSVD(a, RandOpts{Rank: 70})
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(many.S, one.S) || !slices.Equal(many.U.Data, one.U.Data) || !slices.Equal(many.V.Data, one.V.Data) {
			t.Errorf("%d x %d: other bits on one thread", s[0], s[1])
		}
	}
}

func TestInvertLower(t *testing.T) {
	for _, n := range []int{0, 1, 5, 64, 65, 150} {
		l := fill(n, n, func(i, j int) float64 { return b2f(j == i)*2 + b2f(j < i)*math.Sin(float64(3*i+j))/4 })
		d := Eye(n)
		Mul(d, 1, l, false, invertLower(l), false, -1)
		if e := d.maxAbs(); !(e <= 1e-13) {
			t.Errorf("%d: L L^-1 is off by %.2g", n, e)
		}
	}
}

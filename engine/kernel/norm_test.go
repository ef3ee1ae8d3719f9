package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// testNorm compares statistics, affine maps and gradients of n images of c
// channels of s numbers with their definitions.
func testNorm[T Float](t *testing.T, p *Pool, n, c, s int) {
	r := rand.New(rand.NewPCG(uint64(n*c), uint64(s)))
	x, dy, y, dx, z := rowsOf[T](t, r, n*c, s), rowsOf[T](t, r, n*c, s), rowsOf[T](t, r, n*c, s), rowsOf[T](t, r, n*c, s), rowsOf[T](t, r, n*c, s)
	mean, vari, inv := rowsOf[T](t, r, 1, c), rowsOf[T](t, r, 1, c), rowsOf[T](t, r, 1, c)
	scale, bias, ds, db := rowsOf[T](t, r, 1, c), rowsOf[T](t, r, 1, c), rowsOf[T](t, r, 1, c), rowsOf[T](t, r, 1, c)
	BatchNormStats(p, x, n, c, s, mean, vari)
	for i := range inv {
		inv[i] = T(1 / math.Sqrt(float64(vari[i])+0.1))
	}
	sum := slices.Clone(x)
	ChannelAffine(p, y, x, n, c, s, scale, bias, ActRelu)
	ChannelAffineAdd(p, sum, x, z, n, c, s, scale, bias, ActNone)
	masked := slices.Clone(dy)
	BatchNormReluGrad(p, dx, ds, db, x, y, masked, mean, inv, scale, n, c, s)
	tol, count := 64*eps[T](), float64(n*s)
	same := func(what string, got T, want float64) {
		if math.Abs(float64(got)-want) > tol*(1+math.Abs(want)) {
			t.Fatalf("%s of %d x %d x %d is %v, want %v", what, n, c, s, got, want)
		}
	}
	for ch := range c {
		var m, v, sd, sx float64
		each := func(f func(i int)) {
			for k := range n * s {
				f((k/s*c+ch)*s + k%s)
			}
		}
		each(func(i int) { m += float64(x[i]) / count })
		each(func(i int) { v += (float64(x[i]) - m) * (float64(x[i]) - m) / count })
		same("mean", mean[ch], m)
		same("variance", vari[ch], v)
		is, k, b := float64(inv[ch]), float64(scale[ch]), float64(bias[ch])
		d := func(i int) float64 { return positive(float64(y[i]), float64(dy[i])) }
		each(func(i int) { sd, sx = sd+d(i), sx+d(i)*(float64(x[i])-m)*is })
		tol *= count // of sums
		same("dbias", db[ch], sd)
		same("dscale", ds[ch], sx)
		tol /= count
		each(func(i int) {
			same("y", y[i], max(float64(x[i])*k+b, 0))
			same("sum", sum[i], float64(x[i])*k+b+float64(z[i]))
			same("dx", dx[i], k*is*(d(i)-sd/count-(float64(x[i])-m)*is*sx/count))
		})
	}
}

func TestNorm(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	forPaths(t, func(t *testing.T) {
		for _, s := range [][3]int{{1, 1, 5}, {2, 3, 1}, {5, 17, 1}, {3, 40, 1}, {2, 3, 7}, {3, 5, 33}, {4, 16, 64}, {2, 2, 130}} {
			testNorm[float32](t, p, s[0], s[1], s[2])
			testNorm[float64](t, p, s[0], s[1], s[2])
		}
	})
}

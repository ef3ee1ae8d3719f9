package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// testReduce compares the reductions of n numbers with sums in float64, within
// a bound on the rounding of sums in 4 parts.
func testReduce[T Float](t *testing.T, n int) {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	x, okX := guarded[T](r, n, 1)
	y, okY := guarded[T](r, n, 3)
	dst, okD := guarded[T](r, n, 2)
	o, tol := ops[T](), eps[T]()*float64(n/4+8)
	var sum, sumSq, dot, diff, dotMean, exps, top float64
	top = math.Inf(-1)
	for i := range x {
		a, b := float64(x[i]), float64(y[i])
		sum, sumSq, dot = sum+a, sumSq+a*a, dot+a*b
		diff, dotMean, exps, top = diff+(a-0.25)*(a-0.25), dotMean+a*(b-0.25), exps+math.Exp(a-0.25), max(top, a)
	}
	s, d := o.sumAndDot(x, y, 0.25)
	for i, c := range [][2]float64{{float64(Sum(x)), sum}, {float64(SumSq(x)), sumSq}, {float64(Dot(x, y)), dot},
		{float64(o.sumSqDiff(x, 0.25)), diff}, {float64(s), sum}, {float64(d), dotMean}, {float64(o.expShift(dst, x, 0.25)), exps}} {
		if math.Abs(c[0]-c[1]) > tol*float64(n+1) {
			t.Fatalf("reduction %d of %d numbers is %v, want %v", i, n, c[0], c[1])
		}
	}
	if got := float64(MaxOf(x)); got != top {
		t.Fatalf("the maximum of %d numbers is %v, want %v", n, got, top)
	}
	if !okX() || !okY() || !okD() {
		t.Fatal("a guard word was overwritten")
	}
	for i := range x {
		old := x[i]
		x[i] = T(math.NaN())
		if v := MaxOf(x) + Sum(x)*0; v == v {
			t.Fatalf("NaN at %d of %d is lost", i, n)
		}
		if v := MaxOf(x); v == v {
			t.Fatalf("the maximum of %d numbers with NaN at %d is %v", n, i, v)
		}
		x[i] = T(math.Inf(1))
		if v := MaxOf(x); !math.IsInf(float64(v), 1) {
			t.Fatalf("the maximum of %d numbers with +Inf at %d is %v", n, i, v)
		}
		x[i] = old
	}
}

func TestReduce(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for n := range 131 {
			testReduce[float32](t, n)
			testReduce[float64](t, n)
		}
	})
}

// testSoftmax checks a row of n numbers and its gradient.
func testSoftmax[T Float](t *testing.T, n int) {
	r := rand.New(rand.NewPCG(uint64(n), 8))
	const rows = 3
	x, dy, y, dx := rowsOf[T](t, r, rows, n), rowsOf[T](t, r, rows, n), rowsOf[T](t, r, rows, n), rowsOf[T](t, r, rows, n)
	for i := range x {
		x[i] = 40*x[i] + 100
	}
	ly, ldx := rowsOf[T](t, r, rows, n), rowsOf[T](t, r, rows, n)
	SoftmaxRows(nil, y, x, rows, n)
	SoftmaxGradRows(nil, dx, y, dy, rows, n)
	LogSoftmaxRows(nil, ly, x, rows, n)
	LogSoftmaxGradRows(nil, ldx, ly, dy, rows, n)
	for row := range rows {
		var sum, dot, all float64
		for k := row * n; k < (row+1)*n; k++ {
			sum += math.Exp(float64(x[k]) - 100)
			all += float64(dy[k])
		}
		for k := row * n; k < (row+1)*n; k++ {
			dot += math.Exp(float64(x[k])-100) / sum * float64(dy[k])
		}
		for k := row * n; k < (row+1)*n; k++ {
			e := math.Exp(float64(x[k])-100) / sum
			tol := 256 * eps[T]()
			for i, c := range [][2]float64{{float64(y[k]), e}, {float64(dx[k]), e * (float64(dy[k]) - dot)},
				{float64(ly[k]), math.Log(e)}, {float64(ldx[k]), float64(dy[k]) - e*all}} {
				if !(math.Abs(c[0]-c[1]) <= tol*(1+math.Abs(c[1]))) {
					t.Fatalf("result %d of element %d of rows of %d is %v, want %v", i, k, n, c[0], c[1])
				}
			}
		}
	}
}

func TestSoftmax(t *testing.T) {
	forPaths(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 7, 10, 16, 33, 100, 130, 300} {
			testSoftmax[float32](t, n)
			testSoftmax[float64](t, n)
		}
	})
}

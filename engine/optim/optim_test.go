package optim

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/compress-toolkit/compress/engine/kernel"
)

// rules are the equations of the optimizers for one weight, in float64.
var rules = map[string]func(w, g float64, s []float64, p Step) float64{
	"sgd": func(w, g float64, _ []float64, p Step) float64 { return w - p.LR*(g+p.WeightDecay*w) },
	"momentum": func(w, g float64, s []float64, p Step) float64 {
		s[0] = 0.9*s[0] + g + p.WeightDecay*w
		return w - p.LR*s[0]
	},
	"nesterov": func(w, g float64, s []float64, p Step) float64 {
		d := g + p.WeightDecay*w
		s[0] = 0.9*s[0] + d
		return w - p.LR*(d+0.9*s[0])
	},
	"adagrad": func(w, g float64, s []float64, p Step) float64 {
		d := g + p.WeightDecay*w
		s[0] += d * d
		return w - p.LR*d/(math.Sqrt(s[0])+1e-10)
	},
	"adadelta": func(w, g float64, s []float64, p Step) float64 {
		d := g + p.WeightDecay*w
		s[0] = 0.9*s[0] + 0.1*d*d
		u := d * math.Sqrt(s[1]+1e-6) / math.Sqrt(s[0]+1e-6)
		s[1] = 0.9*s[1] + 0.1*u*u
		return w - p.LR*u
	},
	"rmsprop": func(w, g float64, s []float64, p Step) float64 {
		d := g + p.WeightDecay*w
		s[0] = 0.99*s[0] + 0.01*d*d
		return w - p.LR*d/(math.Sqrt(s[0])+1e-8)
	},
	"adam": func(w, g float64, s []float64, p Step) float64 {
		return w - p.LR*moments(g+p.WeightDecay*w, s, p.T)
	},
	"adamw": func(w, g float64, s []float64, p Step) float64 {
		return w*(1-p.LR*p.WeightDecay) - p.LR*moments(g, s, p.T)
	},
}

// moments is the direction of Adam.
func moments(d float64, s []float64, t int) float64 {
	s[0] = 0.9*s[0] + 0.1*d
	s[1] = 0.999*s[1] + 0.001*d*d
	m, v := s[0]/(1-math.Pow(0.9, float64(t))), s[1]/(1-math.Pow(0.999, float64(t)))
	return m / (math.Sqrt(v) + 1e-8)
}

// forPaths runs f on every kernel path of this machine.
func forPaths(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	old := kernel.Path()
	t.Cleanup(func() { _ = kernel.ForcePath(old) })
	for _, path := range kernel.Paths() {
		if err := kernel.ForcePath(path); err != nil {
			t.Fatal(err)
		}
		t.Run(path, f)
	}
}

func TestUpdates(t *testing.T) {
	if len(rules) != len(Names()) {
		t.Fatalf("%d rules for the optimizers %v", len(rules), Names())
	}
	forPaths(t, func(t *testing.T) {
		for _, name := range Names() {
			o, err := New(Config{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{1, 7, 32, 77, 130} {
				testUpdate(t, o, n)
			}
		}
	})
}

// testUpdate takes 10 steps on n weights.
func testUpdate(t *testing.T, o Optimizer, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 1))
	w, g, want := make([]float32, n), make([]float32, n), make([]float64, n)
	state, ref := make([][]float32, o.Slots()), make([][]float64, n)
	for k := range state {
		state[k] = make([]float32, n)
	}
	for i := range w {
		w[i] = float32(r.NormFloat64())
		want[i], ref[i] = float64(w[i]), make([]float64, o.Slots())
	}
	for step := 1; step <= 10; step++ {
		s := Step{LR: 0.1, T: step, WeightDecay: 0.01}
		for i := range g {
			g[i] = float32(r.NormFloat64())
			want[i] = rules[o.Name()](want[i], float64(g[i]), ref[i], s)
		}
		o.Update(w, g, state, s)
	}
	for i := range w {
		if math.Abs(float64(w[i])-want[i]) > 1e-5*(1+math.Abs(want[i])) {
			t.Fatalf("%s: weight %d of %d is %v after 10 steps, want %v", o.Name(), i, n, w[i], want[i])
		}
	}
}

func TestUpdateDoesNotAllocate(t *testing.T) {
	for _, name := range Names() {
		o, err := New(Config{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		w, g, state := make([]float32, 100), make([]float32, 100), [][]float32{make([]float32, 100), make([]float32, 100)}
		if a := testing.AllocsPerRun(10, func() { o.Update(w, g, state, Step{LR: 0.1, T: 1}) }); a != 0 {
			t.Errorf("%s allocates %v times an update", name, a)
		}
	}
}

func TestMaxNorm(t *testing.T) {
	w := []float32{3, 4, 0.3, 0.4}
	MaxNorm(w, 2, 1)
	for i, want := range []float32{0.6, 0.8, 0.3, 0.4} {
		if math.Abs(float64(w[i]-want)) > 1e-6 {
			t.Errorf("w[%d] = %v, want %v", i, w[i], want)
		}
	}
}

func TestClipScale(t *testing.T) {
	for _, c := range []struct{ norm, limit, want float64 }{{2, 1, 0.5}, {0.5, 1, 1}, {5, 0, 1}, {1, 1, 1}} {
		if got := ClipScale(c.norm, c.limit); got != c.want {
			t.Errorf("ClipScale(%v, %v) = %v, want %v", c.norm, c.limit, got, c.want)
		}
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		text         string
		epoch, total float64
		want         float64
	}{
		{"", 3, 10, 1}, {"constant", 3, 10, 1},
		{"step:2,4,0.1", 1.9, 10, 1}, {"step:2,4,0.1", 2, 10, 0.1}, {"step:2,4,0.1", 9, 10, 0.01},
		{"exp:0.5", 2.7, 10, 0.25},
		{"cosine", 0, 10, 1}, {"cosine", 5, 10, 0.5}, {"cosine:0.1", 10, 10, 0.1},
		{"linear", 2.5, 10, 0.75}, {"linear:0.5", 10, 10, 0.5},
		{"onecycle", 0, 10, 1.0 / 25}, {"onecycle", 3, 10, 1}, {"onecycle", 10, 10, 1.0 / 1000},
		{"warmup:5;cosine", 10, 15, 0.5}, {"warmup:5;linear", 5, 15, 1},
	} {
		s, err := ParseSchedule(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Factor(c.epoch, c.total); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%q at epoch %v of %v is %v, want %v", c.text, c.epoch, c.total, got, c.want)
		}
	}
}

func TestBadNames(t *testing.T) {
	for _, text := range []string{"cosin", "step:1", "exp:x", "cosine;linear", "onecycle:2", "warmup:3;no"} {
		if _, err := ParseSchedule(text); err == nil {
			t.Errorf("schedule %q was accepted", text)
		}
	}
	for _, c := range []Config{{Name: "admam"}, {Name: "sgd", Momentum: 1}, {Name: "adam", Eps: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

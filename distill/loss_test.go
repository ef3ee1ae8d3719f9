package distill

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// noise is an array of the given shape.
func noise(seed uint64, shape ...int) array {
	a := array{Shape: shape}
	for i := range a.Shape.Size() {
		a.Data = append(a.Data, tensor.NewRand(seed).Normal(uint64(i)))
	}
	return a
}

// mapped returns a with f applied to its elements by sample and element of the sample.
func (a array) mapped(f func(n, i int, v float64) float64) array {
	b := array{Shape: a.Shape, Data: make([]float64, len(a.Data))}
	d := len(a.Data) / a.Shape[0]
	for i, v := range a.Data {
		b.Data[i] = f(i/d, i%d, v)
	}
	return b
}

// evaluate is a loss of a pair of values, with T = 2 and all labels 0.
func evaluate(t *testing.T, loss string, student, teacher array) float64 {
	t.Helper()
	c := lossCase{Loss: loss, Temperature: 2, Labels: make([]int64, student.Shape[0])}
	c.Pairs = append(c.Pairs, struct{ Student, Teacher, Gradient array }{Student: student, Teacher: teacher})
	return buildLoss(t, &c).value(t)
}

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

// TestLossZeroAtEquality checks that a student that is the teacher has no loss, and that
// another one has.
func TestLossZeroAtEquality(t *testing.T) {
	shapes := map[string][]int{"at": {4, 3, 4, 4}, "nst": {4, 3, 4, 4}}
	for _, loss := range []string{"kd", "logits", "dkd", "dist", "at", "nst", "sp", "rkd", "cc", "pkt"} {
		shape := shapes[loss]
		if shape == nil {
			shape = []int{5, 6}
		}
		x := noise(3, shape...)
		if got := evaluate(t, loss, x, x); !near(got, 0, 1e-5) {
			t.Errorf("%s of equal values is %g", loss, got)
		}
		if got := evaluate(t, loss, noise(4, shape...), x); !(got > 1e-4) {
			t.Errorf("%s of unlike values is %g", loss, got)
		}
	}
}

// TestLossInvariance changes the student's value in a way that the loss must not see, and
// in one that it must.
func TestLossInvariance(t *testing.T) {
	logits, vectors, images := noise(5, 6, 4), noise(6, 6, 5), noise(7, 4, 3, 4, 4)
	times := func(w float64) func(int, int, float64) float64 {
		return func(_, _ int, v float64) float64 { return w * v }
	}
	plus := func(n, i int, v float64) float64 { return v + 3 }
	shiftSample := func(n, i int, v float64) float64 { return v + float64(n) }
	shiftFeature := func(n, i int, v float64) float64 { return v + float64(i) }
	scaleSample := func(n, i int, v float64) float64 { return v * float64(n+1) }
	permute := func(a array) array { // the features, cyclically
		d := len(a.Data) / a.Shape[0]
		return a.mapped(func(n, i int, _ float64) float64 { return a.Data[n*d+(i+1)%d] })
	}
	for _, c := range []struct {
		loss string
		x    array
		same array
		not  array
	}{
		{"kd", logits, logits.mapped(shiftSample), logits.mapped(times(2))},
		{"dkd", logits, logits.mapped(shiftSample), logits.mapped(times(2))},
		{"dist", logits, logits.mapped(shiftSample), logits.mapped(times(2))},
		{"at", images, images.mapped(scaleSample), images.mapped(plus)},
		{"nst", images, images.mapped(scaleSample), images.mapped(plus)},
		{"sp", vectors, permute(vectors).mapped(times(3)), vectors.mapped(plus)},
		{"rkd", vectors, permute(vectors).mapped(shiftFeature).mapped(times(3)), vectors.mapped(scaleSample)},
		{"cc", vectors, permute(vectors).mapped(scaleSample), vectors.mapped(plus)},
		{"pkt", vectors, permute(vectors).mapped(scaleSample), vectors.mapped(plus)},
	} {
		teacher := noise(8, c.x.Shape...)
		was := evaluate(t, c.loss, c.x, teacher)
		if got := evaluate(t, c.loss, c.same, teacher); !near(got, was, 1e-4*(1+was)) {
			t.Errorf("%s: %g, then %g though nothing that counts has changed", c.loss, was, got)
		}
		if got := evaluate(t, c.loss, c.not, teacher); near(got, was, 1e-3*was) {
			t.Errorf("%s: %g stays, though the student has changed", c.loss, was)
		}
	}
}

// TestDISTCorrelation checks that DIST compares probabilities up to an affine map: of those,
// the correlation within samples is 1.
func TestDISTCorrelation(t *testing.T) {
	p := noise(9, 5, 4).mapped(func(_, _ int, v float64) float64 { return 1 + 0.1*v })
	sums := make([]float64, 5)
	p.mapped(func(n, _ int, v float64) float64 { sums[n] += v; return 0 })
	p = p.mapped(func(n, _ int, v float64) float64 { return v / sums[n] })
	logs := func(a array) array {
		return a.mapped(func(_, _ int, v float64) float64 { return 2 * math.Log(v) }) // T = 2
	}
	flatter := p.mapped(func(_, _ int, v float64) float64 { return 0.3*v + 0.7/4 })
	if got := evaluate(t, "dist", logs(flatter), logs(p)); !near(got, 0, 1e-4) {
		t.Errorf("dist of an affine map of the probabilities is %g", got)
	}
}

// TestLossFinite gives values that make denominators and logarithms vanish.
func TestLossFinite(t *testing.T) {
	zeros := func(shape ...int) array {
		return array{Shape: shape, Data: make([]float64, tensor.Shape(shape).Size())}
	}
	far := noise(1, 4, 3).mapped(func(_, i int, v float64) float64 { return 400*float64(i) + v })
	for loss, x := range map[string]array{
		"kd": far, "dkd": far, "dist": far, "logits": far, "at": zeros(3, 2, 4, 4), "nst": zeros(3, 2, 4, 4),
		"sp": zeros(4, 3), "rkd": zeros(4, 3), "cc": zeros(4, 3), "pkt": zeros(4, 3), "crd": zeros(4, 3),
		"vid": zeros(4, 3), "review": zeros(4, 3), "hint": zeros(4, 3),
	} {
		c := lossCase{Loss: loss, Temperature: 1, Labels: make([]int64, x.Shape[0])}
		c.Pairs = append(c.Pairs, struct{ Student, Teacher, Gradient array }{Student: x, Teacher: noise(2, x.Shape...)})
		b := buildLoss(t, &c)
		if v := b.value(t); math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%s is %g", loss, v)
		}
		b.backward(t)
		for _, g := range b.grad(t, b.students[0]) {
			if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) {
				t.Errorf("%s has the gradient %g", loss, g)
				break
			}
		}
	}
}

// TestLossOneSample checks that a last batch of one sample does no harm.
func TestLossOneSample(t *testing.T) {
	for _, loss := range append(Losses(), "sp", "rkd", "cc", "pkt", "crd", "vid") {
		if got := evaluate(t, loss, noise(1, 1, 4), noise(2, 1, 4)); math.IsNaN(got) || math.IsInf(got, 0) {
			t.Errorf("%s of one sample is %g", loss, got)
		}
	}
}

// TestLossErrors checks parameters and values that a loss cannot take.
func TestLossErrors(t *testing.T) {
	for text, want := range map[string]string{
		"dkd:alpha=-1": "alpha = -1", "dist:tau=1": "has no parameter", "cc:order=1.5": "whole number", "crd:tau=0": "positive",
		"at:p=0.5": "at least 1", "review:mid=0": "whole number", "sp:x=1": "has no parameter",
	} {
		name, p, err := ParseLoss(text)
		if err == nil && IsFeature(name) {
			_, err = GetFeature(name, p)
		} else if err == nil {
			_, err = GetLoss(name, p)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	n := nn.New("loss", 1)
	Attention{2}.Build(n, []Features{{Teacher: n.Input("t", tensor.F32, "N", 3), Student: n.Input("s", tensor.F32, "N", 3)}})
	if n.Err() == nil || !strings.Contains(n.Err().Error(), "loss at compares maps") {
		t.Errorf("at of vectors: %v", n.Err())
	}
	n = nn.New("loss", 1)
	Match{}.Build(n, []Features{{Teacher: n.Input("t", tensor.F32, "N", 3), Student: n.Input("s", tensor.F32, "N", 4)}})
	if n.Err() == nil || !strings.Contains(n.Err().Error(), "match compares values of one shape") {
		t.Errorf("match of different shapes: %v", n.Err())
	}
}

// TestLossDocs checks that the page on distillation lists every loss with its parameters and usual weight.
func TestLossDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/distillation.md")
	if err != nil {
		t.Fatal(err)
	}
	row := func(name string, p Params) {
		var ps []string
		for _, k := range slices.Sorted(maps.Keys(p)) {
			ps = append(ps, fmt.Sprintf("%s=%g", k, p[k]))
		}
		if want := fmt.Sprintf("| `%s` | %s | %g | ", name, strings.Join(ps, ", "), UsualWeight(name)); !strings.Contains(squeezed(page), squeezed([]byte(want))) {
			t.Errorf("docs/distillation.md lacks the row %q", want)
		}
	}
	for _, name := range Losses() {
		e, _ := losses.Lookup(name)
		row(name, e.defaults)
	}
	for _, name := range FeatureLosses() {
		e, _ := features.Lookup(name)
		row(name, e.defaults)
	}
}

func squeezed(b []byte) string { return strings.ReplaceAll(string(b), " ", "") }

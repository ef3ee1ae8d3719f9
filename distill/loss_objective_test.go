package distill

import (
	"context"
	"math"
	"testing"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// constant is a teacher with one answer for every sample, in its values too.
type constant struct{ z []float32 }

func (c constant) Logits(_ context.Context, b *dataset.Batch, _ float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error) {
	z := tensor.New(tensor.F32, tensor.Shape{b.X.Dim(0), len(c.z)})
	for i := range z.F32s() {
		z.F32s()[i] = c.z[i%len(c.z)]
	}
	var vs []*tensor.Tensor
	for range values {
		vs = append(vs, z)
	}
	return z, vs, nil
}

// objectiveValue is the objective of a student that always gives the logits z_s, at a
// learning rate that changes nothing, with what it measures.
func objectiveValue(t *testing.T, o *Objective, zs []float32, set dataset.Set) *train.Result {
	t.Helper()
	n := nn.New("student", 1)
	x := n.Input("input", tensor.F32, "N", 2)
	zero := n.Node("zero", "Mul", nil, n.Dense("fc", x, len(zs), nn.Dense{NoBias: true}), n.Const("none", tensor.Scalar(float32(0))))
	bias := tensor.New(tensor.F32, tensor.Shape{len(zs)})
	copy(bias.F32s(), zs)
	n.Output(n.Node("logits", "Add", nil, zero, n.Param("bias", bias)))
	m, err := n.Model()
	if err != nil {
		t.Fatal(err)
	}
	res, err := train.Run(context.Background(), train.Config{Model: m, Objective: o, Data: set, Batch: 8, Optimizer: optim.SGD{}, LR: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// softmaxAt is softmax(z/T).
func softmaxAt(z []float32, temperature float64) (p []float64) {
	sum := 0.0
	for _, v := range z {
		p = append(p, math.Exp(float64(v)/temperature))
		sum += p[len(p)-1]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// kullback is KL(p || q).
func kullback(p, q []float64) (d float64) {
	for i := range p {
		d += p[i] * math.Log(p[i]/q[i])
	}
	return d
}

// TestObjectiveFormula computes what the printed formula says.
func TestObjectiveFormula(t *testing.T) {
	zs, zt := []float32{0.5, -1, 2}, []float32{3, 1, -2}
	o := &Objective{
		Teacher: constant{zt}, Classes: 3, Hard: Const(0.3), Shapes: map[graph.Value]tensor.Shape{"v": {1, 3}},
		Logit: []LogitTerm{
			{Weight: Const(0.7), Temperature: 4},
			{Loss: Logits{}, Weight: Const(0.05), Temperature: 1},
			{Loss: SoftTargets{}, Weight: Const(2), Temperature: 1.5},
		},
		Feature: []FeatureTerm{{Loss: Similarity{}, Weight: Const(10), Pairs: []Pair{{Teacher: "v", Student: "logits"}}}},
	}
	set := dataset.Random(16, tensor.Shape{2}, 3, 1)
	res := objectiveValue(t, o, zs, set)
	hard, p := 0.0, softmaxAt(zs, 1)
	for i := range set.Len() {
		y, err := set.Read(i, make([]float32, 2))
		if err != nil {
			t.Fatal(err)
		}
		hard -= math.Log(p[y]) / float64(set.Len())
	}
	want := 0.3 * hard
	for _, c := range []struct{ weight, temperature float64 }{{0.7, 4}, {2, 1.5}} {
		want += c.weight * c.temperature * c.temperature * kullback(softmaxAt(zt, c.temperature), softmaxAt(zs, c.temperature))
	}
	for i := range zs {
		d := float64(zs[i] - zt[i])
		want += 0.05 * d * d / 3
	}
	// All samples have the same values: both Gram matrices are constant, so sp is zero.
	if !near(res.TrainLoss, want, 1e-4*want) {
		t.Errorf("loss %g, want %g of %s", res.TrainLoss, want, o.Describe())
	}
	const formula = "0.3 * CE(softmax(z_s), y) + 0.7 * T^2 * KL(softmax(z_t/T) || softmax(z_s/T)), T = 4 + 0.05 * mean((z_s - z_t)^2), T = 1 +" +
		" 2 * T^2 * KL(softmax(z_t/T) || softmax(z_s/T)), T = 1.5 + 10 * mean((G_s - G_t)^2), G = rows of v v^T over their norms of v:logits"
	if got := o.Describe(); got != formula {
		t.Errorf("formula %s", got)
	}
}

// TestObjectiveLabels checks that a loss on logits gets the labels without a cross-entropy,
// and does without where samples have none.
func TestObjectiveLabels(t *testing.T) {
	zs, zt := []float32{0.5, -1, 2}, []float32{3, 1, -2}
	loss := func(set dataset.Set) float64 {
		o := &Objective{Teacher: constant{zt}, Classes: 3, Logit: []LogitTerm{{Loss: DKD{1, 8}, Weight: Const(1), Temperature: 2}}}
		return objectiveValue(t, o, zs, set).TrainLoss
	}
	of := func(y int) float64 { // TCKD and NCKD of target y
		p, q := softmaxAt(zt, 2), softmaxAt(zs, 2)
		binary := func(p []float64) []float64 { return []float64{p[y], 1 - p[y]} }
		rest := func(p []float64) (r []float64) {
			for i := range p {
				if i != y {
					r = append(r, p[i]/(1-p[y]))
				}
			}
			return r
		}
		return 4 * (kullback(binary(p), binary(q)) + 8*kullback(rest(p), rest(q)))
	}
	set := dataset.Random(16, tensor.Shape{2}, 3, 1)
	want := 0.0
	for i := range set.Len() {
		y, err := set.Read(i, make([]float32, 2))
		if err != nil {
			t.Fatal(err)
		}
		want += of(int(y)) / float64(set.Len())
	}
	if got := loss(set); !near(got, want, 1e-4*want) {
		t.Errorf("with labels %g, want %g", got, want)
	}
	if got, want := loss(dataset.Unlabelled(set)), of(0); !near(got, want, 1e-4*want) {
		t.Errorf("without labels %g, want %g of the teacher's class", got, want)
	}
}

package distill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
)

// Teacher gives the targets of a batch.
type Teacher interface {
	// Logits returns N x K logits z of which softmax(z/T) is the teacher's
	// distribution at temperature T, and the given intermediate values. They
	// need to be valid until the next call only. At temperature 0 the logits are
	// not wanted and may be nil.
	Logits(ctx context.Context, b *dataset.Batch, temperature float64, values []graph.Value) (*tensor.Tensor, []*tensor.Tensor, error)
}

// Objective is the weighted sum of the cross-entropy with the labels and of
// distillation losses on logits and on intermediate values (Hinton, Vinyals, Dean 2015,
// section 2; Romero et al. 2015, equations 2 and 3):
//
//	Hard CE(softmax(z_s), y) + sum_i Logit[i].Weight loss_i(z_s, z_t) + sum_j Feature[j].Weight loss_j(v_s, v_t)
//
// For soft targets the loss is T^2 KL(softmax(z_t/T) || softmax(z_s/T)), summed over
// classes, mean over the batch; T^2 keeps the size of its gradient when T changes.
type Objective struct {
	Teacher Teacher
	Classes int // K, of the teacher
	Hard    Weight
	Logit   []LogitTerm
	Feature []FeatureTerm

	Shapes map[graph.Value]tensor.Shape // of the teacher's values, for a batch of one
	Seed   uint64                       // of the weights that losses add

	// Mixed allows samples without a label: the mean of the cross-entropy is over
	// those that have one.
	Mixed bool

	parts       []part
	logits      []target      // the teacher's logits, one for each temperature
	values      []graph.Value // of the teacher
	valueInputs []graph.Value // what Feed copies them to
}

// LogitTerm is one weighted loss on logits.
type LogitTerm struct {
	Loss        Loss // soft targets when nil
	Weight      Weight
	Temperature float64
	Standardize bool // both networks' logits, see standardized
}

// formula is the loss's, for people.
func (t LogitTerm) formula() string {
	f := fmt.Sprintf("%v * %s, T = %g", t.Weight, t.loss().Formula(), t.Temperature)
	if t.Standardize {
		f += ", z standardized"
	}
	return f
}

func (t LogitTerm) loss() Loss {
	if t.Loss == nil {
		return SoftTargets{}
	}
	return t.Loss
}

// FeatureTerm is one weighted loss on pairs of values.
type FeatureTerm struct {
	Loss   FeatureLoss // hints when nil
	Weight Weight
	Pairs  []Pair
}

func (t FeatureTerm) loss() FeatureLoss {
	if t.Loss == nil {
		return Hint{}
	}
	return t.Loss
}

// part is one summand of a built objective.
type part struct {
	name   string
	loss   graph.Value
	weight Weight
	input  graph.Value // holds the weight while it changes
}

// target is the input for the teacher's logits at a temperature.
type target struct {
	input       graph.Value
	temperature float64
}

// Validate rejects settings that cannot work.
func (o *Objective) Validate() error {
	if o.Teacher == nil && len(o.Logit)+len(o.Feature) > 0 {
		return errors.New("distill: no teacher")
	}
	sum := 0.0
	for _, w := range o.weights() {
		if err := w.check(); err != nil {
			return err
		}
		sum += w.most()
	}
	for _, t := range o.Logit {
		if !(t.Temperature > 0) || t.Temperature > maxTemperature {
			return fmt.Errorf("distill: temperature %g is not above 0 and at most %.0g", t.Temperature, maxTemperature)
		}
	}
	for _, t := range o.Feature {
		if len(t.Pairs) == 0 {
			return fmt.Errorf("distill: the loss %q has no pairs of values", t.loss().Name())
		}
	}
	if sum == 0 {
		return errors.New("distill: the weights of all losses are zero")
	}
	return nil
}

// maxTemperature bounds T, beyond which float32 tells no class from another.
const maxTemperature = 1e6

func (o *Objective) weights() []Weight {
	ws := []Weight{o.Hard}
	for _, t := range o.Logit {
		ws = append(ws, t.Weight)
	}
	for _, t := range o.Feature {
		ws = append(ws, t.Weight)
	}
	return ws
}

// Build implements train.Objective.
func (o *Objective) Build(b *graph.Builder, m *graph.Model) (graph.Value, error) {
	if err := o.Validate(); err != nil {
		return "", err
	}
	if len(m.Graph.Outputs) == 0 {
		return "", errors.New("distill: the student has no output")
	}
	o.parts, o.logits, o.values, o.valueInputs = nil, nil, nil, nil
	if o.Hard.most() > 0 || len(o.Logit) > 0 {
		if err := o.buildLogits(b, m.Graph.Outputs[0].Name); err != nil {
			return "", err
		}
	}
	for i, t := range o.Feature {
		if t.Weight.most() == 0 {
			continue
		}
		if err := o.buildFeature(b, m, t, i); err != nil {
			return "", err
		}
	}
	var sum graph.Value
	for i := range o.parts {
		v := o.parts[i].weigh(b)
		if i > 0 {
			v = b.Node("loss", "Add", nil, sum, v)
		}
		sum = v
	}
	return sum, b.Err()
}

// buildLogits adds the parts that are computed from the student's logits z.
func (o *Objective) buildLogits(b *graph.Builder, z graph.Value) error {
	s := b.Shape(z)
	if b.Err() != nil {
		return b.Err()
	}
	if len(s) != 2 || o.Teacher != nil && s[1] != o.Classes {
		return fmt.Errorf("distill: the student's output %q is %v, the teacher's N x %d", z, append([]any{"N"}, dims(s)[1:]...), o.Classes)
	}
	in := LogitLoss{Student: z, Classes: s[1]}
	if o.UsesLabels() {
		in.Labels = train.LabelInput(b)
	}
	if o.Hard.most() > 0 {
		hard := train.HardLoss
		if o.Mixed {
			hard = labelledLoss
		}
		o.addPart(part{name: "hard", loss: hard(b, z, in.Labels), weight: o.Hard})
	}
	for _, t := range o.Logit {
		if t.Weight.most() == 0 {
			continue
		}
		in.Temperature = t.Temperature
		in.Student, in.Teacher = z, o.logitsAt(b, t.Temperature)
		if t.Standardize {
			in.Student, in.Teacher = standardized(b, in.Student), standardized(b, in.Teacher)
		}
		o.addPart(part{name: t.loss().Name(), loss: t.loss().Build(b, in), weight: t.Weight})
	}
	return nil
}

// UsesLabels reports whether labels are fed where there are some: for the cross-entropy or a loss on logits.
func (o *Objective) UsesLabels() bool {
	return o.Hard.most() > 0 || slices.ContainsFunc(o.Logit, func(t LogitTerm) bool {
		_, ok := t.loss().(Labelled)
		return ok && t.Weight.most() > 0
	})
}

// buildFeature adds the i-th loss on values. What its layers are initialised with
// depends on their names only.
func (o *Objective) buildFeature(b *graph.Builder, m *graph.Model, t FeatureTerm, i int) error {
	var fs []Features
	for _, p := range t.Pairs {
		s, ok := o.Shapes[p.Teacher]
		if !ok {
			return unknownValue("teacher", p.Teacher, sortedValues(o.Shapes))
		}
		if len(s) < 2 {
			return fmt.Errorf("distill: the teacher's value %q, %v, has no axis besides the batch", p.Teacher, s)
		}
		if err := knownValue(b, m, p.Student); err != nil {
			return err
		}
		fs = append(fs, Features{Teacher: o.value(b, p.Teacher, s), Student: p.Student})
	}
	var loss graph.Value
	name := t.loss().Name()
	b.Scope(fmt.Sprintf("%s%d", name, i+1), func() {
		loss = t.loss().Build(&nn.Net{Builder: b, Seed: o.Seed}, fs)
	})
	if b.Err() != nil {
		return fmt.Errorf("distill: loss %q of %s: %w", name, join(t.Pairs), b.Err())
	}
	o.addPart(part{name: name, loss: loss, weight: t.Weight})
	return nil
}

// addPart adds a summand; a name that is taken gets a number.
func (o *Objective) addPart(p part) {
	base := p.name
	for n := 2; slices.ContainsFunc(o.parts, func(q part) bool { return q.name == p.name }); n++ {
		p.name = fmt.Sprintf("%s_%d", base, n)
	}
	o.parts = append(o.parts, p)
}

func dims(s tensor.Shape) (out []any) {
	for _, d := range s {
		out = append(out, d)
	}
	return out
}

// labelledLoss is the mean cross-entropy over the samples that have a label; it is
// zero for a batch without any.
func labelledLoss(b *graph.Builder, z, labels graph.Value) (loss graph.Value) {
	b.Scope("hard", func() {
		sum := b.Node("sum", "SoftmaxCrossEntropyLoss", graph.Attrs{"reduction": "sum", "ignore_index": int64(-1)}, z, labels)
		has := b.Node("has_label", "GreaterOrEqual", nil, labels, b.Const("first_class", tensor.Scalar(int64(0))))
		n := b.Node("count", "ReduceSum", graph.Attrs{"keepdims": int64(0)}, b.Node("one", "Cast", graph.Attrs{"to": int64(1)}, has))
		n = b.Node("at_least_one", "Max", nil, n, b.Const("unit", tensor.Scalar(float32(1))))
		loss = b.Node("mean", "Div", nil, sum, n)
	})
	return loss
}

// logitsAt returns the input for the teacher's logits, N x K, which is declared once.
func (o *Objective) logitsAt(b *graph.Builder, temperature float64) graph.Value {
	for _, t := range o.logits {
		if t.temperature == temperature {
			return t.input
		}
	}
	t := target{b.Input("teacher_logits", tensor.F32, b.Samples(), o.Classes), temperature}
	o.logits = append(o.logits, t)
	return t.input
}

// value returns the input for a value of the teacher of shape s for one sample, which is
// declared once.
func (o *Objective) value(b *graph.Builder, v graph.Value, s tensor.Shape) graph.Value {
	if i := slices.Index(o.values, v); i >= 0 {
		return o.valueInputs[i]
	}
	in := b.Input("teacher/"+string(v), tensor.F32, append([]any{b.Samples()}, dims(s[1:])...)...)
	o.values, o.valueInputs = append(o.values, v), append(o.valueInputs, in)
	return in
}

// weigh adds the part times its weight, which is an input if it changes during the run.
func (p *part) weigh(b *graph.Builder) graph.Value {
	var w graph.Value
	switch {
	case p.weight.From != p.weight.To:
		p.input = b.Input(p.name+"_weight", tensor.F32)
		w = p.input
	case p.weight.From == 1:
		return p.loss
	default:
		w = b.Const("weight", tensor.Scalar(float32(p.weight.From)))
	}
	return b.Node("scaled", "Mul", nil, p.loss, w)
}

// Metrics implements train.Metered.
func (o *Objective) Metrics() map[string]graph.Value {
	m := map[string]graph.Value{}
	for _, p := range o.parts {
		m[p.name+"_loss"] = p.loss
	}
	return m
}

// NeedsLabels implements train.Labelled: soft losses do without.
func (o *Objective) NeedsLabels() bool { return o.Hard.most() > 0 }

// Describe implements train.Described: the resolved formula.
func (o *Objective) Describe() string {
	var terms []string
	if o.Hard.most() > 0 {
		what := "CE(softmax(z_s), y)"
		if o.Mixed {
			what += " of labelled samples"
		}
		terms = append(terms, o.Hard.String()+" * "+what)
	}
	for _, t := range o.Logit {
		if t.Weight.most() > 0 {
			terms = append(terms, t.formula())
		}
	}
	for _, t := range o.Feature {
		if t.Weight.most() > 0 {
			terms = append(terms, fmt.Sprintf("%v * %s of %s", t.Weight, t.loss().Formula(), join(t.Pairs)))
		}
	}
	return strings.Join(terms, " + ")
}

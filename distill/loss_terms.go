package distill

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/compress-toolkit/compress/internal/registry"
)

// ParseTerms reads weighted losses as --loss has them, in the notation of the printed
// formula,
//
//	[W*]NAME[:PARAMETER=VALUE,..][@TEACHERVALUE:STUDENTVALUE..] + ..
//
// with spaces around the +, as "kd + 1000*at@layer1/relu:relu1@layer2/relu:relu2". W is a
// number or FROM:TO; without it a loss has its usual weight. Losses on values name at
// least one pair, losses on logits none.
func ParseTerms(text string) (ts []Term, err error) {
	for _, part := range strings.Split(text, " + ") {
		t, err := parseTerm(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		ts = append(ts, t)
	}
	return ts, nil
}

func parseTerm(text string) (t Term, err error) {
	loss, pairs, _ := strings.Cut(text, "@")
	weight, name, weighed := strings.Cut(loss, "*")
	if !weighed {
		name = loss
	}
	if t.Loss, t.Params, err = ParseLoss(strings.TrimSpace(name)); err != nil {
		return t, err
	}
	if err := t.checkName(); err != nil {
		return t, err
	}
	if t.Weight = Const(UsualWeight(t.Loss)); weighed {
		if t.Weight, err = ParseWeight(weight); err != nil {
			return t, fmt.Errorf("loss %q: %s", text, strings.TrimPrefix(err.Error(), "distill: "))
		}
	}
	if pairs != "" {
		t.Pairs = strings.Split(pairs, "@")
	}
	switch {
	case IsFeature(t.Loss) && len(t.Pairs) == 0:
		return t, fmt.Errorf("loss %q compares values: say which, as %s@TEACHERVALUE:STUDENTVALUE", text, loss)
	case !IsFeature(t.Loss) && len(t.Pairs) > 0:
		return t, fmt.Errorf("loss %q compares logits: leave out @%s", text, pairs)
	}
	_, err = parsePairs(t.Pairs, nil)
	return t, err
}

// checkName is check for names that a command line may have: labels have a flag of their own.
func (t Term) checkName() error {
	if t.Loss == LabelsLoss {
		return fmt.Errorf("loss %q: the weight of the labels is --hard-weight", t.Loss)
	}
	if _, ok := losses.Lookup(t.Loss); !ok && !IsFeature(t.Loss) {
		return unknownLoss(t.Loss)
	}
	return t.check()
}

// unknownLoss names the losses on logits and on values.
func unknownLoss(name string) error {
	all := append(Losses(), FeatureLosses()...)
	near := ""
	if n := registry.Nearest(name, all); n != "" {
		near = fmt.Sprintf(" (did you mean %q?)", n)
	}
	return fmt.Errorf("unknown distillation loss %q%s: known are %s", name, near, strings.Join(all, ", "))
}

// Times is the weight multiplied by another, of which one at least must stay.
func (w Weight) Times(v Weight) (Weight, error) {
	if w.From != w.To && v.From != v.To {
		return w, fmt.Errorf("the weights %v and %v both change: give one of them as a number", w, v)
	}
	return Weight{decimal(w.From * v.From), decimal(w.To * v.To)}, nil
}

// decimal takes away what the product of two decimal fractions has of binary ones.
func decimal(x float64) float64 {
	d, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 14, 64), 64)
	if err != nil {
		return x // of too large a product; check says so
	}
	return d
}

// UnmarshalYAML gives a loss without a weight its usual one.
func (t *Term) UnmarshalYAML(y *yaml.Node) error {
	type plain Term
	p := plain{Weight: Const(-1)} // which no file may have
	if err := y.Decode(&p); err != nil {
		return err
	}
	if p.Weight == Const(-1) {
		p.Weight = Const(UsualWeight(p.Loss))
	}
	*t = Term(p)
	return nil
}

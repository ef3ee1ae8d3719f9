package distill

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/train"
)

// Stage is one training run of a recipe. Its fields are those of a stage in a recipe's
// file; the names there are those of the command line's flags.
type Stage struct {
	// Student asks for a new network: an architecture, or "fresh" for another of the
	// run's architecture. When empty, the network of the stage before goes on.
	Student string `yaml:"student,omitempty"`
	// Teacher names files, or earlier stages whose networks teach; the run's
	// teachers when empty.
	Teacher Names `yaml:"teacher,omitempty"`
	// TeacherWeights are those of Teacher's networks as an ensemble; equal when empty.
	TeacherWeights []float64 `yaml:"teacher-weights,omitempty,flow"`

	Epochs      int     `yaml:"epochs"`
	Batch       int     `yaml:"batch"`
	Accumulate  int     `yaml:"accumulate,omitempty"`
	Optimizer   string  `yaml:"optimizer"`
	LR          float64 `yaml:"lr"`
	Momentum    float64 `yaml:"momentum,omitempty"`
	Schedule    string  `yaml:"schedule,omitempty"`
	WeightDecay float64 `yaml:"weight-decay,omitempty"`
	MaxNorm     float64 `yaml:"max-norm,omitempty"`
	ClipNorm    float64 `yaml:"clip-norm,omitempty"`
	Augment     string  `yaml:"augment,omitempty"`
	Patience    int     `yaml:"patience,omitempty"`

	Losses []Term `yaml:"losses"`

	Freeze  []string           `yaml:"freeze,omitempty"`   // regular expressions of parameters that stay
	LRScale map[string]float64 `yaml:"lr-scale,omitempty"` // factors on the learning rate, by regular expression
	// GuidedLRScale is a factor on the learning rate of the parameters that hints of
	// earlier stages trained; 1 when nil.
	GuidedLRScale *float64 `yaml:"guided-lr-scale,omitempty"`
}

// Term is one loss of a stage with its weight.
type Term struct {
	Loss        string  `yaml:"loss"` // labels, or the name of a loss on logits or on values
	Weight      Weight  `yaml:"weight"`
	Temperature float64 `yaml:"temperature,omitempty"` // of losses on logits
	Standardize bool    `yaml:"standardize,omitempty"` // logits, before the loss
	Params      Params  `yaml:"params,omitempty"`
	Pairs       Names   `yaml:"pairs,omitempty"` // TEACHERVALUE:STUDENTVALUE, of losses on values; those of --hint when empty
}

// Names of losses that more than the registry knows.
const (
	LabelsLoss = "labels" // the cross-entropy with the labels
	HintLoss   = "hint"   // FitNets' hints
)

// Names is a list that may be written as one name.
type Names []string

// UnmarshalYAML reads a name or a list of them.
func (n *Names) UnmarshalYAML(y *yaml.Node) error {
	if y.Kind == yaml.ScalarNode {
		*n = Names{y.Value}
		return nil
	}
	return y.Decode((*[]string)(n))
}

// UnmarshalYAML reads W or FROM:TO.
func (w *Weight) UnmarshalYAML(y *yaml.Node) error {
	v, err := ParseWeight(y.Value)
	if err != nil || y.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: weight %q is neither a number nor FROM:TO", y.Line, y.Value)
	}
	*w = v
	return nil
}

// MarshalYAML writes a number where it can.
func (w Weight) MarshalYAML() (any, error) {
	if w.From == w.To {
		return w.From, nil
	}
	return w.String(), nil
}

// Hints reports whether all losses are on values, none on the output: such a stage has
// no accuracy.
func (s *Stage) Hints() bool {
	for _, t := range s.Losses {
		if !IsFeature(t.Loss) {
			return false
		}
	}
	return len(s.Losses) > 0
}

// Check rejects what no network can make right.
func (s *Stage) Check() error {
	if s.Epochs < 1 || s.Batch < 1 {
		return fmt.Errorf("%d epochs, batches of %d: both must be at least 1", s.Epochs, s.Batch)
	}
	if len(s.Losses) == 0 {
		return fmt.Errorf("it has no losses")
	}
	for _, t := range s.Losses {
		if err := t.check(); err != nil {
			return err
		}
	}
	for v, f := range s.LRScale {
		if !notNegative(f) {
			return fmt.Errorf("lr-scale of %q: %g is not a number of at least 0", v, f)
		}
	}
	if f := s.GuidedLRScale; f != nil && !notNegative(*f) {
		return fmt.Errorf("guided-lr-scale %g is not a number of at least 0", *f)
	}
	_, err := s.Config()
	return err
}

func (t Term) check() (err error) {
	switch {
	case t.Loss == LabelsLoss:
	case IsFeature(t.Loss):
		_, err = GetFeature(t.Loss, t.Params)
	default:
		_, err = GetLoss(t.Loss, t.Params)
	}
	return err
}

// Config returns the stage's part of a training run's configuration.
func (s *Stage) Config() (train.Config, error) {
	c := train.Config{
		Epochs: s.Epochs, Batch: s.Batch, Accumulate: s.Accumulate, LR: s.LR, WeightDecay: s.WeightDecay,
		MaxNorm: s.MaxNorm, ClipNorm: s.ClipNorm, Patience: s.Patience,
	}
	var err error
	if c.Augment, err = dataset.ParseAugments(s.Augment); err != nil {
		return c, err
	}
	if c.Optimizer, err = optim.New(optim.Config{Name: s.Optimizer, Momentum: s.Momentum}); err != nil {
		return c, err
	}
	if c.Schedule, err = optim.ParseSchedule(s.Schedule); err != nil {
		return c, err
	}
	c.LRScale, err = s.scales(nil)
	return c, err
}

// Guide sets c's learning-rate factors for a network whose parameters for which guided
// is true were trained by hints before.
func (s *Stage) Guide(c *train.Config, guided map[graph.Value]bool) (err error) {
	c.LRScale, err = s.scales(guided)
	return err
}

// scales returns the factor on the learning rate of each parameter, nil when all are 1.
func (s *Stage) scales(guided map[graph.Value]bool) (func(graph.Value) float64, error) {
	type rule struct {
		re *regexp.Regexp
		f  float64
	}
	var rules []rule
	add := func(text string, f float64) error {
		re, err := regexp.Compile(text)
		if err != nil {
			return fmt.Errorf("parameters %q: %w", text, err)
		}
		rules = append(rules, rule{re, f})
		return nil
	}
	for _, text := range s.Freeze {
		if err := add(text, 0); err != nil {
			return nil, err
		}
	}
	for _, text := range slices.Sorted(maps.Keys(s.LRScale)) { // so that the product has the same bits
		if err := add(text, s.LRScale[text]); err != nil {
			return nil, err
		}
	}
	scale := 1.0
	if s.GuidedLRScale != nil {
		scale = *s.GuidedLRScale
	}
	if len(rules) == 0 && (len(guided) == 0 || scale == 1) {
		return nil, nil
	}
	return func(v graph.Value) float64 {
		f := 1.0
		for _, r := range rules {
			if r.re.MatchString(string(v)) {
				f *= r.f
			}
		}
		if guided[v] {
			f *= scale
		}
		return f
	}, nil
}

// Guided returns the parameters that the given values of a network depend on: what
// hints on these values train.
func Guided(m *graph.Model, values []graph.Value) map[graph.Value]bool {
	producers, params := m.Graph.Producers(), m.Graph.ParamIndex()
	guided, seen := map[graph.Value]bool{}, map[graph.Value]bool{}
	for len(values) > 0 {
		v := values[len(values)-1]
		values = values[:len(values)-1]
		if seen[v] {
			continue
		}
		seen[v] = true
		if p := params[v]; p != nil && p.Trainable {
			guided[v] = true
		}
		if n := producers[v]; n != nil {
			values = append(values, n.Uses()...)
		}
	}
	return guided
}

// Unmatched returns the first regular expression of the stage that fits no parameter
// of the network, "" when each fits one.
func (s *Stage) Unmatched(m *graph.Model) string {
	texts := append([]string{}, s.Freeze...)
	for text := range s.LRScale {
		texts = append(texts, text)
	}
	for _, text := range texts {
		re, err := regexp.Compile(text)
		if err != nil {
			return text
		}
		fits := false
		for _, p := range m.Graph.Params {
			fits = fits || p.Trainable && re.MatchString(string(p.Name))
		}
		if !fits {
			return text
		}
	}
	return ""
}

// Objective returns the stage's objective but for the teacher and the shapes of its
// values. Pairs are those of losses on values that name none; known tells the values of
// teacher and student, by which names with colons are parted, and may be nil.
func (s *Stage) Objective(pairs []Pair, known func(teacher, student graph.Value) bool) (*Objective, error) {
	o := &Objective{}
	for _, t := range s.Losses {
		switch {
		case t.Loss == LabelsLoss && o.Hard.most() > 0:
			return nil, fmt.Errorf("it has the loss %q twice", t.Loss)
		case t.Loss == LabelsLoss:
			o.Hard = t.Weight
		case IsFeature(t.Loss):
			f, err := t.feature(pairs, known)
			if err != nil {
				return nil, err
			}
			o.Feature = append(o.Feature, f)
		default:
			l, err := GetLoss(t.Loss, t.Params)
			if err != nil {
				return nil, err
			}
			o.Logit = append(o.Logit, LogitTerm{Loss: l, Weight: t.Weight, Temperature: t.Temperature, Standardize: t.Standardize})
		}
	}
	return o, nil
}

func (t Term) feature(pairs []Pair, known func(teacher, student graph.Value) bool) (FeatureTerm, error) {
	l, err := GetFeature(t.Loss, t.Params)
	if err != nil {
		return FeatureTerm{}, err
	}
	f := FeatureTerm{Loss: l, Weight: t.Weight}
	if f.Pairs, err = parsePairs(t.Pairs, known); err != nil {
		return f, err
	}
	if len(f.Pairs) == 0 {
		f.Pairs = pairs
	}
	if len(f.Pairs) == 0 {
		return f, fmt.Errorf("its loss %q has no pairs of values; give --hint TEACHERVALUE:STUDENTVALUE", t.Loss)
	}
	return f, nil
}

// NotePairs writes the pairs into the losses on values that name none, so that the stage says all.
func (s *Stage) NotePairs(pairs []Pair) {
	for i := range s.Losses {
		if t := &s.Losses[i]; IsFeature(t.Loss) && len(t.Pairs) == 0 {
			for _, p := range pairs {
				t.Pairs = append(t.Pairs, p.String())
			}
		}
	}
}

func parsePairs(texts []string, known func(teacher, student graph.Value) bool) (ps []Pair, err error) {
	for _, text := range texts {
		p, err := ParsePair(strings.TrimSpace(text), known)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

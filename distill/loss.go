package distill

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/registry"
)

// Loss compares the student's logits with the teacher's.
type Loss interface {
	Name() string
	// Formula is what Build computes, for people.
	Formula() string
	// Build adds the loss, one element, to the graph.
	Build(b *graph.Builder, in LogitLoss) graph.Value
}

// LogitLoss is what a loss on logits is built from.
type LogitLoss struct {
	Student, Teacher graph.Value // N x K
	Labels           graph.Value // int64, N; empty when the run has no labels
	Classes          int         // K
	Temperature      float64
}

// FeatureLoss compares values of the student with values of the teacher.
type FeatureLoss interface {
	Name() string
	Formula() string
	// Build adds the loss of all pairs, one element, to the graph. Layers that it adds
	// are trained with the student and exist in the training copy only.
	Build(n *nn.Net, in []Features) graph.Value
}

// Features is a pair of values, each with the samples N as its first axis.
type Features struct{ Teacher, Student graph.Value }

// Params are the parameters of a loss by name.
type Params map[string]float64

// entry makes a loss from parameters, which are complete.
type entry[T any] struct {
	defaults Params
	make     func(Params) (T, error)
}

var (
	losses   = registry.New[entry[Loss]]("distillation loss")
	features = registry.New[entry[FeatureLoss]]("loss on values")
)

// Register adds a loss on logits without parameters and panics when its name is taken.
func Register(l Loss) {
	RegisterLoss(l.Name(), nil, func(Params) (Loss, error) { return l, nil })
}

// RegisterLoss adds a loss on logits with the parameters that defaults lists.
func RegisterLoss(name string, defaults Params, make func(Params) (Loss, error)) {
	losses.Add(name, entry[Loss]{defaults, make})
}

// RegisterFeature adds a loss on values with the parameters that defaults lists.
func RegisterFeature(name string, defaults Params, make func(Params) (FeatureLoss, error)) {
	features.Add(name, entry[FeatureLoss]{defaults, make})
}

// GetLoss returns the loss on logits of the given name; parameters that are not given
// have their defaults.
func GetLoss(name string, given Params) (Loss, error) { return get(losses, name, given) }

// GetFeature is GetLoss for losses on values.
func GetFeature(name string, given Params) (FeatureLoss, error) { return get(features, name, given) }

func get[T any](r *registry.Registry[entry[T]], name string, given Params) (T, error) {
	var zero T
	e, err := r.Get(name)
	if err != nil {
		return zero, err
	}
	p := maps.Clone(e.defaults)
	for _, k := range slices.Sorted(maps.Keys(given)) {
		if _, ok := p[k]; !ok {
			return zero, fmt.Errorf("loss %s has no parameter %q (it has: %s)", name, k, strings.Join(slices.Sorted(maps.Keys(p)), ", "))
		}
		p[k] = given[k]
	}
	l, err := e.make(p)
	if err != nil {
		return zero, fmt.Errorf("loss %s: %w", name, err)
	}
	return l, nil
}

// Losses lists the names of the losses on logits.
func Losses() []string { return losses.Names() }

// FeatureLosses lists the names of the losses on values.
func FeatureLosses() []string { return features.Names() }

// IsFeature reports whether the name is that of a loss on values.
func IsFeature(name string) bool {
	_, ok := features.Lookup(name)
	return ok
}

// ParseLoss reads NAME[:PARAMETER=VALUE,..], as "dkd:alpha=1,beta=8".
func ParseLoss(text string) (name string, p Params, err error) {
	name, rest, has := strings.Cut(text, ":")
	if !has {
		return name, nil, nil
	}
	p = Params{}
	for _, part := range strings.Split(rest, ",") {
		k, v, ok := strings.Cut(part, "=")
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if !ok || err != nil {
			return "", nil, fmt.Errorf("loss %q: %q is not PARAMETER=NUMBER", text, part)
		}
		p[strings.TrimSpace(k)] = f
	}
	return name, p, nil
}

// standardized adds logit standardisation (Sun et al. 2024, 'Logit Standardization in
// Knowledge Distillation', equation 9) of z, N x K:
//
//	(z - mean(z)) / (std(z) + 1e-7)
//
// mean and standard deviation, with K - 1 degrees of freedom, are over the classes of a
// sample. The student then need not match the range of the teacher's logits.
func standardized(b *graph.Builder, z graph.Value) (y graph.Value) {
	b.Scope("standardized", func() {
		axis, keep := b.Ints("class_axis", 1), graph.Attrs{"keepdims": int64(1)}
		d := b.Node("centred", "Sub", nil, z, b.Node("mean", "ReduceMean", keep, z, axis))
		sum := b.Node("sum", "ReduceSum", keep, b.Node("square", "Mul", nil, d, d), axis)
		// Added before the root too, so that equal logits have a finite gradient.
		free := b.Const("degrees", tensor.Scalar(float32(max(1, b.Shape(z)[1]-1))))
		variance := b.Node("variance", "Add", nil, b.Node("mean_square", "Div", nil, sum, free), b.Const("tiny", tensor.Scalar(float32(1e-14))))
		std := b.Node("std", "Add", nil, b.Node("root", "Sqrt", nil, variance), b.Const("epsilon", tensor.Scalar(float32(1e-7))))
		y = b.Node("z", "Div", nil, d, std)
	})
	return y
}

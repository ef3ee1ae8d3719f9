package dataset

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// Normalize maps channel c of a sample to (x-Mean[c])/Std[c]. Channels are the
// first axis of a sample, [C H W] or [K]; lists of one apply to every channel.
type Normalize struct{ Mean, Std []float32 }

// String returns "mean=.1,.2;std=.3,.4", as it stands in a --data string.
func (n Normalize) String() string {
	return "mean=" + join(n.Mean) + ";std=" + join(n.Std)
}

func join(v []float32) string {
	s := make([]string, len(v))
	for i, f := range v {
		s[i] = strconv.FormatFloat(float64(f), 'g', -1, 32)
	}
	return strings.Join(s, ",")
}

// Normalize returns the mean= and std= options, nil when neither is given; one
// alone leaves the other at 0 or 1.
func (s Spec) Normalize() (*Normalize, error) {
	if s.Options["mean"] == "" && s.Options["std"] == "" {
		return nil, nil
	}
	mean, err := s.floats("mean", 0)
	if err != nil {
		return nil, err
	}
	std, err := s.floats("std", 1)
	if err != nil {
		return nil, err
	}
	n := &Normalize{mean, std}
	if err := n.valid(); err != nil {
		return nil, badSpec(s.String(), "", "%w", err)
	}
	return n, nil
}

func (s Spec) floats(key string, otherwise float32) ([]float32, error) {
	if s.Options[key] == "" {
		return []float32{otherwise}, nil
	}
	var out []float32
	for _, f := range strings.Split(s.Options[key], ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 32)
		if err != nil {
			return nil, s.bad(key, "expected numbers with commas between them")
		}
		out = append(out, float32(v))
	}
	return out, nil
}

func (n *Normalize) valid() error {
	if len(n.Mean) == 0 || len(n.Std) == 0 {
		return fmt.Errorf("%v: both lists need a value", *n)
	}
	for _, v := range append(append([]float32{}, n.Mean...), n.Std...) {
		if v-v != 0 {
			return fmt.Errorf("%v: expected finite numbers", *n)
		}
	}
	for _, v := range n.Std {
		if v <= 0 {
			return fmt.Errorf("%v: a standard deviation must be above 0", *n)
		}
	}
	return nil
}

// Check reports whether n fits samples of the given shape.
func (n *Normalize) Check(shape tensor.Shape) error {
	if err := n.valid(); err != nil {
		return err
	}
	for _, l := range []int{len(n.Mean), len(n.Std)} {
		if l != 1 && (len(shape) == 0 || l != shape[0]) {
			return fmt.Errorf("%v has %d values, samples of %v need 1 or %v", *n, l, shape, shape[:min(1, len(shape))])
		}
	}
	return nil
}

// apply normalises x in place, a sample of shape.
func (n *Normalize) apply(shape tensor.Shape, x []float32) {
	channels := shape[0]
	plane := len(x) / channels
	for c := range channels {
		mean, inv := n.Mean[min(c, len(n.Mean)-1)], 1/n.Std[min(c, len(n.Std)-1)]
		for i, v := range x[c*plane : (c+1)*plane] {
			x[c*plane+i] = (v - mean) * inv
		}
	}
}

// Measure returns the per-channel mean and standard deviation over at most limit
// samples of s, evenly spaced; limit 0 takes all. A constant channel gets Std 1.
func Measure(s Set, limit int) (Normalize, error) {
	n := s.Len()
	if limit > 0 {
		n = min(n, limit)
	}
	channels := s.Shape()[0]
	sum, sq := make([]float64, channels), make([]float64, channels)
	x := make([]float32, s.Shape().Size())
	plane := len(x) / channels
	for k := range n {
		if _, err := s.Read(k*s.Len()/n, x); err != nil {
			return Normalize{}, err
		}
		for i, v := range x {
			sum[i/plane] += float64(v)
			sq[i/plane] += float64(v) * float64(v)
		}
	}
	out := Normalize{make([]float32, channels), make([]float32, channels)}
	for c := range channels {
		mean := sum[c] / float64(n*plane)
		std := math.Sqrt(max(0, sq[c]/float64(n*plane)-mean*mean))
		if std < 1e-6 {
			std = 1
		}
		out.Mean[c], out.Std[c] = float32(mean), float32(std)
	}
	return out, nil
}

package op

import (
	"math"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
)

// resizeAxis interpolates along one axis: output j is the sum over t of
// weight[j taps + t] times input index[j taps + t].
type resizeAxis[T kernel.Float] struct {
	outer, in, out, inner int
	taps                  int
	index                 []int
	weight                []T
	outside               []bool // where the output is the extrapolation value
	fwd, bwd              pieces
	x, y                  []T
}

// resizeRule are the attributes of Resize that an axis depends on.
type resizeRule struct {
	mode, coord, nearest string
	a                    float64 // of the cubic kernel
	exclude              bool
	scale                float64 // of the axis
	length               float64 // of the resized axis, perhaps a fraction
	start, end           float64 // of the region of interest
}

var resizeTaps = map[string]int{"nearest": 1, "linear": 2, "cubic": 4}

// position returns where output o of n lies in the input.
func (r *resizeRule) position(o, n, in int) (float64, bool) {
	x, last := float64(o), float64(in-1)
	switch r.coord {
	case "half_pixel":
		return (x+0.5)/r.scale - 0.5, true
	case "half_pixel_symmetric":
		return float64(in)/2*(1-float64(n)/r.length) + (x+0.5)/r.scale - 0.5, true
	case "pytorch_half_pixel":
		if n == 1 {
			return 0, true
		}
		return (x+0.5)/r.scale - 0.5, true
	case "align_corners":
		if n == 1 {
			return 0, true
		}
		return x * last / (r.length - 1), true
	case "asymmetric":
		return x / r.scale, true
	case "tf_half_pixel_for_nn":
		return (x + 0.5) / r.scale, true
	case "tf_crop_and_resize":
		if n == 1 {
			return (r.start + r.end) / 2 * last, true
		}
		return r.start*last + x*(r.end-r.start)*last/float64(n-1), true
	}
	return 0, false
}

// nearestIndex rounds a position.
func (r *resizeRule) nearestIndex(x float64) (int, bool) {
	switch r.nearest {
	case "round_prefer_floor":
		return int(math.Ceil(x - 0.5)), true
	case "round_prefer_ceil":
		return int(math.Floor(x + 0.5)), true
	case "floor":
		return int(math.Floor(x)), true
	case "ceil":
		return int(math.Ceil(x)), true
	}
	return 0, false
}

// weights returns the first tap at position x and the weights of all.
func (r *resizeRule) weights(x float64, w []float64) int {
	floor := math.Floor(x)
	d := x - floor
	switch r.mode {
	case "linear":
		w[0], w[1] = 1-d, d
		return int(floor)
	case "cubic":
		for t := range w {
			w[t] = r.cubic(math.Abs(float64(t) - 1 - d))
		}
		return int(floor) - 1
	}
	w[0] = 1
	i, _ := r.nearestIndex(x)
	return i
}

// cubic is the kernel of Keys, "Cubic convolution interpolation for digital image
// processing", 1981, at distance d.
func (r *resizeRule) cubic(d float64) float64 {
	switch {
	case d <= 1:
		return ((r.a+2)*d-(r.a+3))*d*d + 1
	case d < 2:
		return ((r.a*d-5*r.a)*d+8*r.a)*d - 4*r.a
	}
	return 0
}

// newResizeAxis makes the table of an axis of extent in for out outputs. Taps
// beyond the ends take the last element, or nothing with exclude.
func newResizeAxis[T kernel.Float](b *graph.Bind, r *resizeRule, outer, in, out, inner int) (*resizeAxis[T], error) {
	k := &resizeAxis[T]{outer: outer, in: in, out: out, inner: inner, taps: resizeTaps[r.mode]}
	k.index, k.weight, k.outside = make([]int, out*k.taps), make([]T, out*k.taps), make([]bool, out)
	w := make([]float64, k.taps)
	for o := range out {
		x, ok := r.position(o, out, in)
		if !ok {
			return nil, b.Errorf("coordinate_transformation_mode %q is unknown", r.coord)
		}
		if r.coord == "tf_crop_and_resize" && (x < 0 || x > float64(in-1)) {
			k.outside[o] = true
			continue
		}
		first, sum := r.weights(x, w), 0.0
		for t := range w {
			if r.exclude && (first+t < 0 || first+t >= in) {
				w[t] = 0
			}
			sum += w[t]
		}
		for t, v := range w {
			if r.exclude {
				v /= sum
			}
			k.index[o*k.taps+t], k.weight[o*k.taps+t] = max(0, min(in-1, first+t)), T(v)
		}
	}
	k.fwd, k.bwd = newPieces(outer*out, k.taps*inner, k.forward), newPieces(outer, k.taps*out*inner, k.backward)
	return k, nil
}

func (k *resizeAxis[T]) forward(from, to int) {
	for i := from; i < to; i++ {
		o, j := i/k.out, i%k.out
		y := k.y[i*k.inner : (i+1)*k.inner]
		clear(y)
		for t := j * k.taps; t < (j+1)*k.taps; t++ {
			axpy(y, k.weight[t], k.x[(o*k.in+k.index[t])*k.inner:])
		}
	}
}

// backward adds the gradients x of the outputs to y, that of the inputs.
func (k *resizeAxis[T]) backward(from, to int) {
	for o := from; o < to; o++ {
		clear(k.y[o*k.in*k.inner : (o+1)*k.in*k.inner])
		for j := range k.out {
			dy := k.x[(o*k.out+j)*k.inner:]
			for t := j * k.taps; t < (j+1)*k.taps; t++ {
				axpy(k.y[(o*k.in+k.index[t])*k.inner:][:k.inner], k.weight[t], dy)
			}
		}
	}
}

// axpy adds a x to y; rows of one number are common.
func axpy[T kernel.Float](y []T, a T, x []T) {
	switch {
	case a == 0:
	case len(y) == 1:
		y[0] += a * x[0]
	default:
		kernel.Axpy(y, a, x)
	}
}

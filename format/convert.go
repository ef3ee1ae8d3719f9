package format

import (
	"errors"
	"fmt"
	"math"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// channels maps the elements of a row-major tensor to the indices of one axis.
type channels struct {
	n     int // extent of the axis
	inner int // elements of one index before the next begins
}

func channelsOf(s tensor.Shape, axis int) channels {
	return channels{n: s[axis], inner: s[axis+1:].Size()}
}

// runs calls f for each run of elements of one channel in [start, end).
func (c channels) runs(start, end int, f func(channel, from, to int)) {
	for start < end {
		row := start / c.inner
		to := min(end, (row+1)*c.inner)
		f(row%c.n, start, to)
		start = to
	}
}

// scalesOf returns the scale of each channel of w for symmetric int8 storage:
//
//	s = max|w| / 127, rounded up to 17 significant bits
//	q = round(w / s) in [-127, 127],  w' = s q
//
// With 17 bits every product s q is exact in float32, hence w' quantises to the
// same s and q again. Channels below 2^-119, whose scale would be subnormal,
// have scale 0 and become zeros.
func scalesOf(w []float32, c channels) ([]float32, error) {
	peaks := make([]float32, c.n)
	var bad error
	c.runs(0, len(w), func(ch, from, to int) {
		peak := peaks[ch]
		for _, v := range w[from:to] {
			if a := float32(math.Abs(float64(v))); !(a <= peak) { // also NaN
				peak = a
			}
			if !(peak <= math.MaxFloat32/2) {
				bad = fmt.Errorf("int8 storage of the value %v, store it as float32", v)
				return
			}
		}
		peaks[ch] = peak
	})
	if bad != nil {
		return nil, bad
	}
	for i, p := range peaks {
		peaks[i] = scaleFor(p)
	}
	return peaks, nil
}

// scaleFor returns the scale of a channel with the given largest magnitude.
func scaleFor(peak float32) float32 {
	const drop = 53 - 17 // bits of a float64 below the 17 that stay
	if peak < 0x1p-119 {
		return 0
	}
	b := math.Float64bits(float64(peak) / 127)
	return float32(math.Float64frombits((b + 1<<drop - 1) &^ (1<<drop - 1)))
}

// quantise writes the codes of w[start:start+len(dst)].
func quantise(dst []byte, w, scales []float32, c channels, start int) {
	c.runs(start, start+len(dst), func(ch, from, to int) {
		s := float64(scales[ch])
		for i := from; i < to; i++ {
			q := 0.0
			if s > 0 {
				q = math.RoundToEven(float64(w[i]) / s)
			}
			dst[i-start] = byte(int8(q))
		}
	})
}

// dequantise is the inverse for the codes of the elements from start.
func dequantise(dst []float32, codes []byte, scales []float32, c channels, start int) {
	c.runs(start, start+len(dst), func(ch, from, to int) {
		s := scales[ch]
		for i := from; i < to; i++ {
			dst[i-start] = s * float32(int8(codes[i-start]))
		}
	})
}

var errHalf = errors.New("float16 storage of a value beyond 65504, store it as bfloat16")

// Narrow rounds src to the elements of dst, float16 or bfloat16, as storage does. It
// refuses to turn a finite value into a float16 infinity.
func Narrow(dst *tensor.Tensor, src []float32) error {
	if dst.DType() == tensor.BF16 {
		out := tensor.Data[tensor.BFloat16](dst)
		for i, v := range src {
			out[i] = tensor.ToBFloat16(v)
		}
		return nil
	}
	out := tensor.Data[tensor.Float16](dst)
	for i, v := range src {
		h := tensor.ToFloat16(v)
		if h&0x7fff == 0x7c00 && !math.IsInf(float64(v), 0) {
			return errHalf
		}
		out[i] = h
	}
	return nil
}

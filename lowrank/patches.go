package lowrank

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/linalg"
	"github.com/compress-toolkit/compress/engine/tensor"
)

const (
	patchRows   = 4096    // vectors multiplied at once, fewer
	patchSize   = 1 << 22 // when they have more elements, or more than an eighth of the memory
	sampleTimes = 16      // vectors of one batch kept for each of their elements: more tell the same
)

// rowsAtOnce is how many of a site's vectors are multiplied at once, within bytes of memory.
func rowsAtOnce(s *Site, memory int64) int {
	return min(patchRows, max(64, int(min(patchSize, memory/64))/max(1, s.K*s.taps())))
}

// patches are the vectors that a site multiplies by its weight, in a batch of its input.
type patches struct {
	s      *Site
	x      []float64
	n      int             // number of vectors
	step   int             // distance of a vector's elements, and
	starts func(i int) int // its first, for matrices
	conv   *window
}

// window is the geometry of a convolution.
type window struct {
	in, out                []int // spatial extents
	stride, dilation, head []int // head is the padding before
	channels               int
}

func newPatches(s *Site, x []float64, shape tensor.Shape) (*patches, error) {
	u := s.Uses[0]
	p := &patches{s: s, x: x, step: 1}
	if u.how == byConv {
		w, err := newWindow(s, u.Node.Attrs, shape)
		p.conv = w
		if err == nil {
			p.n = shape[0] * product1(w.out)
		}
		return p, err
	}
	if s.K == 0 || len(x)%s.K != 0 || len(shape) == 0 {
		return nil, fmt.Errorf("lowrank: site %q: input of shape %v for %d columns", s.Name, shape, s.K)
	}
	p.n = len(x) / s.K
	p.starts = func(i int) int { return i * s.K }
	if columns := u.how == byLeft || u.how == byGemm && u.Node.Attrs.Bool("transA", false); columns {
		n := shape[len(shape)-1]
		p.step = n
		p.starts = func(i int) int { return i/n*n*s.K + i%n }
	}
	return p, nil
}

func newWindow(s *Site, a graph.Attrs, shape tensor.Shape) (*window, error) {
	d := len(s.Kernel)
	if len(shape) != d+2 || shape[1] != s.Groups*s.K {
		return nil, fmt.Errorf("lowrank: site %q: input of shape %v for %d channels and a kernel of %v", s.Name, shape, s.Groups*s.K, s.Kernel)
	}
	w := &window{in: shape[2:], channels: shape[1], stride: orOnes(a.Ints("strides"), d), dilation: orOnes(a.Ints("dilations"), d)}
	pads := a.Ints("pads")
	for i, n := range w.in {
		reach := (s.Kernel[i]-1)*w.dilation[i] + 1
		head, tail := 0, 0
		switch auto := a.Str("auto_pad", "NOTSET"); auto {
		case "SAME_UPPER", "SAME_LOWER":
			all := max(0, ((n-1)/w.stride[i])*w.stride[i]+reach-n)
			head = all / 2
			if auto == "SAME_LOWER" {
				head = all - all/2
			}
			tail = all - head
		case "NOTSET", "":
			if len(pads) == 2*d {
				head, tail = pads[i], pads[d+i]
			}
		}
		w.head = append(w.head, head)
		w.out = append(w.out, max(0, (n+head+tail-reach)/w.stride[i]+1))
	}
	return w, nil
}

func orOnes(v []int, n int) []int {
	if len(v) == n {
		return v
	}
	return unit(make([]int, n))
}

// sample lists vectors spread over the batch, one at a random place in each of equal
// stretches, or all when they are not more than needed.
func (p *patches) sample(batch uint64) []int {
	want := min(p.n, max(patchRows, sampleTimes*p.s.K*p.s.taps()))
	rnd := tensor.NewRand(batch, "calibration")
	out := make([]int, want)
	for i := range out {
		out[i] = i
		if want < p.n {
			out[i] = min(p.n-1, int((float64(i)+rnd.Float64(uint64(i)))*float64(p.n)/float64(want)))
		}
	}
	return out
}

// rows returns the picked vectors of a group.
func (p *patches) rows(group int, pick []int) *linalg.Mat {
	m := linalg.NewMat(len(pick), p.s.K*p.s.taps())
	for r, i := range pick {
		if p.conv != nil {
			p.patch(m.Row(r), group, i)
			continue
		}
		at := p.starts(i)
		for j := range m.Row(r) {
			m.Row(r)[j] = p.x[at+j*p.step]
		}
	}
	return m
}

// patch fills dst (K taps) with the inputs of output position i; padding is zero.
func (p *patches) patch(dst []float64, group, i int) {
	w, taps := p.conv, p.s.taps()
	plane := product1(w.in)
	base := (i/product1(w.out)*w.channels + group*p.s.K) * plane
	for t := range taps {
		at, ok := w.offset(p.s.Kernel, i, t)
		if !ok {
			continue
		}
		for k := range p.s.K {
			dst[k*taps+t] = p.x[base+k*plane+at]
		}
	}
}

// offset returns where tap t of output position i lies in the input plane, false in the padding.
func (w *window) offset(kernel []int, i, t int) (at int, ok bool) {
	step := 1
	for d := len(kernel) - 1; d >= 0; d-- {
		pos := i%w.out[d]*w.stride[d] - w.head[d] + t%kernel[d]*w.dilation[d]
		if pos < 0 || pos >= w.in[d] {
			return 0, false
		}
		at += pos * step
		step *= w.in[d]
		i, t = i/w.out[d], t/kernel[d]
	}
	return at, true
}

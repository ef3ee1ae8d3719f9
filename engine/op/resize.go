package op

import (
	"math"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "Resize", min: 1, max: 4, mixed: true, types: floatTypes(bindResize[float32], bindResize[float64])})
}

// resize samples X at new extents, one axis after the other. Inputs are X, the
// region of interest of tf_crop_and_resize, the scales, or the sizes.
type resize[T kernel.Float] struct {
	graph.Bound
	axes        []*resizeAxis[T]
	shapes      []tensor.Shape // after each axis
	extrapolate T
	outside     [][]bool // by axis of the output; nil when nothing is outside
}

func bindResize[T kernel.Float](b *graph.Bind) (graph.Kernel, error) {
	a := b.Node.Attrs
	if a.Bool("antialias", false) {
		return nil, b.Errorf("antialias is not supported: leave it out")
	}
	r := resizeRule{
		mode: a.Str("mode", "nearest"), coord: a.Str("coordinate_transformation_mode", "half_pixel"),
		nearest: a.Str("nearest_mode", "round_prefer_floor"), a: a.Float("cubic_coeff_a", -0.75), exclude: a.Bool("exclude_outside", false),
	}
	if resizeTaps[r.mode] == 0 {
		return nil, b.Errorf("mode %q: want nearest, linear or cubic", r.mode)
	}
	if _, ok := r.nearestIndex(0); !ok {
		return nil, b.Errorf("nearest_mode %q is unknown", r.nearest)
	}
	size, err := readSizes(b)
	if err != nil {
		return nil, err
	}
	k := &resize[T]{extrapolate: T(a.Float("extrapolation_value", 0))}
	k.Outs = outLike(b, 0, size.out)
	return k, k.plan(b, r, size)
}

// plan makes the axes that change.
func (k *resize[T]) plan(b *graph.Bind, r resizeRule, size *resizing) error {
	s := b.In[0].Shape.Clone()
	for d, n := range size.out {
		r.scale, r.length = size.scale[d], size.scale[d]*float64(s[d])
		r.start, r.end = size.roi[d], size.roi[len(s)+d]
		if n == s[d] && r.scale == 1 && r.coord != "tf_crop_and_resize" {
			continue
		}
		if s[d] == 0 && n > 0 {
			return b.Errorf("axis %d has no elements to resize", d)
		}
		ax, err := newResizeAxis[T](b, &r, product(s[:d]), s[d], n, product(s[d+1:]))
		if err != nil {
			return err
		}
		if slices.Contains(ax.outside, true) {
			k.outside = append(k.outside, make([][]bool, len(s)-len(k.outside))...)
			k.outside[d] = ax.outside
		}
		s[d] = n
		k.axes, k.shapes = append(k.axes, ax), append(k.shapes, s.Clone())
	}
	return nil
}

// resizing holds the new extents, the scale of each axis, and the region of
// interest: the starts of all axes, then the ends.
type resizing struct {
	out        tensor.Shape
	scale, roi []float64
}

func readSizes(b *graph.Bind) (*resizing, error) {
	s := b.In[0].Shape
	axes := b.Node.Attrs.Ints("axes")
	if axes == nil {
		axes = make([]int, len(s))
		for i := range axes {
			axes[i] = i
		}
	}
	z := &resizing{out: s.Clone(), scale: make([]float64, len(s)), roi: make([]float64, 2*len(s))}
	fill(z.scale, 1)
	fill(z.roi[len(s):], 1)
	scales, err := constFloats(b, 2)
	if err != nil {
		return nil, err
	}
	sizes, err := b.ConstInts(3)
	if err != nil {
		return nil, err
	}
	roi, err := constFloats(b, 1)
	if err != nil {
		return nil, err
	}
	if len(sizes) != 0 && len(sizes) != len(axes) || len(sizes) == 0 && len(scales) != len(axes) || len(roi) != 0 && len(roi) != 2*len(axes) {
		return nil, b.Errorf("%d scales, %d sizes and %d numbers of roi for %d axes", len(scales), len(sizes), len(roi), len(axes))
	}
	common := commonScale(b.Node.Attrs.Str("keep_aspect_ratio_policy", "stretch"), s, axes, sizes)
	for i, d := range axes {
		if d, err = axisOf(b, d, len(s)); err != nil {
			return nil, err
		}
		if len(sizes) > 0 {
			z.fit(d, s[d], sizes[i], common)
		} else {
			z.scale[d] = scales[i]
			z.out[d] = int(math.Floor(float64(s[d]) * scales[i]))
		}
		if !(z.scale[d] > 0) || z.out[d] < 0 || z.out[d] > maxWindow {
			return nil, b.Errorf("axis %d: scale %v, extent %d", d, z.scale[d], z.out[d])
		}
		if len(roi) > 0 {
			z.roi[d], z.roi[len(s)+d] = roi[i], roi[len(axes)+i]
		}
	}
	return z, nil
}

// fit gives axis d the wanted extent, or that of the scale common to all axes.
func (z *resizing) fit(d, in, want int, common float64) {
	if common > 0 {
		z.scale[d], z.out[d] = common, int(math.Floor(common*float64(in)+0.5))
		return
	}
	z.scale[d], z.out[d] = 1, want
	if in > 0 {
		z.scale[d] = float64(want) / float64(in)
	}
}

// commonScale returns the scale of a policy that keeps the aspect ratio, 0 for stretch.
func commonScale(policy string, s tensor.Shape, axes, sizes []int) float64 {
	if policy == "stretch" || len(sizes) == 0 {
		return 0
	}
	var best float64
	for i, d := range axes {
		v := float64(sizes[i]) / float64(s[(d+len(s))%len(s)])
		if i == 0 || policy == "not_larger" && v < best || policy == "not_smaller" && v > best {
			best = v
		}
	}
	return best
}

// constFloats returns a constant floating-point input, nil when it is omitted or empty.
func constFloats(b *graph.Bind, i int) ([]float64, error) {
	s := b.Input(i)
	switch {
	case !s.Present():
		return nil, nil
	case s.DType != tensor.F32 && s.DType != tensor.F64:
		return nil, b.Errorf("input %d is %v, want float32 or float64", i, s.DType)
	case s.Shape.Size() == 0:
		return nil, nil
	case s.Const == nil:
		return nil, graph.ErrNeedValue
	}
	return floatsOf(s.Const), nil
}

// Workspace implements graph.Workspacer: what lies between the axes, for the
// values and then for the gradients.
func (k *resize[T]) Workspace() (saved, scratch []graph.Spec) {
	for i := 0; i+1 < len(k.axes); i++ {
		scratch = append(scratch, specOf[T](k.shapes[i]...))
	}
	if len(k.axes) > 0 {
		scratch = append(scratch, k.Outs[0])
	}
	return nil, scratch
}

func (k *resize[T]) Forward(x *graph.Exec, in, out []*tensor.Tensor) {
	y := dataAt[T](out, 0)
	if len(k.axes) == 0 {
		copy(y, dataAt[T](in, 0))
		return
	}
	src := dataAt[T](in, 0)
	for i, ax := range k.axes {
		dst := y
		if i+1 < len(k.axes) {
			dst = dataAt[T](x.Scratch, i)
		}
		ax.x, ax.y = src, dst
		ax.fwd.do(x.Pool)
		src = dst
	}
	k.fillOutside(y, k.extrapolate)
}

// fillOutside sets the elements that lie outside of the input.
func (k *resize[T]) fillOutside(y []T, v T) {
	s := k.Outs[0].Shape
	inner := len(y)
	for d, out := range k.outside {
		inner /= max(1, s[d])
		if out == nil {
			continue
		}
		for i := 0; i < len(y); i += inner {
			if out[i/inner%s[d]] {
				fill(y[i:i+inner], v)
			}
		}
	}
}

// BackwardReads implements graph.Frugal.
func (k *resize[T]) BackwardReads() (in, out []bool) { return nil, nil }

func (k *resize[T]) Backward(x *graph.Exec, _, _, dout, din []*tensor.Tensor) {
	dx, src := dataAt[T](din, 0), dataAt[T](dout, 0)
	if dx == nil {
		return
	}
	if len(k.axes) == 0 {
		copy(dx, src)
		return
	}
	if k.outside != nil { // those elements do not depend on x
		d := dataAt[T](x.Scratch, len(k.axes)-1)
		copy(d, src)
		k.fillOutside(d, 0)
		src = d
	}
	for i, ax := range slices.Backward(k.axes) {
		dst := dx
		if i > 0 {
			dst = dataAt[T](x.Scratch, i-1)
		}
		ax.x, ax.y = src, dst
		ax.bwd.do(x.Pool)
		src = dst
	}
}

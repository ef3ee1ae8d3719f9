package op

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.Register("", typedOp{name: "DepthToSpace", min: 1, max: 1, types: wordTypes(
		bindDepthToSpace[float32], bindDepthToSpace[float64], bindDepthToSpace[uint8],
		bindDepthToSpace[uint16], bindDepthToSpace[uint32], bindDepthToSpace[uint64], bindDepthToSpace[string])})
	graph.Register("", typedOp{name: "SpaceToDepth", min: 1, max: 1, types: wordTypes(
		bindSpaceToDepth[float32], bindSpaceToDepth[float64], bindSpaceToDepth[uint8],
		bindSpaceToDepth[uint16], bindSpaceToDepth[uint32], bindSpaceToDepth[uint64], bindSpaceToDepth[string])})
}

// blockOf returns the shape [n, c, h, w] of input 0 and attribute blocksize.
func blockOf(b *graph.Bind) (n, c, h, w, size int, err error) {
	s := b.In[0].Shape
	size = b.Node.Attrs.Int("blocksize", 0)
	if len(s) != 4 || size < 1 || size > maxElems {
		return 0, 0, 0, 0, 0, b.Errorf("want 4 axes and a blocksize of at least 1, have %d", size)
	}
	return s[0], s[1], s[2], s[3], size, nil
}

// bindDepthToSpace moves groups of channels into blocks of pixels.
func bindDepthToSpace[T word](b *graph.Bind) (graph.Kernel, error) {
	n, c, h, w, z, err := blockOf(b)
	if err != nil {
		return nil, err
	}
	if c%z != 0 || c/z%z != 0 {
		return nil, b.Errorf("%d channels are no multiple of %d squared", c, z)
	}
	out := tensor.Shape{n, c / z / z, h * z, w * z}
	switch mode := b.Node.Attrs.Str("mode", "DCR"); mode {
	case "DCR":
		return newPermuted[T](b, tensor.Shape{n, z, z, out[1], h, w}, []int{0, 3, 4, 1, 5, 2}, out)
	case "CRD":
		return newPermuted[T](b, tensor.Shape{n, out[1], z, z, h, w}, []int{0, 1, 4, 2, 5, 3}, out)
	default:
		return nil, b.Errorf("mode %q: want DCR or CRD", mode)
	}
}

// bindSpaceToDepth moves blocks of pixels into groups of channels.
func bindSpaceToDepth[T word](b *graph.Bind) (graph.Kernel, error) {
	n, c, h, w, z, err := blockOf(b)
	if err != nil {
		return nil, err
	}
	if h%z != 0 || w%z != 0 {
		return nil, b.Errorf("%d x %d pixels are no multiple of %d", h, w, z)
	}
	out := tensor.Shape{n, c * z * z, h / z, w / z}
	return newPermuted[T](b, tensor.Shape{n, c, h / z, z, w / z, z}, []int{0, 3, 5, 1, 2, 4}, out)
}

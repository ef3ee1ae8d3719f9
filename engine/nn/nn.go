// Package nn has builders of layers: each emits plain ONNX nodes and freshly
// initialised parameters into a graph. There is no layer type and nothing to
// subclass; what a builder emitted can be found, rewritten and exported like any
// other node. Do not use it to run a model: that is engine/graph's Compile.
//
// Shapes: x of dense layers is N x K, of 2-d convolutional ones N x C x H x W, of
// recurrent ones N x T x K.
package nn

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"

	_ "github.com/compress-toolkit/compress/engine/op" // the operators that the builders emit
)

// Net is a graph builder that can initialise parameters.
type Net struct {
	*graph.Builder
	Seed uint64      // of all initial values; a parameter's values depend on it and on the parameter's name
	Init Initializer // of weights for which a builder is given none; when nil HeNormal, and MaxoutNormal of maxout layers
}

// New returns a net of an empty graph.
func New(name string, seed uint64) *Net {
	return &Net{Builder: graph.NewBuilder(name), Seed: seed}
}

// weight adds a trainable parameter with initial values from init.
func (n *Net) weight(name string, init Initializer, s tensor.Shape, fanIn, fanOut int) graph.Value {
	if init == nil {
		init = n.Init
	}
	if init == nil {
		init = HeNormal
	}
	t := tensor.New(tensor.F32, s)
	v := n.Param(name, t)
	init(tensor.NewRand(n.Seed, string(v)), t.F32s(), s, fanIn, fanOut)
	return v
}

// filled adds a parameter of one value.
func (n *Net) filled(name string, s tensor.Shape, value float32, trainable bool) graph.Value {
	t := tensor.New(tensor.F32, s)
	d := t.F32s()
	for i := range d {
		d[i] = value
	}
	if trainable {
		return n.Param(name, t)
	}
	return n.Const(name, t)
}

// Dense configures a fully connected layer; the zero value has a bias.
type Dense struct {
	NoBias bool
	Init   Initializer
	Bias   float32 // initial value of the bias
}

// Dense adds y = x W^T + b with W of M x K and M = units; x is N x K, or of higher
// rank with the features last.
func (n *Net) Dense(name string, x graph.Value, units int, c Dense) (y graph.Value) {
	n.Scope(name, func() {
		s := n.Shape(x)
		if n.Err() != nil {
			return
		}
		k := s[len(s)-1]
		if len(s) == 2 {
			in := []graph.Value{x, n.weight("weight", c.Init, tensor.Shape{units, k}, k, units)}
			if !c.NoBias {
				in = append(in, n.filled("bias", tensor.Shape{units}, c.Bias, true))
			}
			y = n.Node("gemm", "Gemm", graph.Attrs{"transB": int64(1)}, in...)
			return
		}
		y = n.Node("matmul", "MatMul", nil, x, n.weight("weight", c.Init, tensor.Shape{k, units}, k, units))
		if !c.NoBias {
			y = n.Node("add", "Add", nil, y, n.filled("bias", tensor.Shape{units}, c.Bias, true))
		}
	})
	return y
}

// Conv configures a convolution. Zero strides, dilations and groups mean 1.
type Conv struct {
	Kernel, Stride, Pad, Dilation, Groups int
	Same                                  bool // pad so that stride 1 keeps the size; for even kernels the extra goes to the end
	NoBias                                bool
	Init                                  Initializer
}

func (c Conv) pads() []int64 {
	d := max(c.Dilation, 1)
	total := d * (c.Kernel - 1)
	before, after := c.Pad, c.Pad
	if c.Same {
		before, after = total/2, total-total/2
	}
	return graph.Ints64(before, before, after, after)
}

// Conv adds a 2-d convolution with out channels; x is N x C x H x W.
func (n *Net) Conv(name string, x graph.Value, out int, c Conv) (y graph.Value) {
	n.Scope(name, func() {
		s := n.Shape(x)
		if n.Err() != nil {
			return
		}
		g, k := max(c.Groups, 1), c.Kernel
		cin := s[1] / g
		in := []graph.Value{x, n.weight("weight", c.Init, tensor.Shape{out, cin, k, k}, cin*k*k, out/g*k*k)}
		if !c.NoBias {
			in = append(in, n.filled("bias", tensor.Shape{out}, 0, true))
		}
		st, d := max(c.Stride, 1), max(c.Dilation, 1)
		y = n.Node("conv", "Conv", graph.Attrs{
			"kernel_shape": graph.Ints64(k, k), "strides": graph.Ints64(st, st), "pads": c.pads(),
			"dilations": graph.Ints64(d, d), "group": int64(g),
		}, in...)
	})
	return y
}

// Relu adds max(x, 0).
func (n *Net) Relu(x graph.Value) graph.Value { return n.Node("relu", "Relu", nil, x) }

// MaxPool adds a k x k max pooling with the given stride and no padding.
func (n *Net) MaxPool(x graph.Value, k, stride int) graph.Value {
	return n.Node("pool", "MaxPool", graph.Attrs{"kernel_shape": graph.Ints64(k, k), "strides": graph.Ints64(stride, stride)}, x)
}

// MaxPoolPad adds a k x k max pooling with padding on every side.
func (n *Net) MaxPoolPad(x graph.Value, k, stride, pad int) graph.Value {
	return n.Node("pool", "MaxPool", graph.Attrs{
		"kernel_shape": graph.Ints64(k, k), "strides": graph.Ints64(stride, stride), "pads": graph.Ints64(pad, pad, pad, pad),
	}, x)
}

// Flatten brings x to N x K.
func (n *Net) Flatten(x graph.Value) graph.Value {
	return n.Node("flatten", "Flatten", graph.Attrs{"axis": int64(1)}, x)
}

// GlobalAveragePool averages over all positions: N x C x H x W to N x C.
func (n *Net) GlobalAveragePool(x graph.Value) graph.Value {
	return n.Flatten(n.Node("gap", "GlobalAveragePool", nil, x))
}

// Dropout zeroes a fraction rate of x while training and scales the rest by
// 1/(1-rate) (Srivastava et al. 2014).
func (n *Net) Dropout(name string, x graph.Value, rate float32) (y graph.Value) {
	if rate == 0 {
		return x
	}
	n.Scope(name, func() {
		y = n.Node("dropout", "Dropout", nil, x, n.Const("ratio", tensor.Scalar(rate)))
	})
	return y
}

// MaxoutDense adds a dense maxout layer: the maximum over pieces of affine maps
// (Goodfellow et al. 2013, equation 1).
func (n *Net) MaxoutDense(name string, x graph.Value, units, pieces int, c Dense) (y graph.Value) {
	c.Init = n.maxoutInit(c.Init, pieces)
	n.Scope(name, func() {
		h := n.Dense("affine", x, units*pieces, c)
		h = n.Node("pieces", "Reshape", nil, h, n.Ints("shape", 0, units, pieces))
		y = n.maxOver(h)
	})
	return y
}

// MaxoutConv adds a convolutional maxout layer with out channels.
func (n *Net) MaxoutConv(name string, x graph.Value, out, pieces int, c Conv) (y graph.Value) {
	c.Init = n.maxoutInit(c.Init, pieces)
	n.Scope(name, func() {
		h := n.Conv("affine", x, out*pieces, c)
		s := n.Shape(h)
		if n.Err() != nil {
			return
		}
		h = n.Node("pieces", "Reshape", nil, h, n.Ints("shape", 0, out, pieces, s[2], s[3]))
		y = n.maxOver(h)
	})
	return y
}

// maxoutInit is the initializer of a maxout layer that is given init.
func (n *Net) maxoutInit(init Initializer, pieces int) Initializer {
	if init == nil && n.Init == nil {
		return MaxoutNormal(pieces)
	}
	return init
}

// maxOver takes the maximum over axis 2, the pieces.
func (n *Net) maxOver(x graph.Value) graph.Value {
	return n.Node("max", "ReduceMax", graph.Attrs{"keepdims": int64(0)}, x, n.Ints("axes", 2))
}

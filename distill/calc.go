package distill

import (
	"fmt"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/nn"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// calc writes the arithmetic of losses on float32 values as nodes.
type calc struct{ *graph.Builder }

func (c calc) add(x, y graph.Value) graph.Value { return c.Node("sum", "Add", nil, x, y) }
func (c calc) sub(x, y graph.Value) graph.Value { return c.Node("difference", "Sub", nil, x, y) }
func (c calc) mul(x, y graph.Value) graph.Value { return c.Node("product", "Mul", nil, x, y) }
func (c calc) div(x, y graph.Value) graph.Value { return c.Node("quotient", "Div", nil, x, y) }
func (c calc) square(x graph.Value) graph.Value { return c.Node("square", "Mul", nil, x, x) }

func (c calc) num(x float64) graph.Value { return c.Const("constant", tensor.Scalar(float32(x))) }

// times multiplies by a number.
func (c calc) times(x graph.Value, w float64) graph.Value {
	if w == 1 {
		return x
	}
	return c.mul(x, c.num(w))
}

// plus adds a number.
func (c calc) plus(x graph.Value, w float64) graph.Value { return c.add(x, c.num(w)) }

// total and mean reduce all axes to one element.
func (c calc) total(x graph.Value) graph.Value {
	return c.Node("total", "ReduceSum", graph.Attrs{"keepdims": int64(0)}, x)
}

func (c calc) mean(x graph.Value) graph.Value {
	return c.Node("mean", "ReduceMean", graph.Attrs{"keepdims": int64(0)}, x)
}

// over reduces one axis to length 1; op is ReduceSum, ReduceMean or another.
func (c calc) over(op string, axis int, x graph.Value) graph.Value {
	return c.Node("over_axis", op, graph.Attrs{"keepdims": int64(1)}, x, c.Ints("axis", axis))
}

// unit divides by the Euclidean norm along the axis; zeros stay zeros.
func (c calc) unit(axis int, x graph.Value) graph.Value {
	return c.Node("unit", "LpNormalization", graph.Attrs{"axis": int64(axis), "p": int64(2)}, x)
}

// rows brings a value of any rank to N x D.
func (c calc) rows(x graph.Value) graph.Value {
	if len(c.Shape(x)) == 2 {
		return x
	}
	return c.Node("flatten", "Flatten", graph.Attrs{"axis": int64(1)}, x)
}

// gram returns the N x N inner products of the rows of x and y, N x D.
func (c calc) gram(x, y graph.Value) graph.Value {
	return c.Node("gram", "Gemm", graph.Attrs{"transB": int64(1)}, x, y)
}

// eye returns the N x N matrix with ones on the diagonal.
func (c calc) eye(like graph.Value) graph.Value {
	const i64, f32 = int64(7), int64(1) // through integers, where no gradient is asked for
	return c.Node("eye", "Cast", graph.Attrs{"to": f32}, c.Node("diagonal", "EyeLike", graph.Attrs{"dtype": i64}, like))
}

// isMap fails unless the value, of the network that is told, is N x C x H x W.
func (c calc) isMap(loss, whose string, v graph.Value) bool {
	s := c.Shape(v)
	if c.Err() == nil && len(s) != 4 {
		c.Fail(fmt.Errorf("loss %s compares maps, N x C x H x W; the %s's value %q is %v", loss, whose, v, s))
	}
	return c.Err() == nil
}

// areMaps is isMap for both values of a pair.
func (c calc) areMaps(loss string, f Features) bool {
	return c.isMap(loss, "teacher", f.Teacher) && c.isMap(loss, "student", f.Student)
}

// commonSize averages the larger of two N x C x H x W values down, so that both have
// the smaller number of rows and of columns.
func (c calc) commonSize(x, y graph.Value) (graph.Value, graph.Value) {
	s, t := c.Shape(x), c.Shape(y)
	if c.Err() != nil {
		return x, y
	}
	h, w := min(s[2], t[2]), min(s[3], t[3])
	return c.averageTo(x, h, w), c.averageTo(y, h, w)
}

// averageTo is adaptive average pooling of N x C x H x W to h x w: row i of the result
// is the mean of the rows from floor(i H / h) to below ceil((i+1) H / h), and so for
// columns. It is a product with a constant matrix from either side.
func (c calc) averageTo(x graph.Value, h, w int) graph.Value {
	s := c.Shape(x)
	if c.Err() != nil {
		return x
	}
	if s[2] != h {
		x = c.Node("average_rows", "MatMul", nil, c.averaging("rows", h, s[2], false), x)
	}
	if s[3] != w {
		x = c.Node("average_columns", "MatMul", nil, x, c.averaging("columns", w, s[3], true))
	}
	return x
}

// averaging returns the to x from matrix of averageTo, or its transpose.
func (c calc) averaging(name string, to, from int, transpose bool) graph.Value {
	shape, row, column := tensor.Shape{to, from}, from, 1
	if transpose {
		shape, row, column = tensor.Shape{from, to}, 1, to
	}
	m := tensor.New(tensor.F32, shape)
	for i := range to {
		first, last := i*from/to, ((i+1)*from+to-1)/to
		for j := first; j < last; j++ {
			m.F32s()[i*row+j*column] = 1 / float32(last-first)
		}
	}
	return c.Const(name, m)
}

// sumPairs adds up a loss over pairs of values.
func sumPairs(n *nn.Net, fs []Features, loss func(c calc, f Features) graph.Value) (sum graph.Value) {
	c := calc{n.Builder}
	for i, f := range fs {
		l := loss(c, f)
		if i > 0 {
			l = c.add(sum, l)
		}
		sum = l
	}
	return sum
}

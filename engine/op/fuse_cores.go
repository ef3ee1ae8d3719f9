package op

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

func init() {
	graph.RegisterPass(graph.Pass{Name: "cores of a train", Order: 5, Train: true, Run: contractCores})
}

// core is the matrix A, (M R) x (P K), of a tensor train of a matrix: P is the rank
// before it, R the one behind it, and each of batch matrices (P K) x rest it is
// applied to has the columns that are still to come.
type core struct {
	v           graph.Value
	m, r, p, k  int
	batch, rest int
}

// contractCores looks for a product with a matrix that is given as a tensor train
// and applied core by core,
//
//	x_n = reshape(A_n x_(n-1)), x_0 = x of B rows,
//
// and multiplies the cores first where that multiplies less: the matrix costs M K R,
// once, and M K for each row of x, where a core n of those applied in turn costs
// M1..Mn R(n-1) Rn Kn..KD for each row.
func contractCores(p *graph.PassContext) error {
	f := newFuser(p)
	f.each(func(n *graph.Node) {
		cores := f.cores(n)
		if len(cores) < 2 {
			return
		}
		cut, once := cheapestCut(cores)
		dense := extent(cores, core.rows) * extent(cores, core.cols)
		if once+cores[0].batch*dense < inTurn(cores) {
			f.contract(n, cores, cut)
		}
	})
	return nil
}

func (c core) rows() int { return c.m }
func (c core) cols() int { return c.k }
func (c core) size() int { return c.m * c.k }

// extent multiplies a number of all cores.
func extent(cores []core, of func(core) int) int {
	n := 1
	for _, c := range cores {
		n *= of(c)
	}
	return n
}

// inTurn counts the multiplications of a train that is applied core by core.
func inTurn(cores []core) (macs int) {
	for _, c := range cores {
		macs += c.batch * c.m * c.r * c.p * c.k * c.rest
	}
	return macs
}

// cheapestCut returns how many cores are multiplied from the left, the others being
// from the right, and the multiplications of all.
func cheapestCut(cores []core) (cut, macs int) {
	for q := 1; q < len(cores); q++ {
		n := cores[q].p * extent(cores, core.size)
		for i := 1; i < q; i++ {
			n += extent(cores[:i+1], core.size) * cores[i].p * cores[i].r
		}
		for i := q; i < len(cores)-1; i++ {
			n += extent(cores[i:], core.size) * cores[i].p * cores[i].r
		}
		if cut == 0 || n < macs {
			cut, macs = q, n
		}
	}
	return cut, macs
}

// cores returns the cores of a train whose last product is n, nil if it is none. The
// numbers follow from the shapes alone.
func (f *fuser) cores(n *graph.Node) []core {
	var list []core
	for n != nil {
		last := len(list) == 0
		c, ok := f.core(n, last)
		if !ok {
			break
		}
		list, n = append(list, c), f.before(n, last)
	}
	slices.Reverse(list)
	for i := range list {
		c := &list[i]
		above := c.p * c.k * c.rest // columns before this core
		if i > 0 {
			above = list[i-1].rest
		}
		rows, cols := c.m, c.p*c.k
		c.k = above / max(1, c.rest)
		c.p = cols / max(1, c.k)
		if c.k*c.rest != above || c.p*c.k != cols || i == 0 && c.p != 1 {
			return nil
		}
		if i > 0 {
			last := &list[i-1]
			if last.r = c.p; last.m%c.p != 0 || last.m/c.p*last.batch != c.batch {
				return nil
			}
			last.m /= c.p
		}
		c.m, c.r = rows, 1
	}
	return list
}

// core reads node n, the last or another of a train, with M R in m and P K in k.
func (f *fuser) core(n *graph.Node, last bool) (c core, ok bool) {
	if !is(n, "MatMul") || f.view(n, last) == nil {
		return c, false
	}
	x, w := f.shape(f.view(n, last).Out[0]), n.In[0]
	if last {
		t := f.producers[n.In[1]]
		if !is(t, "Transpose") {
			return c, false
		}
		w, x = t.In[0], append(x.Clone(), 1)
	}
	s := f.shape(w)
	if f.params[w] == nil || len(s) != 2 || len(x) != 3 || x[1] != s[1] {
		return c, false
	}
	return core{v: w, m: s[0], r: 1, p: 1, k: s[1], batch: x[0], rest: x[2]}, s.Size()*x.Size() > 0
}

// view returns the Reshape that n alone takes its vectors from, or nil.
func (f *fuser) view(n *graph.Node, last bool) *graph.Node {
	v := input(n, 1)
	if last {
		v = input(n, 0)
	}
	if r := f.producers[v]; is(r, "Reshape") && f.Only(v, f.consumers) == n && f.shape(v) != nil {
		return r
	}
	return nil
}

// before returns the node whose result alone n takes, or nil.
func (f *fuser) before(n *graph.Node, last bool) *graph.Node {
	r := f.view(n, last)
	if r == nil || f.Only(r.In[0], f.consumers) != r {
		return nil
	}
	return f.producers[r.In[0]]
}

// contract replaces the train that ends in n.
func (f *fuser) contract(n *graph.Node, cores []core, cut int) {
	first := n
	for i := range len(cores) - 1 {
		first = f.before(first, i == 0)
	}
	x := f.view(first, false).In[0]
	e := &emitted{fuser: f}
	a, b := cores[:cut], cores[cut:]
	rows, cols := extent(cores, core.rows), extent(cores, core.cols)
	w := e.node("MatMul", nil, e.left(a), e.right(b))
	w = e.permuted(w, []int{extent(a, core.rows), extent(a, core.cols), extent(b, core.rows), extent(b, core.cols)}, []int{0, 2, 1, 3}, rows, cols)
	y := e.node("Gemm", graph.Attrs{"transB": int64(1)}, e.reshaped(x, -1, cols), w)
	e.reshaped(y, -1, cores[len(cores)-1].m)
	e.nodes[len(e.nodes)-1].Out = n.Out
	at := slices.Index(f.Graph.Nodes, n)
	f.Graph.Nodes = slices.Replace(f.Graph.Nodes, at, at+1, e.nodes...)
	f.index()
}

// emitted collects new nodes.
type emitted struct {
	*fuser
	nodes []*graph.Node
}

func (e *emitted) node(op string, a graph.Attrs, in ...graph.Value) graph.Value {
	name := e.newName()
	e.nodes = append(e.nodes, &graph.Node{Name: string(name), Op: op, Attrs: a, In: in, Out: []graph.Value{name}})
	return name
}

func (e *emitted) reshaped(v graph.Value, shape ...int) graph.Value {
	dims := make([]int64, len(shape))
	for i, n := range shape {
		dims[i] = int64(n)
	}
	return e.node("Reshape", nil, v, e.addParam(tensor.Vec(dims...)))
}

// permuted views v as from, permutes its axes and views the result as to.
func (e *emitted) permuted(v graph.Value, from, perm []int, to ...int) graph.Value {
	v = e.node("Transpose", graph.Attrs{"perm": graph.Ints64(perm...)}, e.reshaped(v, from...))
	return e.reshaped(v, to...)
}

// array views a core as P M K R.
func (e *emitted) array(c core, shape ...int) graph.Value {
	return e.permuted(c.v, []int{c.m, c.r, c.p, c.k}, []int{2, 0, 3, 1}, shape...)
}

// left multiplies cores to (M.. K..) x R.
func (e *emitted) left(cores []core) graph.Value {
	c := cores[0]
	v, m, k := e.array(c, c.m*c.k, c.r), c.m, c.k
	for _, c := range cores[1:] {
		v = e.node("MatMul", nil, v, e.array(c, c.p, c.m*c.k*c.r))
		v = e.permuted(v, []int{m, k, c.m, c.k, c.r}, []int{0, 2, 1, 3, 4}, m*c.m*k*c.k, c.r)
		m, k = m*c.m, k*c.k
	}
	return v
}

// right multiplies cores to P x (M.. K..).
func (e *emitted) right(cores []core) graph.Value {
	c := cores[len(cores)-1]
	v, m, k := e.array(c, c.p, c.m*c.k), c.m, c.k
	for _, c := range slices.Backward(cores[:len(cores)-1]) {
		v = e.node("MatMul", nil, e.array(c, c.p*c.m*c.k, c.r), v)
		v = e.permuted(v, []int{c.p, c.m, c.k, m, k}, []int{0, 1, 3, 2, 4}, c.p, c.m*m*c.k*k)
		m, k = c.m*m, c.k*k
	}
	return v
}

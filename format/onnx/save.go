package onnx

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// SaveOptions say how a model is written. The zero value writes at the model's
// own opset, into one file.
type SaveOptions struct {
	// Opset of the default domain. 0 is the one that the model was read with, or
	// for models that come from elsewhere the lowest from 17 on that says it as it is.
	Opset int
	// External puts tensors into a file beside, PATH.data. Models above 1.5 GB
	// always have one: protobuf messages end at 2 GB.
	External bool
}

// inlineMax is the size above which tensors go to a file of their own.
const inlineMax = 3 << 29

// defaultOpset is what models from elsewhere are written at, if it has their operators.
const defaultOpset = 17

// Save writes m to path. Files that are there are replaced once the new ones are
// complete; after an error they are as they were.
func Save(path string, m *graph.Model, o SaveOptions) error {
	total := int64(0)
	for _, p := range m.AllParams() {
		total += int64(p.Shape.Size()) * int64(p.DType.Size())
	}
	var data *dataFile
	if o.External || total > inlineMax {
		data = &dataFile{name: filepath.Base(path) + ".data"}
	}
	msg, err := encode(m, o, data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if data == nil || len(data.parts) == 0 {
		return atomicfile.WriteFile(path, msg.writeTo)
	}
	return saveBoth(path, msg, data)
}

// saveBoth writes the data file and the model's; both get their names at the end.
func saveBoth(path string, msg *out, data *dataFile) error {
	d, err := atomicfile.Create(filepath.Join(filepath.Dir(path), data.name))
	if err != nil {
		return err
	}
	defer d.Close()
	for _, p := range data.parts {
		if err := p.writeTo(d); err != nil {
			return err
		}
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := errors.Join(msg.writeTo(w), w.Flush()); err != nil {
		return err
	}
	if err := d.Commit(); err != nil {
		return err
	}
	return f.Commit()
}

// Encode writes m to w as one message. It fails above 2 GB.
func Encode(w io.Writer, m *graph.Model, o SaveOptions) error {
	msg, err := encode(m, o, nil)
	if err != nil {
		return err
	}
	if msg.size > 1<<31-1 {
		return fmt.Errorf("a model of %d bytes needs external data: save it to a path", msg.size)
	}
	return msg.writeTo(w)
}

// encode lowers the model and makes its message.
func encode(m *graph.Model, o SaveOptions, data *dataFile) (*out, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	low, opset, err := lowered(m, o.Opset)
	if err != nil {
		return nil, err
	}
	x, _ := m.Ext.(*modelExt)
	if x == nil {
		x = &modelExt{Producer: "compress"}
	}
	w := &writer{opset: opset, external: data}
	w.setIR(low, x)
	g, err := w.graph(low.Graph)
	if err != nil {
		return nil, err
	}
	return w.model(low, x, g), nil
}

// lowered brings the model to the opset that is asked for, its own, or a common one.
func lowered(m *graph.Model, opset int) (*graph.Model, int, error) {
	own := 0
	if x, ok := m.Ext.(*modelExt); ok {
		own = x.Opset
	}
	if opset == 0 {
		opset = own
	}
	if opset != 0 {
		if opset > MaxOpset || opset < 6 && opset != own {
			return nil, 0, fmt.Errorf("%w: opset %d, this program writes 6 to %d", ErrOpset, opset, MaxOpset)
		}
		low, err := lower(m, opset, false)
		return low, opset, err
	}
	for opset = defaultOpset; ; opset++ {
		low, err := lower(m, opset, opset < graph.Opset)
		var ne *NodeError
		if err == nil || opset == graph.Opset || !errors.As(err, &ne) {
			return low, opset, err
		}
	}
}

// irVersions lists the first opset of each IR version from 3 on.
var irVersions = []int{1, 9, 10, 11, 12, 15, 19, 21, 23}

// setIR chooses the IR version: the model's own when it has what is used.
func (w *writer) setIR(m *graph.Model, x *modelExt) {
	need := int64(3)
	for i, first := range irVersions {
		if w.opset >= first {
			need = int64(3 + i)
		}
	}
	w.ir = x.IRVersion
	if x.IRVersion == 0 || x.Opset != w.opset && w.ir < need {
		w.ir = need
	}
	if w.ir >= 4 {
		if x.IRVersion < 4 {
			m.Graph.Walk(unlist)
		}
		return
	}
	listed := true
	m.Graph.Walk(func(g *graph.Graph) { listed = listed && w.allListed(g) })
	if !listed {
		w.ir = 4
		m.Graph.Walk(unlist)
	}
}

// allListed reports whether every initialiser is an input too, as IR version 3 wants.
func (w *writer) allListed(g *graph.Graph) bool {
	listed := map[graph.Value]bool{}
	if x, ok := g.Ext.(*graphExt); ok {
		for _, l := range x.Listed {
			listed[l.Name] = true
		}
	}
	return !slices.ContainsFunc(g.Params, func(p *graph.Param) bool { return !w.asConstant(p) && !listed[p.Name] })
}

// unlist makes initialisers constants: from IR version 4 on, a listed one could
// be overridden.
func unlist(g *graph.Graph) {
	if x, ok := g.Ext.(*graphExt); ok && len(x.Listed) > 0 {
		y := *x
		y.Listed = nil
		g.Ext = &y
	}
}

// model writes a ModelProto.
func (w *writer) model(m *graph.Model, x *modelExt, g *out) *out {
	o := &out{}
	o.int(1, w.ir)
	o.string(2, x.Producer)
	o.string(3, x.ProducerVer)
	o.string(4, x.Domain)
	if x.Version != 0 {
		o.int(5, x.Version)
	}
	o.string(6, x.Doc)
	o.message(7, g)
	opsets := map[string]int{}
	m.Graph.Walk(func(g *graph.Graph) {
		for _, n := range g.Nodes {
			opsets[n.Domain] = 1
		}
	})
	maps.Copy(opsets, m.Opsets)
	if _, used := opsets[""]; used || !x.NoDefault {
		opsets[""] = w.opset
	}
	for _, domain := range slices.Sorted(maps.Keys(opsets)) {
		id := &out{}
		id.bytes(1, []byte(domain))
		id.int(2, int64(opsets[domain]))
		o.message(8, id)
	}
	for _, k := range slices.Sorted(maps.Keys(m.Meta)) {
		o.bytes(14, entryBytes(k, m.Meta[k]))
	}
	o.add(x.Unknown)
	return o
}

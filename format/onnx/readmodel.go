package onnx

import (
	"github.com/compress-toolkit/compress/engine/graph"
)

// MaxOpset and MinOpset bound the versions of the default operator set that are read.
const (
	MinOpset = 1
	MaxOpset = 23
)

// modelParts are the messages of a ModelProto that are read once the rest says how.
type modelParts struct {
	graph     *message
	functions []message
}

// model reads a ModelProto.
func (r *reader) model() (*graph.Model, error) {
	x, parts := &modelExt{}, modelParts{}
	m := &graph.Model{Opsets: map[string]int{}, Meta: map[string]string{}, Ext: x}
	r.opsets = map[string]int{}
	msg := r.s.whole()
	if err := msg.each(func() error { return r.modelField(m, x, &parts, &msg) }); err != nil {
		return nil, err
	}
	if parts.graph == nil {
		return nil, fail(ErrWire, 0, "no graph: not an ONNX model")
	}
	if err := x.setOpset(r.opsets); err != nil {
		return nil, err
	}
	for domain, v := range r.opsets {
		if domain != "" {
			m.Opsets[domain] = v
		}
	}
	var err error
	if m.Graph, err = r.graph(*parts.graph); err != nil {
		return nil, err
	}
	x.functions, err = r.functions(parts.functions)
	return m, err
}

func (r *reader) modelField(m *graph.Model, x *modelExt, parts *modelParts, msg *message) error {
	switch msg.num {
	case 7:
		sub, err := msg.sub()
		parts.graph = &sub
		return err
	case 8:
		return readOpset(msg, r.opsets)
	case 14:
		sub, err := msg.sub()
		if err != nil {
			return err
		}
		k, v, err := sub.entry()
		m.Meta[k] = v
		return firstError(err, r.s.charge(costPort, msg.tag))
	case 25:
		sub, err := msg.sub()
		parts.functions = append(parts.functions, sub)
		return firstError(err, r.s.charge(costPort, msg.tag))
	}
	return x.field(msg)
}

// field reads the plain fields of a ModelProto.
func (x *modelExt) field(m *message) (err error) {
	switch m.num {
	case 1:
		x.IRVersion, err = m.int64()
	case 2:
		x.Producer, err = m.string()
	case 3:
		x.ProducerVer, err = m.string()
	case 4:
		x.Domain, err = m.string()
	case 5:
		x.Version, err = m.int64()
	case 6:
		x.Doc, err = m.string()
	default:
		err = m.keep(&x.Unknown)
	}
	return err
}

// setOpset takes the version of the default domain.
func (x *modelExt) setOpset(opsets map[string]int) error {
	v, ok := opsets[""]
	switch {
	case !ok && x.IRVersion >= 3 && len(opsets) > 0:
		v = graph.Opset // only other domains are used
	case !ok:
		v = 1
	}
	if v < MinOpset || v > MaxOpset {
		return fail(ErrOpset, -1, "the model uses opset %d, this program reads %d to %d: convert it with the tool that made it", v, MinOpset, MaxOpset)
	}
	x.Opset, x.NoDefault = v, !ok
	opsets[""] = v
	return nil
}

// readOpset reads an OperatorSetIdProto.
func readOpset(m *message, to map[string]int) error {
	sub, err := m.sub()
	if err != nil {
		return err
	}
	domain, version := "", int64(0)
	err = sub.each(func() (err error) {
		switch sub.num {
		case 1:
			domain, err = sub.string()
		case 2:
			version, err = sub.int64()
		default:
			err = sub.skip()
		}
		return err
	})
	if version < 0 || version > 1<<30 {
		return fail(ErrWire, m.tag, "version %d of the operator set %q", version, domain)
	}
	to[domainOf(domain)] = int(version)
	return firstError(err, m.s.charge(costPort, m.tag))
}

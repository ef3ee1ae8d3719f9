package onnx

import (
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// modelExt is what a file says about a model beyond graph.Model; it is the
// model's Ext.
type modelExt struct {
	Opset       int // of the default domain in the file
	IRVersion   int64
	Producer    string
	ProducerVer string
	Domain      string
	Version     int64
	Doc         string
	NoDefault   bool   // the file does not import the default domain
	Unknown     []byte // fields as they came: training info, configurations, unknown ones
	functions   []*function
}

// graphExt is the Ext of a graph.
type graphExt struct {
	Ports   map[graph.Value][]byte // the whole ValueInfoProto of inputs and outputs
	Infos   []namedBytes           // value_info of the others
	Listed  []namedBytes           // inputs that are initialisers too, as they came
	Unknown []byte                 // quantisation annotations, metadata, unknown fields
}

// namedBytes is the ValueInfoProto of a value.
type namedBytes struct {
	Name graph.Value
	Raw  []byte
	port graph.Port
}

// nodeExt is the Ext of a node that came from a file.
type nodeExt struct {
	Opset    int               // version of the node's domain that it is written for in the file
	Renamed  bool              // the name in the file is missing or not unique:
	Name     string            // this one
	overload string            // of a function that the node calls; in Unknown too
	Init     bool              // an initialiser of an opaque type, not a node
	Unknown  []byte            // overload, metadata, unknown fields
	Attrs    map[string][]byte // doc strings and unknown fields of attributes
	Tensors  map[string][]byte // names, doc strings and unknown fields of attributes' tensors
	Origin   *origin           // set when the upgrade changed the node
	Part     int               // which of the origin's nodes this is
	Main     bool              // and it has the node's place, of which the rest is said
}

// origin is a node as it is in the file, and the native nodes that stand for it.
// While these are as the upgrade left them, the writer can put it back.
type origin struct {
	ID    int
	Node  *graph.Node   // without graphs in its attributes
	Parts []*graph.Node // as they were after the upgrade, without graphs
}

// paramExt is the Ext of a parameter that came from a file.
type paramExt struct {
	Constant *nodeExt // set when it was a Constant node
	NodeName string   // of that node
	Doc      string   // of that node
	Attr     string   // of that node: "value", "value_float", ...
	Tensor   string   // name of the tensor in that attribute
	Extra    []byte   // doc string, metadata and unknown fields of the TensorProto
	Sparse   []byte   // the whole SparseTensorProto
	Made     bool     // an upgrade made it, of an attribute
}

// opaqueTensor is a tensor of a type that the engine has no name for. It is the
// value of an attribute.
type opaqueTensor struct {
	Elem  elemType
	Shape tensor.Shape
	Head  []byte   // the TensorProto without raw data
	raw   *message // the raw data, nil when the data are in Head
}

// opaqueAttr is an attribute that only its format understands: the fields of an
// AttributeProto but name.
type opaqueAttr struct{ Raw []byte }

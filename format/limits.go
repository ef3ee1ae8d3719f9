package format

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const mib = 1 << 20

// What a file may make a reader allocate is 64 MiB plus twice its size until it
// has proved sound: 36 MiB for the header, 12 MiB and a quarter of the size for
// the work of decoding chunks, the rest for tensors. More tensors than that are
// decoded twice, the first time into the void.
const (
	maxHeaderRaw  = 8 * mib  // decompressed header
	maxHeaderCost = 28 * mib // estimated memory of the messages and the graph in it
	maxRank       = 64
	minChunk      = 64 << 10
	maxChunk      = 4 * mib
	chunkSlack    = 1 << 10 // what a Chunk message may have over its raw bytes
)

// unprovenTensors is the memory of tensors that is allocated before all of the
// chunks have been decoded once.
func unprovenTensors(size int64) int64 { return 16*mib + size + size/2 }

// workBytes is the memory of all workers' buffers together.
func workBytes(size int64) int64 { return 12*mib + size/4 }

// Limits bound what a valid file may cost. The zero value has the defaults.
type Limits struct {
	// Memory of all tensors once decoded. 0 means 64 MiB + 32 times the file's
	// size, which every file of this package's writer keeps.
	Memory int64
}

// expansion is the default limit's factor.
const expansion = 32

func (l Limits) memory(size int64) int64 {
	if l.Memory > 0 {
		return l.Memory
	}
	if size > math.MaxInt64/64 {
		return math.MaxInt64
	}
	return 64*mib + expansion*size
}

// maxMessages is the nesting of messages: up to 5 for each of 64 levels of
// subgraphs, and the header's own.
const maxMessages = 5*64 + 8

var (
	errWire = errors.New("not a protobuf message")
	errCost = errors.New("header too large")
)

// costs estimates the memory of one message and of what the graph makes of it,
// where it is far from the default.
var costs = map[protoreflect.Name]int{"Node": 800, "Graph": 800, "Attr": 480, "Tensor": 640, "Param": 480}

const (
	messageCost = 320
	fieldCost   = 48 // of a string or number: its header twice, and a growing slice's slack
)

// scan walks the message b of type md without building anything and takes the
// memory that it would need from left.
func scan(b []byte, md protoreflect.MessageDescriptor, depth int, left *int) error {
	if depth > maxMessages {
		return fmt.Errorf("%w: messages nested deeper than %d", errCost, maxMessages)
	}
	cost, ok := costs[md.Name()]
	if !ok {
		cost = messageCost
	}
	*left -= cost
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errWire
		}
		m := protowire.ConsumeFieldValue(num, typ, b[n:])
		if m < 0 {
			return errWire
		}
		if err := scanField(b[n:n+m], typ, md.Fields().ByNumber(num), depth, left); err != nil {
			return err
		}
		if *left < 0 {
			return errCost
		}
		b = b[n+m:]
	}
	return nil
}

// scanField takes one field's value; fd is nil for unknown fields.
func scanField(b []byte, typ protowire.Type, fd protoreflect.FieldDescriptor, depth int, left *int) error {
	if typ != protowire.BytesType || fd == nil {
		*left -= fieldCost
		return nil
	}
	v, _ := protowire.ConsumeBytes(b)
	switch {
	case fd.Message() != nil:
		return scan(v, fd.Message(), depth+1, left)
	case fd.IsList() && fd.IsPacked():
		*left -= fieldCost + 24*len(v) // a byte may be an int64 here and in the graph
	default:
		*left -= fieldCost + 3*len(v)
	}
	return nil
}

// Package codec holds the lossless codecs for one byte plane: a run of bytes of
// equal significance out of a tensor. Adding a codec is one file that registers
// it under a number never used before; files that hold it can then be read by
// every later version.
//
// The codecs see at most a few MiB at a time. Data that is not split into planes
// is better served by a general compressor.
package codec

import (
	"errors"
	"fmt"

	"github.com/compress-toolkit/compress/internal/registry"
)

// Effort says how long an encoder may look for a smaller result.
type Effort uint8

// The efforts. Default tries what is likely to pay, Fast only what is nearly
// free, Best everything.
const (
	Default Effort = iota
	Fast
	Best
)

// Codec stores one plane. Implementations are safe for concurrent use and
// depend on nothing but their arguments, so equal planes give equal bytes.
type Codec interface {
	// ID is the number in the file.
	ID() uint32
	// Encode returns the stored form of plane, which is not empty, or false when
	// that would not be below beat bytes.
	Encode(plane []byte, beat int, e Effort) ([]byte, bool)
	// Decode fills dst, which is not empty, from data, and fails when they do not
	// match exactly. Memory beyond dst stays below a small constant.
	Decode(dst, data []byte) error
}

// ErrData is wrapped by every error of Decode.
var ErrData = errors.New("bad plane data")

var (
	codecs = registry.New[Codec]("codec")
	byID   = map[uint32]Codec{}
	order  []Codec // by ID
)

// register adds a codec; a taken name or number panics at start-up.
func register(name string, c Codec) {
	codecs.Add(name, c)
	if was, dup := byID[c.ID()]; dup {
		panic(fmt.Sprintf("codec: number %d is %T's and %T's", c.ID(), was, c))
	}
	byID[c.ID()] = c
	at := len(order)
	for at > 0 && order[at-1].ID() > c.ID() {
		at--
	}
	order = append(order, nil)
	copy(order[at+1:], order[at:])
	order[at] = c
}

// Names returns the registered codecs' names in order.
func Names() []string { return codecs.Names() }

// Get returns the codec called name.
func Get(name string) (Codec, error) { return codecs.Get(name) }

// Encode returns the number and the output of the codec with the smallest
// result; of equal ones, the lowest number.
func Encode(plane []byte, e Effort) (id uint32, data []byte) {
	id, data = storedID, plane
	for _, c := range order {
		if out, ok := c.Encode(plane, len(data), e); ok {
			id, data = c.ID(), out
		}
	}
	return id, data
}

// Decode fills dst from data with the codec of that number.
func Decode(id uint32, dst, data []byte) error {
	c, ok := byID[id]
	if !ok {
		return fmt.Errorf("%w: codec number %d is unknown", ErrData, id)
	}
	return c.Decode(dst, data)
}

package codec

import (
	"bytes"
	"fmt"
)

func init() { register("constant", constant{}) }

// constant stores a plane of one repeated byte as that byte.
type constant struct{}

func (constant) ID() uint32 { return 1 }

func (constant) Encode(plane []byte, beat int, _ Effort) ([]byte, bool) {
	// Every byte equals its neighbour exactly when all are equal.
	if beat <= 1 || !bytes.Equal(plane[1:], plane[:len(plane)-1]) {
		return nil, false
	}
	return plane[:1:1], true
}

func (constant) Decode(dst, data []byte) error {
	if len(data) != 1 {
		return fmt.Errorf("%w: %d bytes for a constant plane", ErrData, len(data))
	}
	dst[0] = data[0]
	for n := 1; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
	return nil
}

package onnx

import (
	"encoding/binary"
	"slices"
)

// bigEndian is true on machines whose byte order is not the file's.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// toNative turns little-endian elements of the given size into the machine's
// order, and back.
func toNative(b []byte, size int) {
	if !bigEndian {
		return
	}
	for i := 0; i+size <= len(b); i += size {
		slices.Reverse(b[i : i+size])
	}
}

// putInt stores the low bytes of v in the machine's order.
func putInt(b []byte, v uint64) {
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	toNative(b, len(b))
}

package planes

import (
	"encoding/binary"
	"math/bits"
)

// Four 16-bit lanes in a word: every lane's lowest and highest bit, its low byte.
const (
	lane0  = 0x0001000100010001
	lane15 = 0x8000800080008000
	laneLo = 0x00ff00ff00ff00ff
)

// split2 cuts float16 or bfloat16 elements, four in a word at a time. Elements
// and planes go through words in the machine's order, which on big-endian ones
// reverses the lanes of both alike.
func split2(lo, hi, src []byte) {
	n, i := len(lo), 0
	for ; i+4 <= n; i += 4 {
		x := binary.NativeEndian.Uint64((*[8]byte)(src[2*i:])[:])
		r := x<<1&^lane0 | x>>15&lane0
		binary.NativeEndian.PutUint32((*[4]byte)(lo[i:])[:], squeeze(r&laneLo))
		binary.NativeEndian.PutUint32((*[4]byte)(hi[i:])[:], squeeze(r>>8&laneLo))
	}
	for ; i < n; i++ {
		r := bits.RotateLeft16(binary.NativeEndian.Uint16(src[2*i:]), 1)
		lo[i], hi[i] = byte(r), byte(r>>8)
	}
}

// merge2 is the inverse of split2.
func merge2(dst, lo, hi []byte) {
	n, i := len(lo), 0
	for ; i+4 <= n; i += 4 {
		l, h := binary.NativeEndian.Uint32((*[4]byte)(lo[i:])[:]), binary.NativeEndian.Uint32((*[4]byte)(hi[i:])[:])
		r := spread(l) | spread(h)<<8
		binary.NativeEndian.PutUint64((*[8]byte)(dst[2*i:])[:], r>>1&^lane15|r<<15&lane15)
	}
	for ; i < n; i++ {
		r := uint16(lo[i]) | uint16(hi[i])<<8
		binary.NativeEndian.PutUint16(dst[2*i:], bits.RotateLeft16(r, -1))
	}
}

// spread puts byte k of x into lane k.
func spread(x uint32) uint64 {
	w := (uint64(x) | uint64(x)<<16) & 0x0000ffff0000ffff
	return (w | w<<8) & laneLo
}

// squeeze is the inverse of spread.
func squeeze(w uint64) uint32 {
	w = (w | w>>8) & 0x0000ffff0000ffff
	return uint32(w | w>>16)
}

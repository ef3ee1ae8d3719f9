// Package planes cuts elements into byte planes and joins them again. Plane p
// of a run of elements holds byte p, the lowest first, of each element's
// unsigned pattern after a reversible turn:
//
//	float   r = rotl(x, 1)           the sign goes below the mantissa, so that
//	                                 float32's and bfloat16's exponent is a whole plane
//	signed  r = (x << 1) ^ (x >> W-1)  zigzag, small magnitudes get small patterns
//	other   r = x
//
// Entropy coding each plane by itself is what makes weights smaller: the
// exponents of a layer take few values, the low mantissa bytes are noise.
package planes

import (
	"encoding/binary"
	"math/bits"
)

// Turn is how an element's bits are rearranged before they are cut.
type Turn uint8

// The turns.
const (
	None   Turn = iota
	Rotate      // floats
	Zigzag      // signed integers
)

// Split writes n elements of width bytes, in the machine's byte order, to the
// planes: plane p is planes[p*n : (p+1)*n]. len(src) and len(planes) are n*width.
func Split(planes, src []byte, width int, t Turn) {
	switch n := len(src) / width; {
	case width == 1:
		copy(planes, src)
	case width == 2 && t == Rotate:
		split2(planes[:n], planes[n:2*n], src)
	case width == 4 && t == Rotate:
		split4(planes, src, n)
	default:
		splitAny(planes, src, width, n, t)
	}
}

// Merge is the inverse of Split.
func Merge(dst, planes []byte, width int, t Turn) {
	switch n := len(dst) / width; {
	case width == 1:
		copy(dst, planes)
	case width == 2 && t == Rotate:
		merge2(dst, planes[:n], planes[n:2*n])
	case width == 4 && t == Rotate:
		merge4(dst, planes, n)
	default:
		mergeAny(dst, planes, width, n, t)
	}
}

// turn applies t to the low w bits of x.
func turn(x uint64, w uint, t Turn) uint64 {
	if t == None {
		return x
	}
	sign := x >> (w - 1)
	r := x<<1 | sign
	if t == Zigzag && sign == 1 {
		r = ^r | 1
	}
	return r & (1<<w - 1)
}

// unturn is the inverse of turn.
func unturn(r uint64, w uint, t Turn) uint64 {
	if t == None {
		return r
	}
	sign := r & 1
	if t == Zigzag && sign == 1 {
		r = ^r
	}
	return r<<(64-w)>>(64-w)>>1 | sign<<(w-1)
}

// split4 cuts float32 elements; eight at a time leave one bounds check per array.
func split4(planes, src []byte, n int) {
	p0, p1, p2, p3 := planes[:n], planes[n:][:n], planes[2*n:][:n], planes[3*n:][:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		s := (*[32]byte)(src[4*i:])
		a, b, c, d := (*[8]byte)(p0[i:]), (*[8]byte)(p1[i:]), (*[8]byte)(p2[i:]), (*[8]byte)(p3[i:])
		for j := range 8 {
			r := bits.RotateLeft32(binary.NativeEndian.Uint32(s[4*j:4*j+4]), 1)
			a[j], b[j], c[j], d[j] = byte(r), byte(r>>8), byte(r>>16), byte(r>>24)
		}
	}
	for ; i < n; i++ {
		r := bits.RotateLeft32(binary.NativeEndian.Uint32(src[4*i:]), 1)
		p0[i], p1[i], p2[i], p3[i] = byte(r), byte(r>>8), byte(r>>16), byte(r>>24)
	}
}

// merge4 is the inverse of split4.
func merge4(dst, planes []byte, n int) {
	p0, p1, p2, p3 := planes[:n], planes[n:][:n], planes[2*n:][:n], planes[3*n:][:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		o := (*[32]byte)(dst[4*i:])
		a, b, c, d := (*[8]byte)(p0[i:]), (*[8]byte)(p1[i:]), (*[8]byte)(p2[i:]), (*[8]byte)(p3[i:])
		for j := range 8 {
			r := uint32(a[j]) | uint32(b[j])<<8 | uint32(c[j])<<16 | uint32(d[j])<<24
			binary.NativeEndian.PutUint32(o[4*j:4*j+4], bits.RotateLeft32(r, -1))
		}
	}
	for ; i < n; i++ {
		r := uint32(p0[i]) | uint32(p1[i])<<8 | uint32(p2[i])<<16 | uint32(p3[i])<<24
		binary.NativeEndian.PutUint32(dst[4*i:], bits.RotateLeft32(r, -1))
	}
}

func splitAny(planes, src []byte, width, n int, t Turn) {
	for i := range n {
		x := load(src[i*width:], width)
		r := turn(x, uint(8*width), t)
		for p := range width {
			planes[p*n+i] = byte(r >> (8 * p))
		}
	}
}

func mergeAny(dst, planes []byte, width, n int, t Turn) {
	for i := range n {
		var r uint64
		for p := range width {
			r |= uint64(planes[p*n+i]) << (8 * p)
		}
		store(dst[i*width:], unturn(r, uint(8*width), t), width)
	}
}

// load reads an element of 2, 4 or 8 bytes.
func load(b []byte, width int) uint64 {
	switch width {
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return binary.NativeEndian.Uint64(b)
}

func store(b []byte, x uint64, width int) {
	switch width {
	case 2:
		binary.NativeEndian.PutUint16(b, uint16(x))
	case 4:
		binary.NativeEndian.PutUint32(b, uint32(x))
	default:
		binary.NativeEndian.PutUint64(b, x)
	}
}

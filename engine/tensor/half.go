package tensor

import "math"

// Float16 is an IEEE 754 binary16 bit pattern.
type Float16 uint16

// BFloat16 is the upper half of an IEEE 754 binary32 bit pattern.
type BFloat16 uint16

// Float32 returns the value of h.
func (h Float16) Float32() float32 {
	sign := uint32(h>>15) << 31
	exp, man := uint32(h>>10)&31, uint32(h)&0x3ff
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0xff<<23 | man<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
	}
	v := float32(man) / (1 << 24) // subnormal or zero
	return math.Float32frombits(sign | math.Float32bits(v))
}

// ToFloat16 rounds v to the nearest binary16, ties to even; overflow gives infinity.
func ToFloat16(v float32) Float16 {
	b := math.Float32bits(v)
	sign := Float16(b>>16) & 0x8000
	exp, man := int(b>>23)&255, b&0x7fffff
	switch {
	case exp == 255:
		if man != 0 {
			return sign | 0x7e00 | Float16(man>>13)
		}
		return sign | 0x7c00
	case exp > 142:
		return sign | 0x7c00
	case exp < 102:
		return sign
	case exp < 113: // subnormal: shift the explicit leading one into place
		man |= 1 << 23
		shift := uint(126 - exp)
		return sign | Float16(roundShift(man, shift))
	}
	return sign | Float16(roundShift(uint32(exp-112)<<23|man, 13))
}

// roundShift returns v >> s rounded to nearest, ties to even.
func roundShift(v uint32, s uint) uint32 {
	half := uint32(1) << (s - 1)
	q, rem := v>>s, v&(1<<s-1)
	if rem > half || rem == half && q&1 == 1 {
		q++
	}
	return q
}

// Float32 returns the value of h.
func (h BFloat16) Float32() float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBFloat16 rounds v to the nearest bfloat16, ties to even.
func ToBFloat16(v float32) BFloat16 {
	b := math.Float32bits(v)
	if b&0x7fffffff > 0x7f800000 {
		return BFloat16(b>>16) | 0x40
	}
	return BFloat16((b + 0x7fff + b>>16&1) >> 16)
}

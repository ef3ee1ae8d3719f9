package planes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, width := range []int{1, 2, 4, 8} {
		for _, turn := range []Turn{None, Rotate, Zigzag} {
			for _, n := range []int{0, 1, 7, 1000} {
				src := noise(n * width)
				cut, back := make([]byte, len(src)), make([]byte, len(src))
				Split(cut, src, width, turn)
				Merge(back, cut, width, turn)
				if !bytes.Equal(src, back) {
					t.Errorf("width %d, turn %d, %d elements: changed", width, turn, n)
				}
			}
		}
	}
}

// The top plane of a float32 is its exponent, whatever the sign.
func TestExponentPlane(t *testing.T) {
	vs := []float32{1, -1, 1.5, -1.999, float32(math.Pi)}
	src := make([]byte, 0, 20)
	for _, v := range vs {
		src = binary.NativeEndian.AppendUint32(src, math.Float32bits(v))
	}
	cut := make([]byte, 20)
	Split(cut, src, 4, Rotate)
	if want := []byte{127, 127, 127, 127, 128}; !bytes.Equal(cut[15:], want) {
		t.Errorf("exponents %v, want %v", cut[15:], want)
	}
	if signs := []byte{cut[0] & 1, cut[1] & 1}; !bytes.Equal(signs, []byte{0, 1}) {
		t.Errorf("signs %v", signs)
	}
}

func TestZigzag(t *testing.T) {
	for x, want := range map[int32]uint64{0: 0, -1: 1, 1: 2, -2: 3, math.MaxInt32: 0xfffffffe, math.MinInt32: 0xffffffff} {
		r := turn(uint64(uint32(x)), 32, Zigzag)
		if r != want || int32(unturn(r, 32, Zigzag)) != x {
			t.Errorf("turn(%d) = %#x, want %#x; back %d", x, r, want, int32(unturn(r, 32, Zigzag)))
		}
	}
	for _, x := range []int64{math.MinInt64, -1, 0, 1, math.MaxInt64} {
		r := turn(uint64(x), 64, Zigzag)
		if want := uint64(x<<1) ^ uint64(x>>63); r != want || int64(unturn(r, 64, Zigzag)) != x {
			t.Errorf("turn(%d) = %#x, want %#x", x, r, want)
		}
	}
}

func Benchmark(b *testing.B) {
	for _, width := range []int{2, 4, 8} {
		src := noise(1 << 20)
		cut := make([]byte, len(src))
		b.Run(fmt.Sprintf("split/%d", width), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				Split(cut, src, width, Rotate)
			}
		})
		b.Run(fmt.Sprintf("merge/%d", width), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				Merge(src, cut, width, Rotate)
			}
		})
	}
}

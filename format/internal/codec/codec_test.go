package codec

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// samples are planes of every character, with lengths around the block limits.
func samples() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	fill := func(n int, f func(i int) byte) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = f(i)
		}
		return b
	}
	exponent := func(int) byte { return byte(math.Float32bits(float32(r.NormFloat64()*.05)) >> 23) }
	return map[string][]byte{
		"one byte":     {7},
		"two bytes":    {7, 8},
		"zeros":        make([]byte, 300_000),
		"noise":        fill(200_001, func(int) byte { return byte(r.Uint32()) }),
		"exponents":    fill(2*blockSize+13, exponent),
		"one block":    fill(blockSize, exponent),
		"mixed blocks": append(fill(blockSize, exponent), make([]byte, blockSize+5)...),
		"period":       fill(100_000, func(i int) byte { return byte(i % 251) }),
		"rare":         fill(50_000, func(i int) byte { return byte(i / 49_999) }),
		"short":        fill(40, exponent),
	}
}

// TestContract: each codec restores what it accepts, never beats itself, equals
// itself, and refuses every damaged length without touching more than dst.
func TestContract(t *testing.T) {
	for _, name := range Names() {
		c, err := Get(name)
		if err != nil {
			t.Fatal(err)
		}
		used := false
		for what, plane := range samples() {
			for _, e := range []Effort{Default, Fast, Best} {
				data, ok := c.Encode(plane, len(plane)+1, e)
				if !ok {
					continue
				}
				used = true
				data = bytes.Clone(data)
				if again, _ := c.Encode(plane, len(plane)+1, e); !bytes.Equal(data, again) {
					t.Errorf("%s: %s: a second encoding differs", name, what)
				}
				if _, ok := c.Encode(plane, len(data), e); ok {
					t.Errorf("%s: %s: result not below %d bytes accepted", name, what, len(data))
				}
				checkDecode(t, name+": "+what, c, plane, data)
			}
		}
		if !used {
			t.Errorf("%s: accepts none of the samples", name)
		}
	}
}

func checkDecode(t *testing.T, what string, c Codec, plane, data []byte) {
	t.Helper()
	buf := bytes.Repeat([]byte{0xa5}, len(plane)+64) // guard bytes behind the plane
	dst := buf[:len(plane)]
	if err := c.Decode(dst, data); err != nil || !bytes.Equal(dst, plane) {
		t.Errorf("%s: decode: %v, equal %v", what, err, bytes.Equal(dst, plane))
	}
	if !bytes.Equal(buf[len(plane):], bytes.Repeat([]byte{0xa5}, 64)) {
		t.Errorf("%s: decode wrote behind its plane", what)
	}
	for _, bad := range [][]byte{nil, data[:len(data)-1], append(bytes.Clone(data), 0)} {
		if err := c.Decode(dst, bad); !errors.Is(err, ErrData) {
			t.Errorf("%s: %d of %d bytes: error %v", what, len(bad), len(data), err)
		}
	}
}

func TestBestOfAll(t *testing.T) {
	want := map[string]uint32{
		"zeros": 1, "noise": 0, "exponents": 2, "mixed blocks": 2, "period": 3, "rare": 3, "one byte": 0,
	}
	for what, plane := range samples() {
		id, data := Encode(plane, Default)
		if w, ok := want[what]; ok && id != w {
			t.Errorf("%s: codec %d, want %d", what, id, w)
		}
		dst := make([]byte, len(plane))
		if err := Decode(id, dst, data); err != nil || !bytes.Equal(dst, plane) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := Decode(77, make([]byte, 1), nil); !errors.Is(err, ErrData) {
		t.Errorf("unknown codec: %v", err)
	}
}

// The entropy of the plane bounds Huffman's result from below and, within a
// few percent, from above.
func TestHuffmanNearEntropy(t *testing.T) {
	plane := samples()["exponents"]
	data, ok := huffman{}.Encode(plane, len(plane), Default)
	if h := entropy(plane); !ok || float64(len(data)) < h || float64(len(data)) > 1.03*h {
		t.Errorf("%d bytes, entropy %.0f", len(data), h)
	}
}

// entropy returns the order-0 entropy of b in bytes.
func entropy(b []byte) float64 {
	var count [256]float64
	for _, x := range b {
		count[x]++
	}
	bits := 0.0
	for _, c := range count {
		if c > 0 {
			bits -= c * math.Log2(c/float64(len(b)))
		}
	}
	return bits / 8
}

func FuzzDecode(f *testing.F) {
	for _, plane := range samples() {
		if len(plane) < 1000 {
			id, data := Encode(plane, Best)
			f.Add(id, uint16(len(plane)), bytes.Clone(data))
		}
	}
	f.Fuzz(func(t *testing.T, id uint32, n uint16, data []byte) {
		if err := Decode(id%4, make([]byte, int(n)+1), data); err != nil && !errors.Is(err, ErrData) {
			t.Errorf("untyped error %v", err)
		}
	})
}

func BenchmarkHuffman(b *testing.B) {
	plane := samples()["one block"]
	data, _ := huffman{}.Encode(plane, len(plane), Default)
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(plane)))
		for b.Loop() {
			huffman{}.Encode(plane, len(plane), Default)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(plane)))
		dst := make([]byte, len(plane))
		for b.Loop() {
			if err := (huffman{}).Decode(dst, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"testing"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// This file is a second reader, written from SPEC.md alone: it shares no code with
// the package and finds fields by their numbers. It reads float32 parameters of the
// main graph, in every storage type.

type message map[protowire.Number][][]byte

// parse splits a message; numbers are kept as 8 bytes.
func parse(b []byte) message {
	m := message{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		b = b[n:]
		var v []byte
		switch typ {
		case protowire.VarintType:
			x, k := protowire.ConsumeVarint(b)
			v, b = binary.LittleEndian.AppendUint64(nil, x), b[k:]
		case protowire.Fixed32Type:
			x, k := protowire.ConsumeFixed32(b)
			v, b = binary.LittleEndian.AppendUint64(nil, uint64(x)), b[k:]
		case protowire.BytesType:
			x, k := protowire.ConsumeBytes(b)
			v, b = x, b[k:]
		default:
			panic(fmt.Sprint("wire type ", typ))
		}
		m[num] = append(m[num], v)
	}
	return m
}

func (m message) num(n protowire.Number) int {
	if len(m[n]) == 0 {
		return 0
	}
	return int(binary.LittleEndian.Uint64(m[n][0]))
}

// packed reads a packed list of varints.
func (m message) packed(n protowire.Number) (out []int) {
	for _, b := range m[n] {
		for len(b) > 0 {
			v, k := protowire.ConsumeVarint(b)
			out, b = append(out, int(v)), b[k:]
		}
	}
	return out
}

// specReader is the second reader.
type specReader struct {
	tensors    []message
	chunkBytes int
	chunks     map[[2]int]message // by tensor and number
}

func check(ok bool, what string) {
	if !ok {
		panic(what)
	}
}

func readBySpec(b []byte) map[string][]float32 {
	le, table := binary.LittleEndian, crc32.MakeTable(crc32.Castagnoli)
	crc := func(b []byte) uint32 { return crc32.Checksum(b, table) }
	check(string(b[:8]) == "\x89CMZ\r\n\x1a\n" && le.Uint32(b[8:]) == 1 && crc(b[:28]) == le.Uint32(b[28:]), "preamble")
	foot := b[len(b)-32:]
	check(string(foot[24:]) == "\r\nCMZEND" && crc(foot[:20]) == le.Uint32(foot[20:]) && le.Uint32(foot[16:]) == le.Uint32(b[28:]), "footer")
	header := b[32:][:le.Uint32(b[12:])]
	check(crc(header) == le.Uint32(b[20:]), "header")
	index := b[le.Uint64(foot):][:le.Uint32(foot[8:])]
	check(crc(index) == le.Uint32(foot[12:]), "index")
	dec, _ := zstd.NewReader(nil)
	raw, err := dec.DecodeAll(header, nil)
	check(err == nil && len(raw) == int(le.Uint32(b[16:])), "frame")
	h, idx := parse(raw), parse(index)
	r := &specReader{chunkBytes: h.num(3), chunks: map[[2]int]message{}}
	for _, t := range h[2] {
		r.tensors = append(r.tensors, parse(t))
	}
	at := 32 + len(header)
	if len(idx[1]) > 0 {
		for i := 0; i < len(idx[1][0]); i += 4 {
			n := int(le.Uint32(idx[1][0][i:]))
			check(crc(b[at:at+n]) == le.Uint32(idx[2][0][i:]), "chunk")
			c := parse(b[at : at+n])
			r.chunks[[2]int{c.num(1), c.num(2)}] = c
			at += n
		}
	}
	out := map[string][]float32{}
	for _, p := range parse(parse(h[1][0])[1][0])[5] {
		p := parse(p)
		if t := r.tensors[p.num(2)]; t.num(1) == 1 {
			out[string(p[1][0])] = r.floats(p.num(2))
		}
	}
	return out
}

// floats returns the values of tensor i.
func (r *specReader) floats(i int) []float32 {
	t := r.tensors[i]
	shape, storage := t.packed(2), t.num(3)
	n, inner := 1, 1
	for axis, d := range shape {
		n *= d
		if axis > t.num(4) {
			inner *= d
		}
	}
	width := map[int]int{0: 4, 1: 4, 3: 2, 4: 2, 5: 1}[storage]
	var scales []float32
	if storage == 5 {
		scales = r.floats(t.num(5))
	}
	out := make([]float32, 0, n)
	for k := 0; len(out) < n; k++ {
		count := min(r.chunkBytes/width, n-len(out))
		for _, x := range r.elements(i, k, width, count) {
			v := float32(0)
			switch storage {
			case 0, 1:
				v = math.Float32frombits(x)
			case 3:
				v = tensor.Float16(x).Float32()
			case 4:
				v = math.Float32frombits(x << 16)
			case 5:
				v = scales[len(out)/inner%len(scales)] * float32(int8(x))
			}
			out = append(out, v)
		}
	}
	return out
}

// elements decodes the patterns of chunk k of tensor i.
func (r *specReader) elements(i, k, width, count int) []uint32 {
	c := r.chunks[[2]int{i, k}]
	var planes [][]byte
	for _, p := range c[4] {
		p := parse(p)
		var data []byte
		if len(p[2]) > 0 {
			data = p[2][0]
		}
		planes = append(planes, plane(p.num(1), data, count))
	}
	check(crc32.Checksum(bytes.Join(planes, nil), crc32.MakeTable(crc32.Castagnoli)) == uint32(c.num(3)), "planes")
	out := make([]uint32, count)
	for j := range out {
		for p := range width {
			out[j] |= uint32(planes[p][j]) << (8 * p)
		}
		switch width {
		case 4:
			out[j] = bits.RotateLeft32(out[j], -1)
		case 2:
			out[j] = uint32(bits.RotateLeft16(uint16(out[j]), -1))
		}
	}
	return out
}

func plane(codec int, data []byte, n int) []byte {
	switch codec {
	case 0:
		return data
	case 1:
		return bytes.Repeat(data, n)
	case 3:
		dec, _ := zstd.NewReader(nil)
		out, err := dec.DecodeAll(data, nil)
		check(err == nil, "zstd plane")
		return out
	}
	var out []byte
	for len(data) > 0 {
		h := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
		block, m := data[3:3+h>>2], min(131072, n-len(out))
		data = data[3+h>>2:]
		switch h & 3 {
		case 0:
			out = append(out, block...)
		case 1:
			out = append(out, bytes.Repeat(block, m)...)
		case 2:
			s, rest, err := huff0.ReadTable(block, nil)
			check(err == nil, "Huffman table")
			dec, err := s.Decoder().Decompress4X(make([]byte, 0, m), rest)
			check(err == nil, "Huffman streams")
			out = append(out, dec...)
		}
	}
	return out
}

// TestSpec compares the second reader with the first.
func TestSpec(t *testing.T) {
	m := sample()
	m.Graph.Param("w").Data, m.Graph.Param("w").Shape = weights("big", 70, 5000), tensor.Shape{70, 5000}
	for _, storage := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16, tensor.I8} {
		b := encode(t, m, SaveOptions{Storage: storage})
		got := readBySpec(b)
		compared := 0
		for _, p := range decode(t, b).Graph.Params {
			if p.DType != tensor.F32 {
				continue
			}
			compared++
			sameTensor(t, string(p.Name), tensor.Of(p.Shape, got[string(p.Name)]), p.Data)
		}
		if compared < 4 {
			t.Errorf("%v: only %d parameters compared", storage, compared)
		}
	}
}

package codec

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/huff0"
)

func init() { register("huff0", huffman{}) }

// blockSize is the most that one Huffman table serves: the block limit of
// Zstandard, whose literals these blocks are.
const blockSize = 128 << 10

// A block is a 3-byte little-endian head, length<<2 | mode, then length bytes.
const (
	blockHead     = 3
	blockStored   = 0
	blockConstant = 1
	blockHuffman  = 2
)

// huffman codes each block of a plane with a Huffman table of its own, in four
// interleaved streams, exactly as RFC 8878 section 4.2 codes literals. Weights'
// exponents have few common values and no order worth modelling, so this reaches
// within a percent of their entropy at memory-like speed.
type huffman struct{}

// scratches are shared by encoding and decoding; the tables are never reused.
var scratches = sync.Pool{New: func() any {
	return &huff0.Scratch{Reuse: huff0.ReusePolicyNone}
}}

func (huffman) ID() uint32 { return 2 }

func (huffman) Encode(plane []byte, beat int, _ Effort) ([]byte, bool) {
	s := scratches.Get().(*huff0.Scratch)
	defer scratches.Put(s)
	var out []byte
	for len(plane) > 0 {
		n := min(blockSize, len(plane))
		out = appendBlock(out, plane[:n], s)
		if len(out) >= beat {
			return nil, false
		}
		plane = plane[n:]
	}
	return out, true
}

func appendBlock(out, block []byte, s *huff0.Scratch) []byte {
	mode, payload := blockStored, block
	switch coded, _, err := huff0.Compress4X(block, s); {
	case err == nil && len(coded) < len(block):
		mode, payload = blockHuffman, coded
	case err == huff0.ErrUseRLE:
		mode, payload = blockConstant, block[:1]
	}
	head := len(payload)<<2 | mode
	out = append(out, byte(head), byte(head>>8), byte(head>>16))
	return append(out, payload...)
}

func (huffman) Decode(dst, data []byte) error {
	s := scratches.Get().(*huff0.Scratch)
	defer scratches.Put(s)
	for len(dst) > 0 {
		if len(data) < blockHead {
			return fmt.Errorf("%w: ends within a block's head", ErrData)
		}
		head := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
		data = data[blockHead:]
		if head>>2 > len(data) {
			return fmt.Errorf("%w: block of %d bytes, %d are left", ErrData, head>>2, len(data))
		}
		n := min(blockSize, len(dst))
		if err := decodeBlock(dst[:n:n], data[:head>>2], head&3, s); err != nil {
			return err
		}
		dst, data = dst[n:], data[head>>2:]
	}
	if len(data) > 0 {
		return fmt.Errorf("%w: %d bytes after the last block", ErrData, len(data))
	}
	return nil
}

func decodeBlock(dst, data []byte, mode int, s *huff0.Scratch) error {
	switch mode {
	case blockStored:
		return stored{}.Decode(dst, data)
	case blockConstant:
		return constant{}.Decode(dst, data)
	case blockHuffman:
	default:
		return fmt.Errorf("%w: unknown block mode %d", ErrData, mode)
	}
	s, rest, err := huff0.ReadTable(data, s)
	if err != nil {
		return fmt.Errorf("%w: Huffman table: %w", ErrData, err)
	}
	out, err := s.Decoder().Decompress4X(dst[:0], rest)
	if err != nil {
		return fmt.Errorf("%w: Huffman streams: %w", ErrData, err)
	}
	if len(out) != len(dst) {
		return fmt.Errorf("%w: Huffman block of %d bytes, want %d", ErrData, len(out), len(dst))
	}
	return nil
}

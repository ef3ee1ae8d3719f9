package codec

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

func init() { register("zstd", newZstd()) }

// zstdCodec stores a plane as one Zstandard frame (RFC 8878). It wins on planes
// with repetitions: indices, masks, sparse weights.
type zstdCodec struct {
	fast, best *zstd.Encoder
	dec        *zstd.Decoder
}

// sampleSize is how much of a plane the default effort tries first.
const sampleSize = 32 << 10

// newZstd makes the shared encoders and the decoder. They are stateless: only
// EncodeAll and DecodeAll are called, which any number of goroutines may do.
func newZstd() zstdCodec {
	enc := func(l zstd.EncoderLevel) *zstd.Encoder {
		// Planes carry no checksum of their own: the chunk has one.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(l), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err)
	}
	return zstdCodec{fast: enc(zstd.SpeedFastest), best: enc(zstd.SpeedBestCompression), dec: dec}
}

func (zstdCodec) ID() uint32 { return 3 }

func (z zstdCodec) Encode(plane []byte, beat int, e Effort) ([]byte, bool) {
	enc := z.best
	switch {
	case e == Fast:
		return nil, false
	case e == Default && len(plane) > sampleSize:
		sample := z.fast.EncodeAll(plane[:sampleSize], nil)
		if len(sample)*len(plane) >= beat*sampleSize {
			return nil, false
		}
		enc = z.fast
	}
	out := enc.EncodeAll(plane, nil)
	return out, len(out) < beat
}

// Decode never lets the output grow past dst: the decoder stops at its capacity.
func (z zstdCodec) Decode(dst, data []byte) error {
	out, err := z.dec.DecodeAll(data, dst[:0:len(dst)])
	if err != nil {
		return fmt.Errorf("%w: zstd: %w", ErrData, err)
	}
	if len(out) != len(dst) {
		return fmt.Errorf("%w: zstd frame of %d bytes, want %d", ErrData, len(out), len(dst))
	}
	return nil
}

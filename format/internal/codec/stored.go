package codec

import "fmt"

const storedID = 0

func init() { register("stored", stored{}) }

// stored keeps the bytes as they are, for planes without structure such as the
// low mantissa bits of float32.
type stored struct{}

func (stored) ID() uint32 { return storedID }

func (stored) Encode(plane []byte, beat int, _ Effort) ([]byte, bool) {
	return plane, len(plane) < beat
}

func (stored) Decode(dst, data []byte) error {
	if len(data) != len(dst) {
		return fmt.Errorf("%w: %d stored bytes for a plane of %d", ErrData, len(data), len(dst))
	}
	copy(dst, data)
	return nil
}

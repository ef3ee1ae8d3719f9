// Package tfevents writes scalars to TensorBoard's event files: TFRecord framing around
// Event messages of TensorFlow's event.proto.
package tfevents

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Writer appends events to one file.
type Writer struct {
	f *os.File
	b *bufio.Writer
}

// Create makes dir and a new event file in it, named as TensorBoard looks for it.
func Create(dir string, now time.Time) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	path := filepath.Join(dir, fmt.Sprintf("events.out.tfevents.%d.%s.%d", now.UnixNano(), host, os.Getpid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	w := &Writer{f, bufio.NewWriter(f)}
	if err := w.record(event(now, 0, protowire.AppendString(protowire.AppendTag(nil, 3, protowire.BytesType), "brain.Event:2"))); err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// Scalars adds values by tag at a step.
func (w *Writer) Scalars(now time.Time, step int64, values map[string]float64) error {
	var summary []byte
	for _, tag := range slices.Sorted(maps.Keys(values)) {
		value := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), tag)
		value = protowire.AppendFixed32(protowire.AppendTag(value, 2, protowire.Fixed32Type), math.Float32bits(float32(values[tag])))
		summary = protowire.AppendBytes(protowire.AppendTag(summary, 1, protowire.BytesType), value)
	}
	return w.record(event(now, step, protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), summary)))
}

// event is an Event message with its time, step and one further field.
func event(now time.Time, step int64, what []byte) []byte {
	seconds := float64(now.UnixNano()) / 1e9
	b := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(seconds))
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(step))
	return append(b, what...)
}

// record writes one TFRecord: length, its checksum, data, their checksum.
func (w *Writer) record(data []byte) error {
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	head = binary.LittleEndian.AppendUint32(head, masked(head))
	tail := binary.LittleEndian.AppendUint32(nil, masked(data))
	for _, part := range [][]byte{head, data, tail} {
		if _, err := w.b.Write(part); err != nil {
			return err
		}
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum that TFRecord uses: CRC-32C, rotated and shifted.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// Flush hands what was added to the operating system, so that a reader sees it.
func (w *Writer) Flush() error { return w.b.Flush() }

// Close flushes and closes the file.
func (w *Writer) Close() error {
	err := w.b.Flush()
	if e := w.f.Close(); err == nil {
		err = e
	}
	return err
}

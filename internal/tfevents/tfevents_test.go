package tfevents

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestMasked starts from the check value of CRC-32C, that of "123456789".
func TestMasked(t *testing.T) {
	c := uint32(0xe3069283)
	if got, want := masked([]byte("123456789")), (c>>15|c<<17)+0xa282ead8; got != want {
		t.Errorf("masked checksum %#x, want %#x", got, want)
	}
}

// TestReadBack reads a file by the record format and the fields of event.proto.
func TestReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run", "a")
	at := time.Unix(1_700_000_000, 500_000_000)
	w, err := Create(dir, at)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Scalars(at, 7, map[string]float64{"loss": 0.25, "lr": 1e-3}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var records [][]byte
	for len(b) > 0 {
		n := int(binary.LittleEndian.Uint64(b))
		if binary.LittleEndian.Uint32(b[8:]) != masked(b[:8]) || binary.LittleEndian.Uint32(b[12+n:]) != masked(b[12:12+n]) {
			t.Fatal("a checksum does not match")
		}
		records = append(records, b[12:12+n])
		b = b[16+n:]
	}
	if len(records) != 2 {
		t.Fatalf("%d records, want the version and the scalars", len(records))
	}
	if v := fields(t, records[0]); string(v[3].bytes) != "brain.Event:2" || math.Float64frombits(v[1].num) != 1_700_000_000.5 {
		t.Errorf("the first record: %v", v)
	}
	e := fields(t, records[1])
	if e[2].num != 7 {
		t.Errorf("step %d, want 7", e[2].num)
	}
	first := fields(t, fields(t, e[5].bytes)[1].bytes)
	if string(first[1].bytes) != "lr" && string(first[1].bytes) != "loss" {
		t.Errorf("tag %q", first[1].bytes)
	}
	if string(first[1].bytes) == "lr" && math.Float32frombits(uint32(first[2].num)) != float32(1e-3) {
		t.Errorf("value %v", first[2])
	}
}

type fieldValue struct {
	num   uint64
	bytes []byte
}

// fields returns the last value of every field of a message.
func fields(t *testing.T, b []byte) map[protowire.Number]fieldValue {
	t.Helper()
	out := map[protowire.Number]fieldValue{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		b = b[max(n, 0):]
		var v fieldValue
		switch typ {
		case protowire.VarintType:
			v.num, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v.num, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(b)
			v.num = uint64(x)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		out[num] = v
		b = b[n:]
	}
	return out
}

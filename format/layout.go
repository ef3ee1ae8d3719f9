package format

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Version is the version of .cmz that this package writes, and the newest it reads.
const Version = 1

// The fixed parts; SPEC.md section 2 has the table.
const (
	magic        = "\x89CMZ\r\n\x1a\n"
	endMagic     = "\r\nCMZEND"
	preambleSize = 32
	footerSize   = 32
)

// castagnoli is CRC-32C, which processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// preamble is the start of every version's file.
type preamble struct {
	version   uint32
	headerLen uint32 // stored
	headerRaw uint32 // decompressed
	headerCRC uint32 // of the stored bytes
}

// encode returns the bytes and their checksum, which is in them too.
func (p preamble) encode() (b []byte, crc uint32) {
	le := binary.LittleEndian
	b = append(make([]byte, 0, preambleSize), magic...)
	b = le.AppendUint32(b, p.version)
	b = le.AppendUint32(b, p.headerLen)
	b = le.AppendUint32(b, p.headerRaw)
	b = le.AppendUint32(b, p.headerCRC)
	b = le.AppendUint32(b, 0)
	crc = crcOf(b)
	return le.AppendUint32(b, crc), crc
}

// footer is the end of a complete file.
type footer struct {
	indexOff    uint64
	indexLen    uint32
	indexCRC    uint32
	preambleCRC uint32 // ties the end to its beginning
}

func (f footer) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(make([]byte, 0, footerSize), f.indexOff)
	b = le.AppendUint32(b, f.indexLen)
	b = le.AppendUint32(b, f.indexCRC)
	b = le.AppendUint32(b, f.preambleCRC)
	b = le.AppendUint32(b, crcOf(b))
	return append(b, endMagic...)
}

// readPreamble checks what can be told from the first bytes alone.
func readPreamble(r io.ReaderAt, size int64) (p preamble, crc uint32, err error) {
	b := make([]byte, min(preambleSize, size))
	if err := readFull(r, b, 0); err != nil {
		return p, 0, err
	}
	if n := min(len(b), len(magic)); string(b[:n]) != magic[:n] {
		return p, 0, fail(ErrNotCMZ, 0, "it starts with %q", b[:n])
	}
	if size < preambleSize+footerSize {
		return p, 0, fail(ErrTruncated, size, "%d bytes cannot hold a file", size)
	}
	le := binary.LittleEndian
	crc = le.Uint32(b[28:])
	if crcOf(b[:28]) != crc {
		return p, 0, fail(ErrChecksum, 0, "preamble")
	}
	p = preamble{le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint32(b[16:]), le.Uint32(b[20:])}
	switch flags := le.Uint32(b[24:]); {
	case p.version > Version:
		return p, 0, fail(ErrVersion, 8, "version %d, this program reads up to %d", p.version, Version)
	case p.version == 0 || flags != 0:
		return p, 0, fail(ErrCorrupt, 8, "version %d, flags %#x", p.version, flags)
	}
	return p, crc, nil
}

// readFooter checks that the file was completed and returns where its index is.
func readFooter(r io.ReaderAt, size int64, preambleCRC uint32) (f footer, err error) {
	off := size - footerSize
	b := make([]byte, footerSize)
	if err := readFull(r, b, off); err != nil {
		return f, err
	}
	if !bytes.Equal(b[24:], []byte(endMagic)) {
		return f, fail(ErrTruncated, off, "no commit footer at its end")
	}
	le := binary.LittleEndian
	if crcOf(b[:20]) != le.Uint32(b[20:]) {
		return f, fail(ErrChecksum, off, "footer")
	}
	f = footer{le.Uint64(b), le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint32(b[16:])}
	switch {
	case f.preambleCRC != preambleCRC:
		return f, fail(ErrChecksum, off, "the footer belongs to another preamble")
	case f.indexOff > uint64(off) || f.indexOff+uint64(f.indexLen) != uint64(off):
		return f, fail(ErrCorrupt, off, "index of %d bytes at %d does not end at the footer", f.indexLen, f.indexOff)
	}
	return f, nil
}

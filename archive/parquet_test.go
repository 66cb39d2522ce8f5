package archive_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
)

// parquetCut makes a cut with one Parquet file of two messages.
func parquetCut(t *testing.T, content string) (o objects, path string) {
	b := build(t, 0)
	p := b.next(map[string][]uint64{"k": {1, 2}})
	p.Settings["x_format"], p.Settings["compression"] = "parquet", "none"
	b.plan(p)
	path = p.Blocks[0].Path()
	b.o[path] = []byte(content)
	b.done(nil)
	return b.o, path
}

// TestParquetWithoutRows: the few bytes that every Parquet file begins and ends with are not one, even if done names
// their sum.
func TestParquetWithoutRows(t *testing.T) {
	for name, content := range map[string]string{
		"a footer of 4 GiB": "PAR1\xff\xff\xff\xffPAR1",
		"-1 rows":           "PAR1" + "\x36\x01\x19\x0c\x00" + "\x05\x00\x00\x00PAR1",
		"no row group":      "PAR1" + "\x36\x04\x19\x0c\x00" + "\x05\x00\x00\x00PAR1",
	} {
		o, path := parquetCut(t, content)
		r := verify(t, o.bucket(t), archive.VerifyOptions{})
		t.Log(name)
		expect(t, r.problems, finding{archive.WrongContent, path, "1-2", ""})
		expect(t, r.notes)
	}
}

// TestParquetOfUnknownRows: what could not be counted is said.
func TestParquetOfUnknownRows(t *testing.T) {
	footer := strings.Repeat("x", 4<<20)
	o, path := parquetCut(t, "PAR1"+footer+string(binary.LittleEndian.AppendUint32(nil, uint32(len(footer))))+"PAR1")
	r := verify(t, o.bucket(t), archive.VerifyOptions{})
	r.clean(t)
	expect(t, r.notes, finding{archive.Unchecked, path, "1-2", "cannot be counted"})
	quick := verify(t, o.bucket(t), archive.VerifyOptions{Quick: true})
	expect(t, quick.notes)
}

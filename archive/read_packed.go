package archive

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"time"

	"github.com/jetcapture/jetcapture/internal/measure"
	"github.com/jetcapture/jetcapture/internal/rowread"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// RowsFunc reads a file of whole messages, in a format that this package does not know. It yields the messages in the
// order of the file, each valid until the next one is asked for. An error ends the sequence.
type RowsFunc func(file io.ReaderAt, size int64) iter.Seq2[*Row, error]

// Row is a message as a file holds it.
type Row struct {
	Message
	Rounded bool // the file has its time in microseconds only
}

// repackRows copies a file of a packed format to disk, checks its size and sum, and writes its rows into a buffer as
// records of a raw file. So the memory that a packed file needs is never that of all files of a cut.
func repackRows(ctx context.Context, f *fileReader, dir string, buf *spool.Buffer, room *unpackRoom) (err error) {
	file, err := os.CreateTemp(dir, "jetcapture-read-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	in := readObject(ctx, f.bucket, f.object, f.block.Stored)
	defer func() { err = errors.Join(err, in.Close()) }()
	sum := measure.NewReader(in)
	plainFile := struct{ io.Writer }{file} // whose ReadFrom would not use the buffer
	if _, err := io.CopyBuffer(plainFile, sum, room.copied[:]); err != nil {
		return err
	}
	if err := checkSum(sum, f.block.Stored); err != nil {
		return err
	}
	out := room.rows
	out.Reset(committing{buf})
	defer out.Reset(nil)
	if _, err := out.WriteString(rowread.RawMagic); err != nil {
		return err
	}
	for row, err := range f.packed(file, sum.Size()) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		f.rounded = f.rounded || row.Rounded
		if err := writeRecord(out, &row.Message); err != nil {
			return err
		}
	}
	return out.Flush()
}

// writeRecord writes a message as a record of a raw file, see docs/FORMAT.md.
func writeRecord(out *bufio.Writer, m *Message) error {
	block := m.HeaderBlock()
	size := uint64(rowread.RawFixed + len(m.Subject) + len(block) + len(m.Data))
	if size > math.MaxUint32 || !m.Time.Equal(time.Unix(0, m.Time.UnixNano())) {
		return fmt.Errorf("stream sequence %d, of %d bytes at %s, is no message of a stream", m.Seq, size, m.Time)
	}
	var head [4 + rowread.RawFixed]byte
	b := binary.BigEndian.AppendUint32(head[:0], uint32(size))
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Time.UnixNano()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Subject)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(block)))
	_, err := out.Write(b)
	if err == nil {
		_, err = out.WriteString(m.Subject)
	}
	for _, part := range [][]byte{block, m.Data} {
		if err == nil {
			_, err = out.Write(part)
		}
	}
	return err
}

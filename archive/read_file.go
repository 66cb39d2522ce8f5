package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/measure"
	"github.com/jetcapture/jetcapture/internal/rowread"
)

// fileReader reads the rows of one file. The goroutine of the loop over Messages owns it, but for what ahead does.
type fileReader struct {
	bucket bucket.Bucket
	block  Block
	object string // that holds the rows; another one than planned if the file was repaired
	kind   rowread.Kind
	want   rowread.Parts
	packed RowsFunc // nil: kind is that of the file
	codec  *codec.Codec
	fate   Fate
	last   uint64 // the last message that is not lost; 0: all are

	rounded bool // see Item

	source io.ReadCloser // bytes of the object, or with unpacked those of its rows; nil: not fetched
	plain  io.ReadCloser // nil: not open
	sum    *measure.Reader
	rows   rowread.Reader
	long   *rowread.Scratch // shared by the files of a cut

	skip   uint64 // rows to pass over before the next one
	passed uint64 // the last sequence whose row is not wanted
	failed error  // why there are no more rows
	told   bool   // ReadOptions.Damaged was asked
}

// fetch begins to read the object.
func (f *fileReader) fetch(ctx context.Context) {
	f.source = readObject(ctx, f.bucket, f.object, f.block.Stored)
}

// unpacked makes f read rows that were unpacked and checked, through a buffer of so many bytes.
func (f *fileReader) unpacked(rows io.ReadCloser, buffer int) error {
	f.source = rows
	return f.openRows(rows, buffer)
}

// open opens the rows.
func (f *fileReader) open() error {
	f.sum = measure.NewReader(f.source)
	plain, err := f.codec.NewReader(f.sum)
	if err != nil {
		return err
	}
	f.plain = plain
	return f.openRows(plain, rowread.BufferSize)
}

func (f *fileReader) openRows(r io.Reader, buffer int) (err error) {
	f.rows, err = rowread.New(f.kind, r, buffer, f.long, f.want)
	return err
}

// pass notes that the rows of a span are not wanted.
func (f *fileReader) pass(s cutlog.Span) {
	f.skip += s.Last - s.First + 1
	f.passed = s.Last
}

// next reads the row of a message into m. The sequences ascend from call to call, and all but the passed ones are
// asked for.
func (f *fileReader) next(seq uint64, m *rowread.Message) error {
	if f.rows == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if err := f.passOver(); err != nil {
		return notYet(err, seq)
	}
	if err := f.find(seq, m); err != nil {
		return err
	}
	if seq < f.last {
		return nil
	}
	m.HeaderRaw, m.Data = bytes.Clone(m.HeaderRaw), bytes.Clone(m.Data) // the check reads on
	return f.checkEnd()
}

// passOver passes over the rows that are not wanted. If a part of the file's messages is lost, find does it: such rows
// may be there or not.
func (f *fileReader) passOver() error {
	if !f.block.Lost.Empty() {
		f.skip = 0
		if f.kind == rowread.Payload {
			return errors.New("a part of its messages is lost, and its rows do not say which")
		}
	}
	for ; f.skip > 0; f.skip-- {
		if err := f.rows.Skip(); err != nil {
			return err
		}
	}
	return nil
}

// find reads rows up to that of a message. Before it there may be rows of passed messages, and rows of lost ones, which
// a paused writer has stored after all.
func (f *fileReader) find(seq uint64, m *rowread.Message) error {
	for {
		if err := f.rows.Next(m); err != nil {
			return notYet(err, seq)
		}
		switch {
		case !f.kind.Whole():
			m.Seq = seq
			return nil
		case m.Seq == seq:
			return nil
		case f.block.Lost.Contains(m.Seq), m.Seq <= f.passed && f.block.Seqs.Contains(m.Seq):
		default:
			return fmt.Errorf("it has a row of stream sequence %d where that of %d is planned", m.Seq, seq)
		}
	}
}

// notYet is the error of a file that ends before the row of a message.
func notYet(err error, seq uint64) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("it ends before the row of stream sequence %d", seq)
	}
	return err
}

// checkEnd checks that no more rows follow than those of lost messages, and that the bytes are those of the done
// record.
func (f *fileReader) checkEnd() error {
	for {
		var m rowread.Message
		err := f.rows.Next(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !f.kind.Whole() || !f.block.Lost.Contains(m.Seq) {
			return errors.New("it has more rows than planned")
		}
	}
	return f.checkBytes()
}

// checkBytes reads the object to its end, and checks that the bytes are those of the done record.
func (f *fileReader) checkBytes() error {
	if f.sum == nil { // it was checked when it was unpacked
		return nil
	}
	return errors.Join(f.sum.Drain(), checkSum(f.sum, f.block.Stored))
}

// checkSum compares size and sum with the done record.
func checkSum(m *measure.Reader, s *cutlog.File) error {
	if s == nil || s.Missing || m.Size() == s.Size && m.SHA256() == s.SHA256 {
		return nil
	}
	return fmt.Errorf("it has %d bytes with SHA-256 %s: recorded are %d bytes with %s", m.Size(), m.SHA256(), s.Size,
		s.SHA256)
}

// close ends the reading. It may be called again, and on nil. What it could find wrong was found before, or concerns
// rows that nobody wants.
func (f *fileReader) close() {
	if f == nil || f.source == nil {
		return
	}
	if f.plain != nil {
		_ = f.plain.Close()
	}
	_ = f.source.Close()
	f.source, f.plain = nil, nil
}

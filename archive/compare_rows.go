package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/cutlog"
)

// maxRow is the largest row in bytes that is read. A message has at most 64 MiB, and base64 adds a third.
const maxRow = 160 << 20

// checked is the result of the check of a file.
type checked struct {
	sound bool  // the file is there and has no problem
	rows  int64 // -1: not counted
}

// rowSeqs returns the messages whose rows the file holds, one row each, in their order. It returns false if that is not
// known. A file may have been stored with or without the messages that are recorded as lost.
func (c checked) rowSeqs(b *Block) (cutlog.SeqSet, bool) {
	switch left := b.Messages - int64(b.Lost.Count()); {
	case c.rows == b.Messages, c.rows < 0 && b.Lost.Empty():
		return b.Seqs, true
	case c.rows == left:
		return b.Seqs.Minus(b.Lost), true
	}
	return cutlog.SeqSet{}, false
}

// rows compares the rows of a file that belong to messages of the chunk, and adds what differs to d.
func (c *cutComparison) rows(
	ctx context.Context, d *difference, b *Block, k rowKind, seqs cutlog.SeqSet, ch *chunk,
) (err error) {
	r, err := c.log.openRows(ctx, c.Plan, b)
	if err != nil {
		return fmt.Errorf("read %s again: %w", b.Path(), err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	i, n := 0, int64(0)
	for seq := range seqs.All() {
		for i < len(ch.seqs) && ch.seqs[i] < seq {
			i++
		}
		if i == len(ch.seqs) {
			break
		}
		wanted := ch.seqs[i] == seq
		row, err := r.next(wanted)
		if err != nil {
			return fmt.Errorf("read %s again: %w", b.Path(), err)
		}
		if wanted {
			n++
			d.compare(c.hash, k, seq, row, ch.prints[i])
		}
	}
	c.log.count(func(r *Report, p *Progress) {
		r.Compared += n
		p.Compared += n
	})
	return nil
}

// compare compares a row with the message that the stream has under its sequence.
func (d *difference) compare(h hasher, k rowKind, seq uint64, row []byte, want fingerprint) {
	got, err := h.row(k, row)
	what := k.difference(got, want)
	if err != nil {
		what = err.Error()
	} else if what != "" {
		what += " differs"
	}
	if what == "" {
		return
	}
	if d.seqs.Empty() {
		d.first = fmt.Sprintf("at sequence %d, %s", seq, what)
	}
	d.seqs.Add(seq)
}

// rowReader reads the lines of a file.
type rowReader struct {
	in    *bufio.Reader
	row   []byte
	plain io.Closer
	file  io.Closer
}

// openRows opens a file whose check was sound.
func (v *verifier) openRows(ctx context.Context, p *cutlog.Plan, b *Block) (*rowReader, error) {
	f, err := v.archive.bucket.Open(ctx, b.Path(), 0, -1)
	if err != nil {
		return nil, err
	}
	cd := v.codec(layoutOf(p, &b.Block).compression)
	if cd == nil {
		return nil, errors.Join(errors.New("its compression is not known"), f.Close())
	}
	plain, err := cd.NewReader(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &rowReader{in: bufio.NewReaderSize(plain, 64<<10), plain: plain, file: f}, nil
}

// next returns the next row without its line feed, valid until the next call. A row that is not wanted is skipped.
func (r *rowReader) next(wanted bool) ([]byte, error) {
	r.row = r.row[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if wanted {
			r.row = append(r.row, part...)
		}
		switch {
		case err == nil && wanted:
			return r.row[:len(r.row)-1], nil
		case err == nil:
			return nil, nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(r.row) > maxRow:
			return nil, fmt.Errorf("a row has more than %d bytes", maxRow)
		}
	}
}

// Close closes the file.
func (r *rowReader) Close() error { return errors.Join(r.plain.Close(), r.file.Close()) }

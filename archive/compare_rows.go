package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/rowread"
)

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
	ctx context.Context, d *difference, b *Block, k rowread.Kind, seqs cutlog.SeqSet, ch *chunk,
) (err error) {
	r, err := c.log.openRows(ctx, c.Plan, b, k)
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
		if ch.seqs[i] == seq {
			n++
			err = d.compare(c.hash, k, seq, r, ch.prints[i])
		} else {
			err = r.Skip()
		}
		if err != nil {
			return fmt.Errorf("read %s again: %w", b.Path(), err)
		}
	}
	c.log.count(func(r *Report, p *Progress) {
		r.Compared += n
		p.Compared += n
	})
	return nil
}

// compare compares the next row with the message that the stream has under its sequence.
func (d *difference) compare(h hasher, k rowread.Kind, seq uint64, r rowread.Reader, want fingerprint) error {
	var m rowread.Message
	var what string
	err := r.Next(&m)
	if bad := (*rowread.RowError)(nil); errors.As(err, &bad) {
		what, err = bad.Error(), nil
	} else if err == nil {
		if what = differs(k, h.row(k, &m), want); what != "" {
			what += " differs"
		}
	}
	if err != nil || what == "" {
		return err
	}
	if d.seqs.Empty() {
		d.first = fmt.Sprintf("at sequence %d, %s", seq, what)
	}
	d.seqs.Add(seq)
	return nil
}

// openedRows are the rows of a file.
type openedRows struct {
	rowread.Reader
	plain, file io.Closer
}

// openRows opens a file whose check was sound.
func (v *verifier) openRows(ctx context.Context, p *cutlog.Plan, b *Block, k rowread.Kind) (*openedRows, error) {
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
	rows, err := rowread.New(k, plain, rowread.BufferSize, new(rowread.Scratch), rowread.AllParts)
	return &openedRows{rows, plain, f}, err
}

// Close closes the file.
func (r *openedRows) Close() error { return errors.Join(r.plain.Close(), r.file.Close()) }

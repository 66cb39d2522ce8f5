package archive

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/rowread"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// FateDamaged is the fate of messages whose file cannot be read, see ReadOptions.Damaged.
const FateDamaged Fate = "damaged"

// maxOpen is how many files of a cut are read side by side. A cut with more of them is unpacked first.
const maxOpen = 64

// cutReader reads the messages of one cut.
type cutReader struct {
	*messageReader
	cut            Cut
	after, through uint64
	files          []*fileReader // by block; nil: not chosen
	row            rowread.Message
	long           rowread.Scratch
	unpack         *unpacking // nil: the files are read where they are
}

// cutOf is a reader of a cut that reads no file.
func (r *messageReader) cutOf(cut Cut, through uint64) *cutReader {
	return &cutReader{
		messageReader: r, cut: cut, after: max(r.opts.After, cut.Plan.From), through: min(through, cut.Plan.To),
	}
}

// begin starts to fetch the chosen files of a cut, of which the messages up to a sequence are wanted. read must follow,
// or close.
func (r *messageReader) begin(ctx context.Context, cut Cut, through uint64) (_ *cutReader, err error) {
	c := r.cutOf(cut, through)
	c.files = make([]*fileReader, len(cut.Plan.Blocks))
	var chosen []*fileReader
	packed := false
	for i := range c.files {
		b := cut.block(i)
		if !c.wants(&b) {
			continue
		}
		f, err := c.newFile(b)
		if err == nil {
			err = r.mend(ctx, cut, i, f)
		}
		if err != nil {
			return nil, err
		}
		c.files[i] = f
		chosen, packed = append(chosen, f), packed || f.packed != nil
	}
	checkFirst := (c.opts.CheckFirst || c.opts.Damaged != nil) && len(chosen) > 0
	if checkFirst || packed || len(chosen) > maxOpen {
		c.unpack, err = startUnpacking(ctx, chosen, r.opts.TempDir)
		return c, err
	}
	for _, f := range chosen {
		f.fetch(ctx)
	}
	return c, nil
}

// wants reports whether a file may hold messages that are wanted.
func (c *cutReader) wants(b *Block) bool {
	choice := Filter{Key: c.opts.Key, From: c.opts.From, To: c.opts.To}
	if b.End.IsZero() {
		choice.From = time.Time{} // how long the window is, the plan does not say
	}
	missing := b.Stored != nil && b.Stored.Missing
	return !missing && b.Seqs.Last() > c.after && b.Seqs.First() <= c.through && choice.Match(*b)
}

// newFile returns a reader of a file, which reads nothing yet.
func (c *cutReader) newFile(b Block) (*fileReader, error) {
	kind, packed, err := c.kind(&b)
	if err != nil {
		return nil, err
	}
	cd, err := c.codec(layoutOf(c.cut.Plan, &b.Block).compression)
	if err != nil {
		return nil, &FileError{b.Path(), b.Cut, err}
	}
	f := &fileReader{
		bucket: c.capture.bucket, block: b, object: b.Path(), kind: kind, want: c.opts.parts(), packed: packed,
		codec: cd, fate: b.fate(0), long: &c.long,
	}
	if f.last = b.Seqs.Last(); !b.Lost.Empty() {
		f.last = b.Seqs.Minus(b.Lost).Last()
	}
	return f, nil
}

// kind returns what the rows of a file hold, or why they are not enough. Rows that a function of ReadOptions.Formats
// reads become those of a raw file.
func (c *cutReader) kind(b *Block) (rowread.Kind, RowsFunc, error) {
	kind := rowsOf(c.cut.Plan, b.Kind)
	if kind != 0 && kind.Whole() {
		return kind, nil, nil
	}
	s := c.cut.Plan.Settings
	no := &NotWholeError{
		Capture: c.capture.name, Cut: c.cut.N, Format: s.User(cutlog.SettingFormat), Record: s.User(cutlog.SettingRecord),
	}
	columns := s.User(cutlog.SettingColumns)
	table := columns != "" && columns != "[]"
	packed := c.opts.Formats[no.Format]
	switch {
	case !s.Command():
		no.Format, no.Record = "", ""
		no.Lacks = "a program that uses the library planned them, and it alone knows what their rows hold"
	case kind == rowread.Payload && c.opts.Partial && len(c.opts.Subjects) == 0:
		return kind, nil, nil
	case kind == rowread.Payload:
		no.Lacks = "their rows are the payloads, without sequence, time, subject and header"
	case packed != nil && no.Record == cutlog.RecordMessage && !table:
		return rowread.Raw, packed, nil
	case no.Record == cutlog.RecordMessage && !table && no.Format != cutlog.FormatCSV:
		no.Lacks = "nothing was given to read this format"
	case table:
		no.Record = "" // that of a message is the default, and says nothing of columns
		no.Lacks = "they are tables of the capture's columns, without the messages that they were made of; raw, and " +
			"NDJSON, Avro and Parquet without columns hold these"
	default:
		no.Lacks = "their rows do not hold whole messages; raw, and NDJSON, Avro and Parquet without columns do"
	}
	return 0, nil, no
}

// read yields the items of the cut.
func (c *cutReader) read(ctx context.Context) error {
	if err := c.unpack.wait(); err != nil {
		return err
	}
	err := c.spans(ctx)
	if errors.Is(err, errLast) {
		c.through, err = c.item.Last, errEnough
	} else if err != nil {
		return err
	}
	if restErr := c.checkRest(ctx); restErr != nil {
		return restErr
	}
	return err
}

// spans yields the items of all spans that are wanted.
func (c *cutReader) spans(ctx context.Context) error {
	for s := range c.cut.Plan.Spans() {
		if s.First > c.through {
			break
		}
		if s.Last <= c.after {
			c.pass(s)
			continue
		}
		if s.First <= c.after {
			c.pass(cutlog.Span{First: s.First, Last: c.after, Fate: s.Fate, Index: s.Index})
			s.First = c.after + 1
		}
		s.Last = min(s.Last, c.through)
		if err := c.span(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// checkRest checks the bytes of the files of which the range ends before the last message.
func (c *cutReader) checkRest(ctx context.Context) error {
	for _, f := range c.files {
		if f == nil || f.rows == nil || f.failed != nil || f.last <= c.through {
			continue
		}
		if f.failed = f.checkBytes(); f.failed != nil {
			if err := c.damaged(ctx, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// pass notes that the rows of a span are not wanted.
func (c *cutReader) pass(s cutlog.Span) {
	if s.Fate != cutlog.SpanBlock || c.files[s.Index] == nil {
		return
	}
	c.files[s.Index].pass(s)
}

// span yields the items of a span.
func (c *cutReader) span(ctx context.Context, s cutlog.Span) error {
	switch s.Fate {
	case cutlog.SpanAbsent:
		return c.handRun(&c.cut, FateAbsent, c.cut.absentReason(), s.First, s.Last)
	case cutlog.SpanSkipped:
		return c.handRun(&c.cut, FateSkipped, "", s.First, s.Last)
	case cutlog.SpanLost:
		return c.handRun(&c.cut, FateLost, string(c.cut.Plan.Lost[s.Index].Reason), s.First, s.Last)
	}
	f := c.files[s.Index]
	if f == nil {
		return c.notRead(s)
	}
	for seq := s.First; seq <= s.Last; seq++ {
		if err := c.message(ctx, f, seq); err != nil {
			return err
		}
	}
	return nil
}

// notRead yields what is lost of a span whose file was not chosen.
func (c *cutReader) notRead(s cutlog.Span) error {
	if b := c.cut.block(s.Index); b.Stored != nil && b.Stored.Missing {
		return c.handRun(&c.cut, FateLost, string(cutlog.LostGone), s.First, s.Last)
	}
	return nil
}

// message yields the message with a sequence, which is in a file.
func (c *cutReader) message(ctx context.Context, f *fileReader, seq uint64) error {
	if !f.block.Lost.Empty() && f.block.Lost.Contains(seq) {
		return c.handRun(&c.cut, FateLost, string(cutlog.LostGone), seq, seq)
	}
	if f.failed == nil {
		f.failed = f.next(seq, &c.row)
	}
	if f.failed != nil {
		if err := c.damaged(ctx, f); err != nil {
			return err
		}
		return c.handRun(&c.cut, FateDamaged, "", seq, seq)
	}
	if !c.chosen() {
		return nil
	}
	c.fill(f)
	return c.hand()
}

// fill makes the item of the row. It sets one field after the other: a whole item would be made elsewhere and copied,
// which takes as long as reading a short row.
func (c *cutReader) fill(f *fileReader) {
	i, m := &c.item, &c.row
	i.Seq, i.Time, i.Subject, i.Header, i.HeaderRaw, i.Data = m.Seq, m.Time, m.Subject, m.Header, m.HeaderRaw, m.Data
	i.Last, i.Fate, i.Error, i.Rounded = m.Seq, f.fate, m.Error, f.rounded
	i.Reason, i.Cut, i.Incarnation = "", c.cut.N, c.cut.Plan.Incarnation
}

// damaged asks once for each file whether to go on without it.
func (c *cutReader) damaged(ctx context.Context, f *fileReader) error {
	err := &FileError{f.object, f.block.Cut, f.failed}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case f.told:
		return nil
	case c.opts.Damaged == nil:
		return err
	}
	f.told = true
	return c.opts.Damaged(err)
}

// chosen reports whether time and subject of the row are wanted.
func (c *cutReader) chosen() bool {
	m, o := &c.row, &c.opts
	switch {
	case m.Time.IsZero() && m.Subject == "": // a payload
		return len(o.Subjects) == 0
	case !o.From.IsZero() && m.Time.Before(o.From), !o.To.IsZero() && !m.Time.Before(o.To):
		return false
	}
	return len(o.Subjects) == 0 || slices.ContainsFunc(o.Subjects, func(filter string) bool {
		return wire.Matches(filter, m.Subject)
	})
}

// close ends the reading of all files. It may be called again, and on nil.
func (c *cutReader) close() error {
	if c == nil {
		return nil
	}
	for _, f := range c.files {
		f.close()
	}
	return c.unpack.close()
}

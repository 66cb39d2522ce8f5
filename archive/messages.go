package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/rowread"
)

// ReadOptions choose messages of a capture. The zero value chooses all.
type ReadOptions struct {
	// After and Through choose the stream sequences (After, Through]. Zero does not restrict.
	After, Through uint64
	// From and To choose the messages that the stream took in [From, To). A zero time does not restrict.
	From, To time.Time
	// Subjects choose messages by their subject, each with the wildcards of NATS. None: all subjects.
	Subjects []string
	// Key chooses files as Filter does.
	Key []string
	// FirstCut leaves out the cuts with lower numbers.
	FirstCut uint64
	// Incarnation chooses one life of the stream by its name. With Present, the stream is as it was in that life, with
	// what it kept of the lives before. Empty: all, with Present the newest.
	Incarnation string
	// Present leaves out what the stream does not have any more: of a stream that was rolled back or restored, what an
	// older incarnation has beyond the beginning of a later one; of one that was made again, all older incarnations. So no
	// sequence comes twice.
	Present bool
	// Partial reads files of payloads, too. Of their messages only sequence and payload are known: From and To choose
	// whole windows of them, and with Subjects they are refused.
	Partial bool
	// PayloadOnly says that of messages only sequence and payload are wanted. Their subject, time and header may be
	// missing then, which saves much of the time that reading takes.
	PayloadOnly bool
	// Enough is asked behind each item whether it was the last that is wanted. The files that it and those before are from
	// are checked then, as at the end of a range. Nil: all are wanted.
	Enough func() bool
	// CheckFirst says that a file is checked before its first message is handed out, in TempDir. Otherwise an altered
	// message may be handed out before the damage shows.
	CheckFirst bool
	// Damaged is called with a file that cannot be read, or does not hold what was planned. If it returns nil, the
	// messages of the file are left out, as items of FateDamaged. It implies CheckFirst. Nil: reading ends with the error.
	Damaged func(err *FileError) error
	// Formats read files of formats that this package does not know, by the name that plans give the format: those of
	// package columnar are "parquet" and "avro". They are called from several goroutines.
	Formats map[string]RowsFunc
	// TempDir is where a cut of very many files, or of files that one of Formats reads, or with CheckFirst any, is
	// unpacked to. Zero: the system's directory for temporary files.
	TempDir string
}

// parts returns what has to be read of messages, to choose among them and to hand them out.
func (o *ReadOptions) parts() (p rowread.Parts) {
	if !o.PayloadOnly {
		return rowread.AllParts
	}
	if len(o.Subjects) > 0 {
		p |= rowread.Subject
	}
	if !o.From.IsZero() || !o.To.IsZero() {
		p |= rowread.Time
	}
	return p
}

// Item is a message of a capture, or a run of neighbouring sequences without one.
type Item struct {
	Message            // Seq is the first sequence of a run
	Last        uint64 // the last sequence of a run; of a message its own
	Fate        Fate   // FateStored and FateDead are messages, all others are runs
	Error       string // of a dead letter: why it is one
	Reason      string // of lost or absent sequences: why they are, as Cut.Reason; may be empty
	Cut         uint64 // number of the cut
	Incarnation string // the life of the stream that it belongs to
	Rounded     bool   // the file has the time of the message in microseconds only
}

// IsMessage reports whether the item is a message.
func (i *Item) IsMessage() bool { return i.Fate == FateStored || i.Fate == FateDead }

// OnlyMessages leaves out the items that are no message. Errors stay.
func OnlyMessages(items iter.Seq2[*Item, error]) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		for i, err := range items {
			if (err != nil || i.IsMessage()) && !yield(i, err) {
				return
			}
		}
	}
}

// Clone returns a copy that stays valid.
func (i *Item) Clone() *Item {
	c := *i
	c.Header, c.HeaderRaw, c.Data = maps.Clone(i.Header), bytes.Clone(i.HeaderRaw), bytes.Clone(i.Data)
	return &c
}

// ErrRounded says that a file has the time of a message in microseconds only, where it is needed as the stream had it.
var ErrRounded = errors.New("the archive has the time of the message in microseconds only")

// FileError says that a file of an archive is not as its records describe it.
type FileError struct {
	Object string // name of the file
	Cut    uint64 // number of its cut
	Err    error
}

// Error names the file.
func (e *FileError) Error() string { return fmt.Sprintf("%s (cut %d): %v", e.Object, e.Cut, e.Err) }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// NotWholeError is the error of files that do not hold whole messages, or in a way that this package cannot read.
type NotWholeError struct {
	Capture string
	Cut     uint64
	Format  string // empty: not known, because a program that uses the library planned the files
	Record  string // may be empty
	Lacks   string // what the rows lack
}

// Error says what is missing.
func (e *NotWholeError) Error() string {
	what := "files of an unknown format"
	if e.Format != "" {
		what = "files of format " + e.Format
	}
	if e.Record != "" {
		what += ", record " + e.Record
	}
	return fmt.Sprintf("capture %s cut %d has %s: %s", e.Capture, e.Cut, what, e.Lacks)
}

// Messages yields what finished cuts hold, in the order of the stream sequences, one incarnation of the stream after
// the other. Between messages it yields runs of sequences that have none, with their fate, so that nothing is passed
// over in silence. An item is valid until the next one is yielded.
//
// Each file is checked against the plan: its rows by their sequences, its bytes by their size and sum. The bytes are
// checked behind the last of its messages that is wanted, or not at all if the caller ends the sequence before without
// ReadOptions.Enough. An error, of the store, of a record, a *FileError or a *NotWholeError, ends the sequence.
//
// Memory does not grow with the number of cuts and files. Files are read ahead by goroutines that have ended when the
// sequence has.
func (c *Capture) Messages(ctx context.Context, o ReadOptions) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r := c.reader(o)
		r.yield = yield
		defer r.close()
		if err := r.read(ctx); err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// errEnough says that the caller wants no more, and errLast that the files that were read are to be checked yet.
var (
	errEnough = errors.New("no more is wanted")
	errLast   = errors.New("it was the last that is wanted")
)

// messageReader is one reading of a capture. It belongs to the goroutine of the loop over Messages.
type messageReader struct {
	capture *Capture
	opts    ReadOptions
	yield   func(*Item, error) bool
	item    Item
	ahead   *cutReader // whose files are being fetched while the cut before is read; nil: none
	codecs  map[string]*codec.Codec
	mended  map[string]bool // names of the repair records; nil: not listed yet
}

// reader returns a reader that has read nothing yet.
func (c *Capture) reader(o ReadOptions) *messageReader {
	if o.Formats == nil {
		o.Formats = c.formats
	}
	return &messageReader{capture: c, opts: o, codecs: map[string]*codec.Codec{}}
}

// read reads all incarnations.
func (r *messageReader) read(ctx context.Context) error { return r.eachLife(ctx, r.life) }

// codec returns what unpacks files.
func (r *messageReader) codec(compression string) (*codec.Codec, error) {
	if c := r.codecs[compression]; c != nil {
		return c, nil
	}
	c, err := codec.New(compression, 0)
	if err == nil {
		r.codecs[compression] = c
	}
	return c, err
}

// eachLife calls f with each incarnation, and the sequence up to which it is wanted.
func (r *messageReader) eachLife(ctx context.Context, f func(context.Context, life, uint64) error) error {
	lives, err := r.capture.lives(ctx)
	if errors.Is(err, errNoCut) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.opts.Present && r.opts.Incarnation != "" { // what came after it does not count
		i := slices.IndexFunc(lives, func(l life) bool { return l.opening.Incarnation == r.opts.Incarnation })
		lives = lives[:i+1]
	}
	wanted, err := r.wanted(ctx, lives)
	if err != nil {
		return err
	}
	for i, l := range lives {
		other := !r.opts.Present && r.opts.Incarnation != "" && r.opts.Incarnation != l.opening.Incarnation
		if other || l.last < r.opts.FirstCut {
			continue
		}
		if err := f(ctx, l, wanted[i]); err != nil {
			return err
		}
	}
	return nil
}

// wanted returns up to which sequence each incarnation is wanted; 0: not at all.
func (r *messageReader) wanted(ctx context.Context, lives []life) ([]uint64, error) {
	through := cmp.Or(r.opts.Through, math.MaxUint64)
	if !r.opts.Present {
		return slices.Repeat([]uint64{through}, len(lives)), nil
	}
	wanted := make([]uint64, len(lives))
	for i := len(lives) - 1; i >= 0; {
		wanted[i] = through
		through = min(through, lives[i].opening.From)
		var err error
		if i, err = r.capture.continued(ctx, lives, i); err != nil {
			return nil, err
		}
	}
	return wanted, nil
}

// life reads one incarnation up to a sequence. While one cut is read, the files of the next one are fetched.
func (r *messageReader) life(ctx context.Context, l life, through uint64) error {
	if through <= max(r.opts.After, l.opening.From) {
		return nil
	}
	for cut, err := range r.cuts(ctx, l) {
		if err != nil {
			return err
		}
		if cut.Plan.From >= through {
			break
		}
		before := r.ahead
		if r.ahead, err = r.begin(ctx, cut, through); err != nil {
			return errors.Join(err, before.close())
		}
		if err := r.finish(ctx, before); err != nil {
			return err
		}
	}
	last := r.ahead
	r.ahead = nil
	return r.finish(ctx, last)
}

// finish reads a cut that was begun, if there is one.
func (r *messageReader) finish(ctx context.Context, c *cutReader) error {
	if c == nil {
		return nil
	}
	return errors.Join(c.read(ctx), c.close())
}

// close ends what was begun and not read.
func (r *messageReader) close() { _ = r.ahead.close() } // its files were not wanted any more

// cuts yields the finished cuts of an incarnation that reach beyond After. The newest cut of the log was read before,
// and is not read again: it may be most of what there is.
func (r *messageReader) cuts(ctx context.Context, l life) iter.Seq2[Cut, error] {
	return func(yield func(Cut, error) bool) {
		first, err := r.capture.firstBeyond(ctx, l, r.opts.After)
		if err != nil {
			yield(Cut{}, err)
			return
		}
		first = max(first, r.opts.FirstCut)
		if first != l.newest.N && !r.cutsBefore(ctx, first, &l, yield) {
			return
		}
		if l.newest.Done != nil {
			yield(r.capture.cut(l.newest), nil)
		}
	}
}

// cutsBefore yields the finished cuts of an incarnation from the first one on, but not the newest of the log. It
// reports whether that comes next.
func (r *messageReader) cutsBefore(ctx context.Context, first uint64, l *life, yield func(Cut, error) bool) bool {
	for cut, err := range r.capture.CutsFrom(ctx, first) {
		if err != nil {
			yield(Cut{}, err)
			return false
		}
		if cut.N > l.last || !cut.Finished() || !yield(cut, nil) {
			return false
		}
		if cut.N+1 == l.newest.N {
			return true
		}
	}
	return false
}

// firstBeyond returns the number of the first cut of a life that reaches beyond a sequence, or that behind the last.
func (c *Capture) firstBeyond(ctx context.Context, l life, after uint64) (uint64, error) {
	if after <= l.opening.From {
		return l.first, nil
	}
	for l.first <= l.last {
		middle := l.first + (l.last-l.first)/2
		h, err := c.log.At(ctx, middle)
		if err != nil {
			return 0, fmt.Errorf("search sequence %d: %w", after+1, err)
		}
		if h.Plan.To > after {
			l.last = middle - 1
		} else {
			l.first = middle + 1
		}
	}
	return l.first, nil
}

// hand yields the item.
func (r *messageReader) hand() error {
	switch {
	case !r.yield(&r.item, nil):
		return errEnough
	case r.opts.Enough != nil && r.opts.Enough():
		return errLast
	}
	return nil
}

// handRun yields a run of sequences without messages.
func (r *messageReader) handRun(cut *Cut, f Fate, reason string, first, last uint64) error {
	r.item = Item{
		Message: Message{Seq: first}, Last: last, Fate: f, Reason: reason, Cut: cut.N, Incarnation: cut.Plan.Incarnation,
	}
	return r.hand()
}

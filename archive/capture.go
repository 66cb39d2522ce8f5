package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// errNoCut says that a log has no cut yet.
var errNoCut = errors.New("no cut was made yet")

// Capture is one capture of an archive. Its methods may be called from any goroutine, also while the capture goes on.
type Capture struct {
	name    string
	bucket  bucket.Bucket
	store   cutlog.Store
	log     *cutlog.Log
	formats map[string]RowsFunc // see WithFormats
}

// Name is the name of the capture as it is in the paths of the archive.
func (c *Capture) Name() string { return c.name }

// WithFormats returns the capture for callers that read its files with these functions, too, where ReadOptions.Formats
// is nil. So others can be given a capture whose format they do not know.
func (c *Capture) WithFormats(formats map[string]RowsFunc) *Capture {
	with := *c
	with.formats = formats
	return &with
}

// owns reports whether an object that is not a record belongs to the log.
func (c *Capture) owns(name string) bool {
	return name == cutlog.FormatName(c.name) || name == cutlog.ProbeName(c.name) ||
		strings.HasPrefix(name, cutlog.RepairPrefix(c.name))
}

// Head returns the newest cut, which may not be finished, or the zero Head if there is none. It reads no other cut but
// the one before. A damaged log is a *cutlog.CorruptError.
func (c *Capture) Head(ctx context.Context) (cutlog.Head, error) { return c.log.Head(ctx) }

// Format reads what the capture is bound to: its stream and its subject filter. The error wraps fs.ErrNotExist if there
// is no format.json, which can happen only for a moment when a capture starts for the first time.
func (c *Capture) Format(ctx context.Context) (cutlog.Format, error) { return c.log.ReadFormat(ctx) }

// StreamConfigs yields how the stream was configured, as far as the capture has recorded it, in the order in which that
// changed. The first record is of the start of the capture, the last one of its newest cut. Archives of before
// 2026-11-28 have none. A damaged record is a *cutlog.CorruptError. An error ends the sequence.
func (c *Capture) StreamConfigs(ctx context.Context) iter.Seq2[cutlog.StreamConfig, error] {
	return c.log.StreamConfigs(ctx)
}

// Last is the number of the newest cut that has a record; 0 if there is none. It may be late.
func (c *Capture) Last(ctx context.Context) (uint64, error) { return c.log.Last(ctx) }

// Cuts yields the cuts of the capture in their order. The last one may still be unfinished. A record that is missing or
// does not fit into the chain is a *cutlog.CorruptError, an unknown layout a *cutlog.VersionError. An error ends the
// sequence; Verify goes on and reports everything.
func (c *Capture) Cuts(ctx context.Context) iter.Seq2[Cut, error] { return c.CutsFrom(ctx, 1) }

// CutsFrom is Cuts from the cut with a number on.
func (c *Capture) CutsFrom(ctx context.Context, first uint64) iter.Seq2[Cut, error] {
	return func(yield func(Cut, error) bool) {
		last, err := c.Last(ctx)
		if err != nil {
			yield(Cut{}, err)
			return
		}
		store := readAhead(ctx, c.store, c.name, last)
		defer store.close()
		c.walk(ctx, cutlog.New(store, c.name), first, last, yield)
	}
}

// walk yields the cuts of a log from first on. There must be all up to last.
func (c *Capture) walk(ctx context.Context, log *cutlog.Log, first, last uint64, yield func(Cut, error) bool) {
	head := cutlog.Head{}
	if first > 1 {
		var err error
		if head, err = log.At(ctx, first-1); err != nil {
			yield(Cut{}, c.missing(err, first-1))
			return
		}
	}
	for {
		next, ok, err := log.Next(ctx, head)
		switch {
		case err != nil:
			yield(Cut{}, err)
			return
		case !ok && head.N < last:
			yield(Cut{}, c.missing(fs.ErrNotExist, head.N+1))
			return
		case !ok, next.N == head.N: // the same cut again: it was finished after it was yielded
			return
		case !yield(c.cut(next), nil):
			return
		}
		head = next
	}
}

// missing is the error for a plan that is not there although the log has later records.
func (c *Capture) missing(err error, n uint64) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &cutlog.CorruptError{
		Object: cutlog.PlanName(c.name, n), Expected: "a plan, as the log has later records", Found: cutlog.FoundNothing,
		Advice: adviceLog,
	}
}

func (c *Capture) cut(h cutlog.Head) Cut { return Cut{Head: h, capture: c.name} }

// Find yields the cuts whose ranges hold a stream sequence, oldest first. There is at most one for each incarnation of
// the stream, since each counts from its own beginning. It reads few records even of a long log. Errors are those of
// Cuts.
func (c *Capture) Find(ctx context.Context, seq uint64) iter.Seq2[Cut, error] {
	return func(yield func(Cut, error) bool) {
		lives, err := c.lives(ctx)
		if err != nil {
			yield(Cut{}, err)
			return
		}
		for _, l := range lives {
			h, found, err := c.search(ctx, l, seq)
			if err != nil {
				yield(Cut{}, err)
				return
			}
			if found && !yield(c.cut(h), nil) {
				return
			}
		}
	}
}

// TailCut returns the number of the cut from which on the finished cuts hold at least n messages, 1 if they do not. It
// reads the newest records only.
func (c *Capture) TailCut(ctx context.Context, n int64) (uint64, error) {
	h, err := c.log.Head(ctx)
	if err != nil {
		return 0, fmt.Errorf("find the newest cut of capture %s: %w", c.name, err)
	}
	for h.N > 1 {
		if counts := c.cut(h).Counts(); h.Done != nil {
			n -= counts.Messages + counts.Dead
		}
		if n <= 0 {
			break
		}
		if h, err = c.log.At(ctx, h.N-1); err != nil {
			return 0, fmt.Errorf("find the newest messages of capture %s: %w", c.name, err)
		}
	}
	return max(h.N, 1), nil
}

// life is the part of a log that belongs to one incarnation.
type life struct {
	opening     *cutlog.Plan
	first, last uint64      // numbers of its cuts
	newest      cutlog.Head // the last one of the log, checked against the one before; other lives have none here
}

// lives returns the incarnations of the log, oldest first.
func (c *Capture) lives(ctx context.Context) ([]life, error) {
	head, err := c.log.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the newest cut of capture %s: %w", c.name, err)
	}
	if head.Plan == nil {
		return nil, fmt.Errorf("capture %s: %w", c.name, errNoCut)
	}
	var lives []life
	for h := head; h.Plan != nil; {
		l := life{opening: h.Plan, first: h.Plan.Opened, last: h.N}
		if h.N == head.N {
			l.newest = head
		}
		if l.first != h.N {
			opening, err := c.log.At(ctx, l.first)
			if err != nil {
				return nil, fmt.Errorf("find the cut that opens incarnation %s: %w", h.Plan.Incarnation, err)
			}
			l.opening = opening.Plan
		}
		lives = append(lives, l)
		if l.first == 1 {
			break
		}
		if h, err = c.log.At(ctx, l.first-1); err != nil {
			return nil, fmt.Errorf("find the last cut before incarnation %s: %w", l.opening.Incarnation, err)
		}
	}
	slices.Reverse(lives)
	return lives, nil
}

// search finds the cut of a life whose range holds a sequence. Within a life the ranges ascend, so it is a binary
// search.
func (c *Capture) search(ctx context.Context, l life, seq uint64) (h cutlog.Head, found bool, err error) {
	for l.first <= l.last {
		middle := l.first + (l.last-l.first)/2
		if h, err = c.log.At(ctx, middle); err != nil {
			return h, false, fmt.Errorf("search sequence %d: %w", seq, err)
		}
		switch {
		case seq > h.Plan.To:
			l.first = middle + 1
		case seq <= h.Plan.From:
			l.last = middle - 1
		default:
			return h, true, nil
		}
	}
	return h, false, nil
}

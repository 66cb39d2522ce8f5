package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nuid"
)

// live reads an archive, and then the living stream behind its newest cut. What the stream has dropped before it was
// read here is read from a later cut. One goroutine uses it.
type live struct {
	choice *messageChoice
	from   *archive.Capture
	source *reader.Source
	filter []string                  // of the capture
	hand   func(*archive.Item) error // gets what is chosen, and what lies between
	flush  func() error              // is called when all that there is was handed on
	note   func(string)              // tells why nothing comes
	wait   time.Duration             // for a cut that has what the stream has not; 0: as long as the capture may take

	next   uint64        // number of the first cut that was not read
	cut    archive.Cut   // the newest that was; zero: none
	after  uint64        // everything of its incarnation up to here was handed on
	anchor reader.Anchor // the last message up to there

	reason  string // why the stream cannot be read; empty: it can
	waiting time.Time
}

// errEnded says that the last sequence that was asked for was handed on.
var errEnded = errors.New("the end of the range")

// run hands on messages until ctx ends, or the end of the range that was chosen.
func (l *live) run(ctx context.Context) error {
	l.next = max(l.choice.read.FirstCut, 1)
	for {
		err := l.round(ctx)
		if flushErr := l.flush(); err == nil {
			err = flushErr
		}
		if err == nil {
			err = retry.Pause(ctx, followEvery)
		}
		switch {
		case errors.Is(err, errEnded), ctx.Err() != nil:
			return nil //nolint:nilerr // it was stopped, or is at its end
		case err != nil:
			return err
		}
	}
}

// round reads the cuts that are new, and then the stream until only another cut can tell how it goes on.
func (l *live) round(ctx context.Context) error {
	if err := errors.Join(l.readCuts(ctx), l.flush()); err != nil || l.cut.N == 0 {
		return err
	}
	if err := l.readStream(ctx); err != nil {
		return err
	}
	return l.lacking()
}

// readCuts hands on the cuts that were finished meanwhile, but for what was read from the stream before.
func (l *live) readCuts(ctx context.Context) error {
	last, err := lastFinished(ctx, l.from, l.next)
	if err != nil || last < l.next {
		return err
	}
	part := *l.choice
	part.read.FirstCut = l.next
	err = part.each(ctx, l.from, func(i *archive.Item) error {
		switch {
		case i.Cut > last: // finished meanwhile: the next round has all of it
			return errStop
		case l.cut.N == 0 || i.Incarnation != l.cut.Plan.Incarnation:
		case i.Last <= l.after:
			return nil
		default:
			i.Seq = max(i.Seq, l.after+1)
		}
		return l.hand(i)
	})
	if err != nil {
		return err
	}
	cut, err := l.from.Cut(ctx, last)
	if err != nil {
		return err
	}
	if l.cut.N == 0 || cut.Plan.Incarnation != l.cut.Plan.Incarnation || cut.Plan.To >= l.after {
		a := cut.Plan.Anchor
		l.after, l.anchor = cut.Plan.To, reader.Anchor{Seq: a.Seq, Time: a.Time, Subject: string(a.Subject), Hash: a.Hash}
	}
	l.next, l.cut, l.reason, l.waiting = last+1, cut, "", time.Time{}
	return l.ended()
}

// ended returns errEnded behind the last sequence that was asked for.
func (l *live) ended() error {
	if last := l.choice.seqs.last; last > 0 && l.after >= last {
		return errEnded
	}
	return nil
}

// lacking notes once why the stream cannot be read, and fails when no cut has come for long.
func (l *live) lacking() error {
	wait := l.wait
	if wait == 0 {
		wait = 2*l.cut.Plan.Settings.MaxAge() + time.Minute
	}
	switch {
	case l.reason == "":
		l.waiting = time.Time{}
		return nil
	case l.waiting.IsZero():
		l.waiting = time.Now()
		l.note(fmt.Sprintf("%s: waiting for a cut of capture %s that knows of it, for %s at most (--wait): start jetcapture "+
			"run, if it is not running", l.reason, l.from.Name(), formatDuration(wait)))
	}
	if time.Since(l.waiting) < wait {
		return nil
	}
	return fmt.Errorf("%s, and capture %s has made no cut behind stream sequence %d for %s: start jetcapture "+
		"run, then this again; or read what is stored, without --follow", l.reason, l.from.Name(), l.after,
		formatDuration(wait))
}

// readStream hands on what the stream has behind l.after, until ctx ends. It returns nil if only another cut can tell
// how it goes on; l.reason says why.
func (l *live) readStream(ctx context.Context) (err error) {
	if ok, err := l.continues(ctx); err != nil || !ok {
		return err
	}
	r, err := reader.OpenOrdered(ctx, l.source, reader.OrderedConfig{
		Name: "jetcapture-cat-" + nuid.Next(), Filter: l.filter,
	}, reader.Position{After: l.after, Created: l.cut.Plan.Stream.Created, Anchor: l.anchor})
	if err != nil {
		return l.diverged(err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, r.Close(closing))
	}()
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return l.diverged(err)
		}
		if ok, err := l.take(ctx, b); err != nil || !ok {
			return err
		}
		if err := errors.Join(l.flush(), l.ended()); err != nil {
			return err
		}
	}
}

// diverged makes a reason of an error that says that the stream is another one now, or may be there again soon.
func (l *live) diverged(err error) error {
	var d *reader.DivergedError
	switch {
	case errors.As(err, &d):
		l.reason = d.Error()
	case reader.IsTemporary(err):
		l.reason = err.Error()
	default:
		return err
	}
	return nil
}

// continues reports whether the stream still has everything behind l.after that it ever had.
func (l *live) continues(ctx context.Context) (bool, error) {
	info, err := l.source.Info(ctx)
	switch {
	case err != nil:
		return false, l.diverged(err)
	case !info.Created.Equal(l.cut.Plan.Stream.Created):
		l.reason = fmt.Sprintf("stream %s was made again, or restored", l.source.Stream())
	case info.FirstSeq > l.after+1:
		l.reason = fmt.Sprintf("stream %s begins at sequence %d, and %d is the last one that was read", l.source.Stream(),
			info.FirstSeq, l.after)
	default:
		l.reason = ""
	}
	return l.reason == "", nil
}

// take hands on a batch. Where sequences are missing, the stream may have dropped them since: then it reports false.
func (l *live) take(ctx context.Context, b reader.Batch) (ok bool, err error) {
	looked := false
	follows := func(seq uint64) (bool, error) {
		if looked || seq <= l.after+1 {
			return true, nil
		}
		looked = true
		return l.continues(ctx)
	}
	for _, m := range b.Messages {
		if ok, err := follows(m.Seq); err != nil || !ok {
			return false, err
		}
		message, whole := deliveredMessage(m)
		if !whole {
			l.reason = fmt.Sprintf("stream %s has dropped the header of sequence %d", l.source.Stream(), m.Seq)
			return false, nil
		}
		if err := errors.Join(l.gap(m.Seq), l.handLive(&message)); err != nil {
			return false, err
		}
		l.after, l.anchor = m.Seq, reader.Anchor{Seq: m.Seq, Time: message.Time, Subject: message.Subject}
	}
	if ok, err := follows(b.Through + 1); err != nil || !ok {
		return false, err
	}
	if err := l.gap(b.Through + 1); err != nil {
		return false, err
	}
	l.after = max(l.after, b.Through)
	return true, nil
}

// gap hands on the sequences before the next one as lost: the stream has dropped them since it took them. Where the
// capture has a filter they may be other messages, and nothing is said, as about those of cuts.
func (l *live) gap(next uint64) error {
	first, last := max(l.after+1, l.choice.seqs.first), next-1
	if l.choice.seqs.last > 0 {
		last = min(last, l.choice.seqs.last)
	}
	if first > last || len(l.filter) > 0 {
		return nil
	}
	return l.hand(&archive.Item{
		Message: archive.Message{Seq: first}, Last: last, Fate: archive.FateLost,
		Incarnation: l.cut.Plan.Incarnation,
	})
}

// handLive hands on a message of the stream if it is chosen.
func (l *live) handLive(m *archive.Message) error {
	o, seqs := &l.choice.read, l.choice.seqs
	switch {
	case seqs.last > 0 && m.Seq > seqs.last:
		return errEnded
	case m.Seq < seqs.first, !o.From.IsZero() && m.Time.Before(o.From), !o.To.IsZero() && !m.Time.Before(o.To):
		return nil
	}
	matches := func(f string) bool { return wire.Matches(f, m.Subject) }
	if len(o.Subjects) > 0 && !slices.ContainsFunc(o.Subjects, matches) {
		return nil
	}
	i := &archive.Item{Message: *m, Last: m.Seq, Fate: archive.FateStored, Incarnation: l.cut.Plan.Incarnation}
	if !l.choice.holds(i) {
		return nil
	}
	return l.hand(i)
}

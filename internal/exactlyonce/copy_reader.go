package exactlyonce

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// copyReader reads an incarnation of the source of a copy, and waits at its end for more. A goroutine of its own reads
// ahead; it is started by openCopy and ends with Close. Next belongs to the goroutine of the feed, account to that of a
// cut.
type copyReader struct {
	src         *copySource
	incarnation string
	stream      cutlog.Stream
	filter      []string
	batchBytes  int

	cancel context.CancelFunc
	full   chan copyBatch // closed at the end, after err was set
	err    error

	mu    sync.Mutex
	notes copyNotes // about what Next has returned and was not stored
}

// copyBatch is a batch, and what the source says about the sequences between its messages.
type copyBatch struct {
	reader.Batch
	notes copyNotes
	room  []byte // for payloads
}

// openCopy starts to read after a sequence.
func openCopy(
	s *copySource, incarnation string, of cutlog.Stream, cfg reader.OrderedConfig, after uint64,
) *copyReader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &copyReader{
		src: s, incarnation: incarnation, stream: of, filter: cfg.Filter, batchBytes: max(cfg.PullBytes/2, 1),
		cancel: cancel, full: make(chan copyBatch, 1),
	}
	go func() {
		defer close(r.full)
		r.err = r.follow(ctx, after)
	}()
	return r
}

// Next implements reader.Reader.
func (r *copyReader) Next(ctx context.Context) (reader.Batch, error) {
	select {
	case b, ok := <-r.full:
		if !ok {
			return reader.Batch{}, r.err
		}
		r.mu.Lock()
		r.notes.join(&b.notes)
		r.mu.Unlock()
		return b.Batch, nil
	case <-ctx.Done():
		return reader.Batch{}, ctx.Err()
	}
}

// follow reads what there is and what comes, until another incarnation follows or ctx ends.
func (r *copyReader) follow(ctx context.Context, after uint64) error {
	through := after
	for {
		last, next, err := r.look(ctx)
		if err != nil {
			return err
		}
		if through < last {
			if through, err = r.read(ctx, through, last); err != nil {
				return err
			}
		}
		if next != nil {
			return &reader.DivergedError{Stream: r.stream.Name, Was: r.stream.Created, Is: next.Stream.Created, Proved: true}
		}
		if err := retry.Pause(ctx, r.src.poll); err != nil {
			return err
		}
	}
}

// look returns the sequence up to which the incarnation is stored, and the plan that opens the next one, if there is
// one. Then nothing more is stored of this one.
func (r *copyReader) look(ctx context.Context) (last uint64, next *cutlog.Plan, err error) {
	var all []copiedLife
	err = r.src.keeper.run.Retry(ctx, "read the log of the source", permanentlyUnreadable,
		func(ctx context.Context) error {
			all, err = r.src.lives(ctx)
			return err
		})
	if err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(all, func(in copiedLife) bool { return in.opening.Incarnation == r.incarnation })
	if i < 0 {
		return 0, nil, fmt.Errorf("incarnation %s of capture %s is gone: %w",
			r.incarnation, r.src.from.Name(), ErrOtherSource)
	}
	if i+1 < len(all) && all[i+1].newest > 0 {
		next = all[i+1].opening
	}
	return all[i].end, next, nil
}

// fileTries is how often a file that seems damaged is read again before that ends the run.
const fileTries = 3

// read hands on everything up to the sequence last at least. After a fault that time can mend it goes on.
func (r *copyReader) read(ctx context.Context, through, last uint64) (uint64, error) {
	tries := 0
	permanent := func(err error) bool {
		var file *archive.FileError
		if errors.As(err, &file) {
			tries++
			return tries >= fileTries
		}
		return permanentlyUnreadable(err)
	}
	err := r.src.keeper.run.Retry(ctx, "read the archive", permanent, func(ctx context.Context) error {
		before := through
		err := r.pass(ctx, &through, last)
		if through > before {
			tries = 0
		}
		return err
	})
	return through, err
}

// pass reads the source once, and moves through.
func (r *copyReader) pass(ctx context.Context, through *uint64, last uint64) error {
	b := &copyBatch{}
	o := archive.ReadOptions{
		Incarnation: r.incarnation, After: *through, TempDir: r.src.keeper.run.Config.TempDir,
		CheckFirst: true, // an altered message may be in a cut before the rest of its file is read
	}
	size := 0
	for item, err := range r.src.from.Messages(ctx, o) {
		if err != nil {
			return err
		}
		if item.Rounded && item.IsMessage() {
			return fmt.Errorf("convert stream sequence %d of cut %d: %w", item.Seq, item.Cut, archive.ErrRounded)
		}
		size += r.add(b, item)
		if size < r.batchBytes && len(b.Messages) < reader.MaxBatchMessages {
			continue
		}
		if err := r.send(ctx, b, last); err != nil {
			return err
		}
		*through, size, b = b.Through, 0, &copyBatch{}
	}
	if b.Through == 0 {
		return nil
	}
	err := r.send(ctx, b, last)
	*through = b.Through
	return err
}

// send hands a batch to Next.
func (r *copyReader) send(ctx context.Context, b *copyBatch, last uint64) error {
	b.Pending = max(last, b.Through) - b.Through
	select {
	case r.full <- *b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add adds an item to a batch and returns about how many bytes that takes.
func (r *copyReader) add(b *copyBatch, item *archive.Item) int {
	b.Through = item.Last
	b.notes.reached(item.Cut, item.Last)
	if !item.IsMessage() {
		b.notes.add(item)
		return 0
	}
	if len(r.filter) > 0 && !slices.ContainsFunc(r.filter, func(f string) bool { return wire.Matches(f, item.Subject) }) {
		b.notes.absent(cutlog.AbsentFiltered, item.Seq, item.Seq)
		return 0
	}
	m := r.message(b, item)
	b.Messages = append(b.Messages, m)
	return m.Size
}

// message returns the message as a consumer would deliver it. It shares nothing with the item.
func (r *copyReader) message(b *copyBatch, item *archive.Item) reader.Message {
	if item.HeaderRaw != nil {
		stored := storedItem(item.Clone())
		return stored.Delivered(r.stream.Name)
	}
	at := len(b.room)
	if len(item.Data) > cap(b.room)-at {
		b.room, at = make([]byte, 0, max(r.batchBytes/4, len(item.Data))), 0
	}
	b.room = append(b.room, item.Data...)
	m := reader.Message{
		Msg: &nats.Msg{
			Subject: item.Subject, Header: maps.Clone(item.Header), Data: b.room[at:len(b.room):len(b.room)],
			Sub: &nats.Subscription{}, Reply: reader.StoredReply(r.stream.Name, item.Seq, item.Time),
		},
		Seq: item.Seq, Time: item.Time.UnixNano(), Size: len(item.Subject) + len(item.Data),
	}
	for name, values := range item.Header {
		for _, v := range values {
			m.Size += len(name) + len(v) + len(": \r\n")
		}
	}
	return m
}

// storedItem returns a message of the source as its stream had it.
func storedItem(item *archive.Item) reader.StoredMessage {
	return reader.StoredMessage{
		Subject: item.Subject, Seq: item.Seq, Time: item.Time, Header: item.HeaderBlock(), Data: item.Data,
	}
}

// permanentlyUnreadable decides whether an error of the source ends the run.
func permanentlyUnreadable(err error) bool {
	var corrupt *cutlog.CorruptError
	var version *cutlog.VersionError
	var part *archive.NotWholeError
	return errors.As(err, &corrupt) || errors.As(err, &version) || errors.As(err, &part) ||
		errors.Is(err, archive.ErrRounded) || bucket.IsPermanent(err)
}

// Check implements reader.Reader. Finished cuts do not change.
func (r *copyReader) Check(context.Context) error { return nil }

// Ack implements reader.Reader.
func (r *copyReader) Ack(context.Context, uint64) error { return nil }

// AcksNear implements streamReader.
func (r *copyReader) AcksNear(time.Time) (string, bool) { return "", false }

// Unacked implements streamReader.
func (r *copyReader) Unacked() (n, limit int) { return 0, 0 }

// Close implements reader.Reader. It waits for the goroutine.
func (r *copyReader) Close(context.Context) error {
	r.cancel()
	for range r.full { // until it has ended
	}
	return nil
}

// account says what the plan of a cut keeps about its source, and adds to the cut what the source has skipped. The
// goroutine of the cut calls it.
func (r *copyReader) account(ctx context.Context, c *engine.Cut, head *cutlog.Plan) (engine.Checked, error) {
	checked := engine.Checked{
		Stream: engine.StreamFacts{
			Name: r.stream.Name, Created: r.stream.Created, Config: string(r.src.config.Config),
		},
		Source: head.Source,
	}
	checked.Told = &engine.Told{}
	if c.Through == c.From {
		return checked, nil
	}
	told := r.told(c.From, c.Through)
	first, last := told.cuts(c.From, c.Through)
	sum, err := r.src.doneSum(ctx, last)
	if err != nil {
		return checked, err
	}
	checked.Source = &cutlog.Origin{
		Capture: r.src.from.Name(), Incarnation: r.incarnation, FirstCut: first, LastCut: last, Sum: sum,
	}
	checked.Told = &engine.Told{Lost: told.lost, Absent: told.gone}
	c.Skipped = c.Skipped.Union(told.skipped)
	return checked, nil
}

// told returns the notes about a range, and forgets those about what is before.
func (r *copyReader) told(after, through uint64) copyNotes {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = r.notes.within(after, ^uint64(0))
	return r.notes.within(after, through)
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/replay"
	"github.com/jetcapture/jetcapture/internal/restore"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// replayer is one replay of the command.
type replayer struct {
	*replaySettings
	*ticker
	console
	from    *archive.Capture
	account archive.Account
	takes   []string // subjects of the stream
	began   time.Time
}

// count says what the archive has, and finds out whether it can be replayed.
func (r *replayer) count(ctx context.Context) (err error) {
	if r.account, err = r.from.Account(ctx, r.choice.reading()); err != nil {
		return err
	}
	a := &r.account
	all, gaps := a.Messages+a.Dead, a.Absent+a.Lost+a.Skipped
	say(r.stdout, "capture %s has stream sequences %s to %s: %s in %s (%s)\n", r.from.Name(), thousands(int64(a.First)),
		thousands(int64(a.Last)), counted(int64(all), "message"), counted(a.Files, "file"), byteText(a.Bytes))
	if r.chooses() {
		say(r.stdout, "  the options choose among them\n")
	}
	switch {
	case all == 0:
		return fmt.Errorf("capture %s: %w in the range that was asked for", r.from.Name(), restore.ErrNothing)
	case gaps == 0:
		return nil
	}
	say(r.stdout, "  sequences without a message: %s, of which %s lost and %s skipped\n", thousands(int64(gaps)),
		thousands(int64(a.Lost)), thousands(int64(a.Skipped)))
	if r.keep {
		return fmt.Errorf("--keep-sequences: there is no message for %s between %d and %d, and a server leaves out none "+
			"when it is published to: choose a range without gaps by --seq, leave out --keep-sequences, or use "+
			"jetcapture restore", counted(int64(gaps), "sequence"), a.First, a.Last)
	}
	return nil
}

// try says that nothing was published, or fails if the messages cannot be, as far as that can be told.
func (r *replayer) try(ctx context.Context, nc *nats.Conn, prefix string) error {
	if err := r.prepare(ctx, nc, prefix); err != nil {
		return err
	}
	first, stop := iter.Pull2(r.items(ctx))
	defer stop()
	if _, err, _ := first(); err != nil {
		return err
	}
	say(r.stdout, "nothing was published (--dry-run)\n")
	return nil
}

// replay publishes the messages.
func (r *replayer) replay(ctx context.Context, nc *nats.Conn, prefix string) error {
	js, err := replay.JetStream(nc, prefix)
	if err != nil {
		return err
	}
	if err := r.prepare(ctx, nc, prefix); err != nil {
		return err
	}
	r.began = time.Now()
	result, err := replay.Run(ctx, js, r.items(ctx), replay.Options{
		Stream: r.name, Takes: r.takes, Map: r.maps, Speed: r.speed, KeepSequences: r.keep, Progress: r.progress,
	})
	r.show("")
	if err != nil && result.Last == 0 {
		return err
	}
	took := time.Since(r.began)
	say(r.stdout, "stream %s took %s (%s) in %s (%s/s)\n", r.name, counted(int64(result.Messages), "message"),
		byteText(int64(result.Bytes)), took.Round(time.Millisecond),
		thousands(int64(float64(result.Messages)/took.Seconds())))
	if result.Duplicates > 0 {
		say(r.stdout, "  of these, there from an earlier replay: %s\n", thousands(int64(result.Duplicates)))
	}
	if err != nil {
		return fmt.Errorf("%w\nall up to stream sequence %d are confirmed: go on with --seq %d..%s", err, result.Last,
			result.Last+1, r.upTo())
	}
	return nil
}

// upTo is the end of the range that was asked for.
func (r *replayer) upTo() string {
	if r.choice.seqs.last == 0 {
		return ""
	}
	return fmt.Sprint(r.choice.seqs.last)
}

// items are the messages that are chosen.
func (r *replayer) items(ctx context.Context) iter.Seq2[*archive.Item, error] {
	return func(yield func(*archive.Item, error) bool) {
		looked, stopped := false, false
		err := r.choice.each(ctx, r.from, func(i *archive.Item) error {
			if !i.IsMessage() {
				return nil
			}
			if r.dryRun && !looked {
				looked = true
				r.checkSubject(i)
			}
			if stopped = !yield(i, nil); stopped {
				return errStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// checkSubject warns if the stream does not take the subject under which a message is published. A server may map it,
// or another account import it: its answer to the first message decides.
func (r *replayer) checkSubject(i *archive.Item) {
	subject := replay.Subject(r.maps, i.Subject)
	if slices.ContainsFunc(r.takes, func(filter string) bool { return wire.Matches(filter, subject) }) {
		return
	}
	say(r.stderr, "jetcapture: warning: stream %s takes %s, and stream sequence %d is published as %s: unless the server "+
		"maps that, give the messages subjects of the stream with --map 'FROM=TO'\n", r.name,
		cmp.Or(strings.Join(r.takes, ", "), "no messages"), i.Seq, subject)
}

// prepare finds the stream that is to take the messages, or makes it. With --dry-run, nothing is made.
func (r *replayer) prepare(ctx context.Context, nc *nats.Conn, prefix string) error {
	if r.keep {
		return r.prepareSequences(ctx, nc, prefix)
	}
	return r.checkTarget(ctx, nc, prefix)
}

// checkTarget looks at the stream that is to take the messages. The one that was captured is refused if nothing would
// tell old messages from new ones.
func (r *replayer) checkTarget(ctx context.Context, nc *nats.Conn, prefix string) error {
	info, err := lookUp(ctx, nc, prefix, r.name, "make it first, or let --keep-sequences make it")
	if err != nil {
		return err
	}
	if r.takes, err = takenBy(info); err != nil {
		return err
	}
	last, err := r.from.Last(ctx)
	if err != nil || len(r.maps) > 0 {
		return err
	}
	for cut, err := range r.from.CutsFrom(ctx, last) {
		if err != nil {
			return err
		}
		if cut.Plan.Stream.Name == r.name && cut.Plan.Stream.Created.Equal(info.Created) {
			return fmt.Errorf("%s is the stream that was captured: its messages would come twice. "+
				"Choose another stream, or other subjects with --map", r.name)
		}
	}
	return nil
}

// prepareSequences makes the stream whose sequences are kept, or finds it where an earlier replay ended.
func (r *replayer) prepareSequences(ctx context.Context, nc *nats.Conn, prefix string) error {
	info, err := reader.NewSource(nc, prefix, r.name).Info(ctx)
	if errors.Is(err, reader.ErrStreamNotFound) {
		return r.create(ctx, nc, prefix)
	}
	if err != nil {
		return advise(err)
	}
	if r.takes, err = takenBy(info); err != nil {
		return err
	}
	switch last := info.LastSeq; {
	case last+1 == r.account.First:
		return nil
	case last >= r.account.Last:
		return fmt.Errorf("--keep-sequences: stream %s has sequences up to %d already: nothing is left to replay", r.name,
			last)
	default:
		return fmt.Errorf("--keep-sequences: stream %s exists, and its next message gets sequence %d: go on with "+
			"--seq %[2]d..%s, or choose a stream that does not exist", r.name, last+1, r.upTo())
	}
}

// create makes the stream, so that its first message gets the sequence that it has in the archive. Its subjects are
// mapped as those of the messages are.
func (r *replayer) create(ctx context.Context, nc *nats.Conn, prefix string) (err error) {
	maker := &restorer{
		restoreSettings: &restoreSettings{name: r.name}, from: r.from, nc: nc, prefix: prefix, account: r.account,
	}
	if err := maker.configure(ctx); err != nil {
		return err
	}
	if r.takes, err = subjectsOf(maker.config); err != nil {
		return err
	}
	for i, subject := range r.takes {
		r.takes[i] = replay.Subject(r.maps, subject)
	}
	err = errors.Join(maker.config.Set("subjects", r.takes), maker.config.Set("first_seq", r.account.First))
	if err != nil {
		return err
	}
	err = checkReplicas(nc, prefix, maker.config, fmt.Sprintf("make it first, with one replica and first_seq %d "+
		"(nats stream add --config FILE; jetcapture ls --stream-config prints how it was configured)", r.account.First))
	if err != nil {
		return err
	}
	err = checkSubjects(ctx, nc, prefix, maker.config, "give the messages others with --map, or replay to another account")
	if err != nil || r.dryRun {
		return err
	}
	if err := createStream(ctx, nc, prefix, maker.config); err != nil {
		return err
	}
	for _, c := range maker.changes {
		say(r.stdout, "  the configuration differs from the recorded one: %s was %s: %s\n", c.Name, wasText(c), c.Why)
	}
	return nil
}

// progress shows how far the replay is.
func (r *replayer) progress(p replay.Result) {
	r.tick(func() string {
		return fmt.Sprintf("%s of %s messages, up to sequence %d, %s/s", thousands(int64(p.Messages)),
			thousands(int64(r.account.Messages+r.account.Dead)), p.Last,
			thousands(int64(float64(p.Messages)/time.Since(r.began).Seconds())))
	})
}

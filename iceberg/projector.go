package iceberg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
)

// Projector appends the cuts of a capture to a table, or what is lost and dead in them. Any number of them may work on
// one table, with this or other captures. It is used by one goroutine.
type Projector struct {
	Bucket        bucket.Bucket
	Capture       *archive.Capture // in Bucket
	Place         string           // of the archive for readers of the table: a URL or a path, with no slash at its end
	Catalog       catalog.Catalog
	Table         table.Identifier
	TableLocation string     // of a new table; empty: as the catalog says
	Losses        bool       // the table has the lost and the dead sequences, not the messages
	Converted     *Converted // its files take the place of those that they were made of; nil: none do
	Hours         bool       // partitions are hours, not days
	Batch         int        // so many cuts are one snapshot at most, when there are several
	Keep          int        // so many snapshots are kept, at least; 0: all
	Poll          time.Duration
	Logger        *slog.Logger

	newest uint64 // cut in the table, when that was last read
	passed passed
}

// giveUp is how long commits are tried while nobody gets ahead. A warehouse without a catalog is closed for a minute
// after a process was killed in a commit.
const giveUp = 3 * time.Minute

func (p *Projector) name() string { return strings.Join(p.Table, ".") }

// Run appends all complete cuts. With once it returns then; otherwise it waits for more, until ctx ends. An error other
// than of a commit ends it.
func (p *Projector) Run(ctx context.Context, once bool) error {
	failed, since, changed := 0, time.Now(), false
	for {
		more, err := p.step(ctx)
		if err == nil && !more && p.Converted != nil {
			more, err = p.replace(ctx)
		}
		var pause time.Duration
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isCommit(err) && time.Since(since) < giveUp:
			failed++
			pause = min(5*time.Second, time.Duration(1<<min(failed, 10))*25*time.Millisecond)
			p.Logger.Warn("commit failed or without an answer, reading the table again", "table", p.name(), "error", err)
		case err != nil:
			return err
		case !more && once:
			if !changed {
				p.Logger.Info("nothing new", "table", p.name(), "cut", p.newest)
			}
			return nil
		case !more:
			pause = p.Poll
		}
		if err == nil {
			changed = changed || more
			failed, since = 0, time.Now().Add(pause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// commitError is the error of a commit: it failed, or nobody knows. Both end in reading the table again.
type commitError struct{ err error }

func (e *commitError) Error() string { return e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

func isCommit(err error) bool {
	var commit *commitError
	return errors.As(err, &commit)
}

// step appends the next cuts. more is false if there are none.
func (p *Projector) step(ctx context.Context) (more bool, err error) {
	t, err := p.Catalog.LoadTable(ctx, p.Table)
	missing := errors.Is(err, catalog.ErrNoSuchTable) || errors.Is(err, catalog.ErrNoSuchNamespace)
	if err != nil && !missing {
		return false, fmt.Errorf("load table %s: %w", p.name(), err)
	}
	if p.Losses && (missing || t.Properties()[madeHere] == "") {
		return true, p.beginLosses(ctx, t)
	}
	pos := position{}
	if !missing {
		if pos, err = p.position(ctx, t); err != nil {
			return false, err
		}
	}
	p.newest = pos.cut
	b, err := p.next(ctx, pos)
	if err != nil {
		return false, err
	}
	if b.cuts == 0 {
		p.pass(ctx, t, pos)
		return false, nil
	}
	if missing {
		if t, err = p.create(ctx, b.shapes[0]); err != nil {
			return false, err
		}
	}
	if changed, err := p.reshape(ctx, t, b.shapes); err != nil || changed {
		return true, err
	}
	files, err := p.dataFiles(t, b)
	if err != nil {
		return false, err
	}
	return true, p.append(ctx, t, b, files)
}

// batch is what one snapshot adds.
type batch struct {
	from   uint64 // behind this sequence
	last   tablefiles.Cut
	files  []dataFile
	losses []loss
	shapes []shape // each once
	cuts   int
}

// next reads the next cuts, Batch at most. The first one has something for the table.
func (p *Projector) next(ctx context.Context, pos position) (b batch, err error) {
	after := pos.cut
	if p.passed.behind == pos.cut {
		after = max(after, p.passed.cut)
	}
	for cut, err := range tablefiles.Cuts(ctx, p.Bucket, p.Capture, after) {
		if err != nil {
			return b, fmt.Errorf("%w; jetcapture verify says all that is wrong", err)
		}
		if b.cuts == 0 && !p.wants(cut) {
			p.passed = passed{positionOf(cut), pos.cut, watermarkOf(cut)}
			continue
		}
		if b.cuts == 0 {
			b.from = cut.Plan.From
		}
		add := p.add
		if p.Losses {
			add = p.addLosses
		}
		if err := add(ctx, &b, cut); err != nil {
			return b, fmt.Errorf("cut %d: %w", cut.N, err)
		}
		if b.last, b.cuts = cut, b.cuts+1; b.cuts >= p.Batch || len(b.losses) >= lossesAtOnce {
			break
		}
	}
	return b, nil
}

// wants reports whether a cut has something for the table.
func (p *Projector) wants(cut tablefiles.Cut) bool {
	if p.Losses {
		counts := cut.Counts()
		return counts.Lost+counts.Dead > 0
	}
	return len(cut.Files) > 0
}

// append adds a batch as one snapshot, if the table has the snapshot that was read.
func (p *Projector) append(ctx context.Context, t *table.Table, b batch, files []ice.DataFile) error {
	pos, watermark := positionOf(b.last), watermarkOf(b.last)
	properties := ice.Properties{p.property("cut"): pos.String(), p.property("watermark"): watermark}
	t, err := p.commit(ctx, t, properties, func(txn *table.Transaction) error {
		if p.Losses {
			return appendLosses(ctx, txn, b.losses, p.summary(b, pos, watermark))
		}
		return txn.AddDataFiles(ctx, files, p.summary(b, pos, watermark), table.WithoutDuplicateCheck(),
			table.WithoutAutoNameMapping())
	})
	if err != nil {
		return err
	}
	p.Logger.Info("cuts appended", "table", p.name(), "cut", pos.cut, "cuts", b.cuts, "files", len(files),
		"watermark", watermark)
	p.tidy(ctx, t)
	return nil
}

// commit commits a change and properties in one transaction, if the table has the snapshot that was read. Its errors
// are a *commitError.
func (p *Projector) commit(
	ctx context.Context, t *table.Table, properties ice.Properties, change func(*table.Transaction) error,
) (*table.Table, error) {
	txn := t.NewTransaction()
	err := txn.AssertRefSnapshotID("")
	if err == nil {
		err = txn.SetProperties(properties)
	}
	if err == nil {
		err = change(txn)
	}
	if err == nil {
		t, err = txn.Commit(ctx)
	}
	if err != nil {
		return nil, &commitError{err}
	}
	return t, nil
}

func (p *Projector) property(what string) string {
	return "jetcapture." + p.Capture.Name() + "." + what
}

// summary is what the snapshot says about itself.
func (p *Projector) summary(b batch, pos position, watermark string) ice.Properties {
	plan := b.last.Plan
	return ice.Properties{
		"jetcapture.capture": p.Capture.Name(), "jetcapture.cut": pos.String(), "jetcapture.watermark": watermark,
		"jetcapture.from": fmt.Sprint(b.from), "jetcapture.to": fmt.Sprint(plan.To),
		"jetcapture.incarnation": plan.Incarnation,
	}
}

// watermarkOf is the time up to which everything that the stream had is in the table: that of the last message at or
// below the end of the cut. It has always as many digits, so that texts compare as times.
func watermarkOf(cut tablefiles.Cut) string {
	return cut.Plan.Anchor.Time.UTC().Format("2006-01-02T15:04:05.000000000Z")
}

package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Checked is what the check before a cut has found out: what its plan says beside the cut itself.
type Checked struct {
	Reason cutlog.Reason
	Stream StreamFacts
	Witness
	Notes  []string
	Source *cutlog.Origin // of a copy
}

// Delivery is what one commit needs of the running capture.
type Delivery interface {
	// Content returns the file of a block of the cut. The cut's Redoer stores it. Several goroutines may call it.
	Content(b *Block) Content
	// OwesAcks reports whether anything can be acknowledged: there is a durable consumer, and its stream still
	// exists. It is called after the done record.
	OwesAcks(ctx context.Context) bool
	// Ack acknowledges everything that was delivered up to the stream sequence to. It is called last, and only if the
	// stream is still the one that was read. It returns when the server has confirmed the acks.
	Ack(ctx context.Context, to uint64) error
}

// Outcome says whose plan holds the number of a cut.
type Outcome int

// The outcomes of a commit that ends without an error. After all but Won the open blocks must be dropped, and the log
// entered again.
const (
	Won       Outcome = iota // ours: the cut is in the archive
	Beaten                   // another writer's: nothing of our cut was stored
	Overtaken                // ours, but other writers have finished it and gone on
)

// Committed is the result of a commit.
type Committed struct {
	Outcome Outcome
	// Cut holds the records of the cut if it was Won. Lost is set if another writer has stored part of it after
	// messages had expired.
	Cut cutlog.Head
	// Unacked is why acks are not confirmed. It does not touch the archive: the messages come again, are recognized
	// as stored, and are acknowledged then. Nil if they are confirmed, or if there is nothing to acknowledge.
	Unacked error
}

// Commit carries out the cut c, in this order: the plan, the files, the done record, the question whether the stream
// is still the same, the acks. After an error the caller must not go on with the log before it has entered it again;
// the next Enter finishes what was planned.
func (e *Entry) Commit(ctx context.Context, c *Cut, checked Checked, d Delivery) (Committed, error) {
	p := c.Plan(e.Head, e.planFacts(checked))
	won, err := e.plan(ctx, checked.Stream, p)
	if err != nil {
		return Committed{}, err
	}
	if !won {
		return Committed{Outcome: Beaten}, nil
	}
	err = e.carryOut(ctx, p, func(i int) Content { return d.Content(c.Blocks[i]) })
	if errors.Is(err, ErrOvertaken) {
		return Committed{Outcome: Overtaken}, nil
	}
	if err != nil {
		return Committed{}, err
	}
	done := Committed{Outcome: Won, Cut: e.Head}
	done.Unacked = e.ack(ctx, p.To, d)
	return done, nil
}

// planFacts is what the plan of a checked cut says beside the cut.
func (e *Entry) planFacts(c Checked) Facts {
	f := e.Facts(c.Stream, c.Reason)
	f.Stream, f.Witness, f.Notes, f.Source = c.Stream, c.Witness, c.Notes, c.Source
	return f
}

// carryOut stores the files of p, whose contents are in memory or in the spool, and puts the done record.
func (e *Entry) carryOut(ctx context.Context, p *cutlog.Plan, content func(i int) Content) error {
	files := make([]cutlog.File, len(p.Blocks))
	err := e.Redoer.Each(ctx, len(files), func(ctx context.Context, i int) (err error) {
		files[i], err = e.store(ctx, e.Redoer, p, i, content(i))
		return err
	})
	if err != nil {
		return fmt.Errorf("store the files of cut %d: %w", p.N, err)
	}
	e.At(AfterFiles)
	return e.finish(ctx, files)
}

// store stores the file of block i of p. It is the only way by which data files come into the archive.
func (w *Writer) store(ctx context.Context, r Redoer, p *cutlog.Plan, i int, c Content) (cutlog.File, error) {
	f, err := r.Put(ctx, p, i, c)
	if err == nil {
		w.At(AfterFile)
	}
	return f, err
}

// ack acknowledges what a done record covers. The stream is judged first: acks name messages by their sequence, and
// after a rollback a late one would hit another message.
func (e *Entry) ack(ctx context.Context, to uint64, d Delivery) error {
	if !d.OwesAcks(ctx) {
		return nil
	}
	same, err := e.MayAck(ctx)
	if same {
		err = d.Ack(ctx, to)
	}
	e.At(AfterAck)
	return err
}

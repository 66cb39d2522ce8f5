package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Copied is the source of a capture whose messages come from the archive of another capture. The other log says what a
// stream can only show, so nothing is judged: each incarnation of the other capture becomes one of this capture, with
// the same beginning. An Entry calls its methods from its goroutine.
type Copied interface {
	// Follows returns the incarnation that the log must open now: the first one if head is the zero Head, or that after
	// head's, once everything of head's is stored. Otherwise it returns nil. It is an error if head was not made from
	// this source.
	Follows(ctx context.Context, head cutlog.Head) (*CopiedOpening, error)
}

// CopiedOpening is an incarnation of the other capture.
type CopiedOpening struct {
	Plan   *cutlog.Plan // that opened it there
	Source cutlog.Origin
}

// ErrNotCopied says that a capture of a stream and a capture that is made from an archive cannot go on with each
// other's log.
var ErrNotCopied = errors.New("one was made from an archive, and the other one from a stream")

// Told is what the source of a copy says about sequences that it has no message of. All others that a copy does not
// have are absent for unknown reasons.
type Told struct {
	Lost   map[cutlog.LostReason]cutlog.SeqSet
	Absent map[cutlog.AbsentReason]cutlog.SeqSet
}

// explain gives the holes of a cut the reasons of the source.
func (t *Told) explain(r *reasons, all cutlog.SeqSet) {
	for _, reason := range sortedKeys(t.Lost) {
		r.lose(reason, t.Lost[reason])
	}
	for _, reason := range sortedKeys(t.Absent) {
		r.away(reason, t.Absent[reason])
	}
	r.away(cutlog.AbsentUnknown, all)
}

// sortedKeys returns the keys of a map, ascending.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// openCopied puts the plan that opens an incarnation of the source.
func (e *Entry) openCopied(ctx context.Context, o *CopiedOpening) (won bool, err error) {
	f := e.Facts(StreamFacts{}, cutlog.ReasonOpen)
	f.Source = &o.Source
	p := copyOpening(e.Head, o.Plan, f)
	if p.N == 1 {
		p.Format = &e.Format
	}
	s, err := e.Source.Facts(ctx)
	if err != nil {
		return false, err
	}
	return e.plan(ctx, s, p)
}

// copyOpening makes the plan that opens the incarnation which the plan from has opened in the source.
func copyOpening(head cutlog.Head, from *cutlog.Plan, f Facts) *cutlog.Plan {
	return &cutlog.Plan{
		Version: cutlog.Version, N: head.N + 1, Prev: head.DoneSum,
		Writer: f.Writer, Reason: cutlog.ReasonOpen, Time: f.Time.UTC(),
		Stream:      from.Stream,
		Incarnation: cutlog.IncarnationID(f.Capture, from.Stream.Name, from.Stream.Created, head.N+1),
		Opens:       true, Opened: head.N + 1, Cause: from.Cause, Past: from.Past,
		From: from.From, To: from.To, Anchor: from.Anchor, Source: f.Source, Notes: from.Notes, Settings: f.Settings,
		Lost: from.Lost, Absent: from.Absent, AbsentBy: from.AbsentBy,
	}
}

// follow opens the incarnation that follows the head's in the source of a copy, if it is time.
func (e *Entry) follow(ctx context.Context) (opened bool, err error) {
	if e.Copied == nil {
		return false, nil
	}
	next, err := e.Copied.Follows(ctx, e.Head)
	if err != nil || next == nil {
		return false, err
	}
	old := e.Head.Plan
	won, err := e.openCopied(ctx, next)
	if err != nil || !won {
		return true, err
	}
	e.Observer.Diverged(old, e.Head.Plan, "the source goes on with another incarnation: "+next.Plan.Incarnation)
	return true, overtaken(e.Done(ctx, nil))
}

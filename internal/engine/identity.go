package engine

import (
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// StreamFacts is what a stream says about itself.
type StreamFacts struct {
	Name       string
	Created    time.Time
	Configured uint64 // configured first sequence, at least 1
	FirstSeq   uint64
	LastSeq    uint64
	// Newest is the time of the newest message that the stream ever had, also if that is gone. Zero: it had none.
	Newest    time.Time
	Retention Retention
	// Config is the configuration of the stream, a JSON object in the server's own words; empty if it is not known.
	Config string
}

// NeverAfter returns the sequences of the stream that no message ever had: `nats stream purge --seq` beyond the end
// makes such ones. They are proved only in an empty stream whose newest message, as the stream remembers, was the
// anchor. It is known by its time: where a server's clock is so coarse that several messages have one, those behind the
// anchor that are gone may get the wrong word.
func (s StreamFacts) NeverAfter(a cutlog.Anchor) cutlog.SeqSet {
	if s.FirstSeq <= s.LastSeq || !s.Newest.Equal(a.Time) { // without an anchor, its time is zero
		return cutlog.SeqSet{}
	}
	return span(a.Seq+1, s.LastSeq)
}

// AnchorLook is what a stream has at the sequence of an anchor.
type AnchorLook int

// The outcomes of looking at an anchor.
const (
	AnchorSame    AnchorLook = iota // the same message, or there is no anchor to look at
	AnchorMissing                   // no message, as usual on work queues and after expiry
	AnchorOther                     // another message
)

// Identity is what a stream is to a capture.
type Identity int

// The identities of a stream.
const (
	Same       Identity = iota // resume
	Recreated                  // another stream of that name: a new incarnation
	Restored                   // a restored copy of the stream, which has what was stored: a new incarnation that goes on
	RolledBack                 // the same stream has lost its newest messages: a new incarnation
	Foreign                    // a stream that the log has left, or an older one: it is another server's
)

// Judge compares a stream with the head of the log. past are the creation times of the streams that the log has left. A
// stream that takes the place of another one is created after it, so an older one is somebody else's. A restored stream
// has a new time of creation, and its messages keep their sequences, times and contents.
func Judge(head cutlog.Head, s StreamFacts, look AnchorLook, past []time.Time) Identity {
	p := head.Plan
	if !s.Created.Equal(p.Stream.Created) {
		if s.Created.Before(p.Stream.Created) || slices.ContainsFunc(past, s.Created.Equal) {
			return Foreign
		}
		if look == AnchorSame && p.Anchor.Seq > 0 && s.LastSeq >= p.To {
			return Restored
		}
		return Recreated
	}
	if s.LastSeq < p.To || look == AnchorOther {
		return RolledBack
	}
	return Same
}

// Opening describes a new incarnation.
type Opening struct {
	Stream StreamFacts
	From   uint64        // the first cut begins after this sequence
	Anchor cutlog.Anchor // for a rolled-back or restored stream: the newest one that still matches
	Past   []time.Time   // creation times of the streams that the log has left
	Cause  cutlog.Cause
	Note   string // why it is opened, for people
}

// OpenPlan makes the plan that opens an incarnation. For an empty log it opens the capture. It has no blocks. What a
// recreated stream dropped before we saw it is recorded as lost.
func OpenPlan(head cutlog.Head, o Opening, f Facts) *cutlog.Plan {
	p := &cutlog.Plan{
		Version: cutlog.Version, N: head.N + 1, Prev: head.DoneSum,
		Writer: f.Writer, Reason: cutlog.ReasonOpen, Time: f.Time.UTC(),
		Stream:      cutlog.Stream{Name: o.Stream.Name, Created: o.Stream.Created},
		Incarnation: cutlog.IncarnationID(f.Capture, o.Stream.Name, o.Stream.Created, head.N+1),
		Opens:       true, Opened: head.N + 1, Cause: o.Cause, Past: o.Past,
		From: o.From, To: o.From, Anchor: o.Anchor, Settings: f.Settings,
	}
	if o.Note != "" {
		p.Notes = append(p.Notes, o.Note)
	}
	if head.Plan == nil || o.Stream.FirstSeq <= o.From+1 {
		return p
	}
	p.To = o.Stream.FirstSeq - 1
	absent := cutlog.AbsentUnknown
	switch r := o.Stream.Retention; {
	case !o.Stream.NeverAfter(o.Anchor).Empty():
		absent = cutlog.AbsentNever
	case !r.Filtered && !r.Acks:
		p.Lost = []cutlog.LostRange{{Reason: cutlog.LostRecreated, Seqs: span(o.From+1, p.To)}}
		return p
	}
	p.Absent = p.To - p.From
	p.AbsentBy = map[cutlog.AbsentReason]uint64{absent: p.Absent}
	return p
}

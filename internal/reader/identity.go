package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// Error says how the stream differs from the one that was read.
func (e *DivergedError) Error() string {
	if e.RolledBack {
		return fmt.Sprintf("stream %q was rolled back: it ends at sequence %d now, "+
			"or holds another message where one was read before", e.Stream, e.Info.LastSeq)
	}
	return fmt.Sprintf("stream %q was recreated: it was created at %s, the one read before at %s",
		e.Stream, e.Is.Format(time.RFC3339Nano), e.Was.Format(time.RFC3339Nano))
}

// identity is what a reader knows of its stream, and what it recognises the stream by. It belongs to the reader's
// goroutine.
type identity struct {
	created   time.Time // when the stream was created; zero: not known yet
	after     uint64    // the stream had this sequence, so its last one cannot be lower
	anchor    Anchor    // of the position
	last      Message   // the last one accepted, which is the newest anchor; zero Seq: none
	suspected time.Time // when the stream first looked rolled back; zero while it does not
}

// newIdentity begins with what a position says.
func newIdentity(p Position) identity {
	return identity{created: p.Created, after: p.After, anchor: p.Anchor}
}

// accepted notes a message that was accepted.
func (id *identity) accepted(m Message) {
	id.last = m
	id.after = max(id.after, m.Seq)
}

// anchorSeq returns the sequence of the newest anchor; 0 if there is none.
func (id *identity) anchorSeq() uint64 {
	return max(id.anchor.Seq, id.last.Seq)
}

// matches compares what the stream holds at anchorSeq with what was read there.
func (id *identity) matches(m StoredMessage) bool {
	if id.last.Seq == 0 || id.last.Seq < id.anchor.Seq {
		a := id.anchor
		return m.Time.Equal(a.Time) && m.Subject == a.Subject &&
			(a.Hash == "" || a.Hash == cutlog.HashMessage(m.Subject, m.Header, m.Data))
	}
	msg := id.last.Msg
	return m.Time.UnixNano() == id.last.Time && m.Subject == JSONSubject(msg.Subject) && bytes.Equal(m.Data, msg.Data) &&
		sameHeader(m, id.last)
}

// JSONSubject returns a subject as STREAM.MSG.GET does. JSON cannot hold bytes that are not UTF-8, so the server's
// encoder replaces each of them by U+FFFD (encoding/json, appendString). A delivered and a stored subject can be
// compared in this form only.
func JSONSubject(subject string) string {
	if utf8.ValidString(subject) {
		return subject
	}
	return string([]rune(subject))
}

// sameHeader compares the header of a stored message with that of a delivered one, of which usually only the parsed
// form is known.
func sameHeader(stored StoredMessage, m Message) bool {
	if len(stored.Header) == 0 {
		return len(m.Msg.Header) == 0 && m.Header == nil
	}
	if m.Header != nil {
		return len(m.Header) == 0 || bytes.Equal(stored.Header, m.Header)
	}
	parsed, raw := stored.ParseHeader()
	return raw == nil && maps.EqualFunc(parsed, m.Msg.Header, slices.Equal)
}

// prove checks that the stream is still the one that id describes. The error is a *DivergedError, or says why it could
// not find out. A stream that looks rolled back is looked at again after secondLook, in this call or a later one. It is
// judged only while it has a leader, since a new leader may still have to catch up.
func (s *Source) prove(ctx context.Context, id *identity, secondLook time.Duration) (StreamInfo, error) {
	for {
		info, same, err := s.compare(ctx, id)
		switch {
		case err != nil:
			return info, err
		case same:
			id.suspected = time.Time{}
			return info, nil
		case !info.HasLeader:
			id.suspected = time.Time{}
		case id.suspected.IsZero():
			id.suspected = time.Now()
		case time.Since(id.suspected) >= secondLook:
			return info, &DivergedError{Stream: s.stream, Was: id.created, Is: info.Created, RolledBack: true, Info: info}
		}
		if err := retry.Pause(ctx, max(secondLook-time.Since(id.suspected), secondLook/10)); err != nil {
			return info, fmt.Errorf("stream %q looks rolled back, a second look will tell: %w", s.stream, err)
		}
	}
}

// compare looks at the stream once. If it was created at another time, the error is a *DivergedError at once.
func (s *Source) compare(ctx context.Context, id *identity) (info StreamInfo, same bool, err error) {
	info, err = s.Info(ctx)
	if err != nil {
		return info, false, err
	}
	if !id.created.IsZero() && !info.Created.Equal(id.created) {
		return info, false, &DivergedError{Stream: s.stream, Was: id.created, Is: info.Created, Info: info}
	}
	if info.LastSeq < id.after {
		return info, false, nil
	}
	seq := id.anchorSeq()
	if seq == 0 { // nothing to compare, but a missing permission must show now, not at the first cut
		seq = info.LastSeq + 1
	}
	stored, err := s.Get(ctx, seq)
	switch {
	case errors.Is(err, ErrMessageNotFound): // dropped since, as is usual on WorkQueue and Interest
		return info, true, nil
	case id.anchorSeq() == 0 && err == nil: // a message stored since Info
		return info, true, nil
	case err != nil:
		return info, false, err
	default:
		return info, id.matches(stored), nil
	}
}

package jetcapture

import (
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// streamStats returns what the server says about a stream, with what is known from before.
func streamStats(before *StreamStats, info *reader.StreamInfo, now time.Time) StreamStats {
	return StreamStats{
		SeenAt: now, Retention: strings.ToLower(info.Retention.String()),
		FirstSeq: info.FirstSeq, FirstTime: info.FirstTime, LastSeq: max(info.LastSeq, before.LastSeq),
		Messages: info.Messages, Bytes: info.Bytes,
		MaxAge: info.MaxAge, MaxMessages: info.MaxMessages, MaxBytes: info.MaxBytes, MaxPerSubject: info.MaxPerSubject,
		RefusesNew: info.RefusesNew, ClockOffset: info.ClockOffset, Rate: before.Rate,
		came: before.LastSeq - min(info.LastSeq, before.LastSeq),
	}
}

// reach notes that the stream has given a sequence.
func (st *StreamStats) reach(seq uint64) {
	if seq > st.LastSeq {
		st.came += seq - st.LastSeq
		st.LastSeq = seq
	}
}

// mark is a message: its timestamp in nanoseconds since the Unix epoch, and its stream sequence. Zero is no message.
type mark struct {
	time int64
	seq  uint64
}

// older returns the one with the earlier timestamp.
func (m mark) older(n mark) mark {
	if m.time == 0 || n.time != 0 && n.time < m.time {
		return n
	}
	return m
}

// inHand knows the oldest message that was read and is not stored.
type inHand struct {
	open    mark  // of the open cut
	sealed  mark  // of the cut that is being stored
	dropped mark  // of what was dropped, to be read again
	bound   int64 // timestamp of the last stored message when reading began
	read    bool  // something was heard of the stream since reading began
}

// position notes that reading begins behind a message with a timestamp.
func (h *inHand) position(at time.Time) {
	h.open, h.sealed, h.read, h.bound = mark{}, mark{}, false, 0
	if !at.IsZero() {
		h.bound = at.UnixNano()
	}
}

// take notes messages that were put into blocks, and the oldest one of the open cut. If no block is open, all of them
// were left out, and nothing is owed.
func (h *inHand) take(e capture.Taken, oldest mark) {
	h.open = oldest
	if e.Blocks == 0 {
		h.open = mark{}
	}
	if len(e.Messages) > 0 || e.Pending == 0 {
		h.read, h.dropped = true, mark{}
	}
}

// detach notes that the open cut was closed, to be stored.
func (h *inHand) detach() { h.sealed, h.open = h.open, mark{} }

// stored notes that this cut is stored.
func (h *inHand) stored() { h.sealed = mark{} }

// drop notes that all that was read and not stored is read again.
func (h *inHand) drop() {
	h.dropped = h.dropped.older(h.open).older(h.sealed)
	h.open, h.sealed, h.read = mark{}, mark{}, false
}

// oldest fills in OldestTime and OldestSeq.
func (h *inHand) oldest(s *Stats) {
	m := h.open.older(h.sealed).older(h.dropped)
	if m.time != 0 {
		s.OldestTime, s.OldestSeq = time.Unix(0, m.time).UTC(), m.seq
		return
	}
	unread := s.Lag > 0
	if !h.read {
		unread = s.Stream.LastSeq > s.StoredSeq && s.Archive != ""
	}
	if !unread {
		return
	}
	s.OldestTime = s.unreadTime()
	if at := time.Unix(0, h.bound).UTC(); h.bound != 0 && at.After(s.OldestTime) {
		s.OldestTime = at
	}
}

// rateMeter measures the rate at which a stream takes messages.
type rateMeter struct{ past []rateSample }

// rateSample is the last sequence of the stream at a time.
type rateSample struct {
	at  time.Time
	seq uint64
}

const (
	rateOver  = 5 * time.Minute // the time over which the rate is averaged
	rateEvery = 5 * time.Second // between two samples
)

// note takes a sample if it is time for one, and returns the rate in messages per second.
func (r *rateMeter) note(now time.Time, seq uint64) float64 {
	n := len(r.past)
	if seq > 0 && (n == 0 || now.Sub(r.past[n-1].at) >= rateEvery) {
		r.past = append(r.past, rateSample{now, seq})
		for now.Sub(r.past[0].at) > rateOver {
			r.past = r.past[1:]
		}
	}
	if len(r.past) < 2 {
		return 0
	}
	first, last := r.past[0], r.past[len(r.past)-1]
	return float64(last.seq-min(first.seq, last.seq)) / last.at.Sub(first.at).Seconds()
}

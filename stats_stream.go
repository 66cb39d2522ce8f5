package jetcapture

import (
	"math"
	"time"
)

// StreamStats are a stream as its server described it last. It is asked at each cut, and twice a minute.
type StreamStats struct {
	SeenAt    time.Time // when the server described it, by the local clock; zero if it never did
	Retention string    // limits, interest or workqueue
	FirstSeq  uint64    // sequence of the oldest message, or one beyond LastSeq if there is none
	FirstTime time.Time // its timestamp
	LastSeq   uint64    // the highest sequence that was seen, in this description or later
	Messages  uint64    // in the stream
	Bytes     uint64    // of these messages
	// The limits of the stream. 0 means that there is none.
	MaxAge        time.Duration
	MaxMessages   int64
	MaxBytes      int64
	MaxPerSubject int64
	RefusesNew    bool // a stream that is full refuses messages and drops none
	// ClockOffset is how far the local clock is ahead of the server's, which makes the timestamps of messages.
	ClockOffset time.Duration
	// Rate is how many messages a second the stream takes, averaged over up to five minutes; 0 if it is not known.
	Rate float64

	came uint64 // sequences that the stream was seen to give since it was described
}

// Never is a time that does not come.
const Never = time.Duration(math.MaxInt64)

// Headroom is how long it takes at the present rate until a message is dropped by a limit of the stream: Never if the
// stream lacks the limit, or if there is no such message. It is an estimate, and not more than the truth as long as the
// rate does not grow. It is negative if the message may be gone. MaxPerSubject and the TTL of single messages cannot be
// foreseen and are not part of it.
type Headroom struct {
	Age, Messages, Bytes time.Duration
}

// Least is the shortest of the three, and the limit of the stream that it comes from: age, messages or bytes. The limit
// is empty if the headroom is Never.
func (h Headroom) Least() (d time.Duration, limit string) {
	d = Never
	for _, one := range []struct {
		d     time.Duration
		limit string
	}{{h.Age, "age"}, {h.Messages, "messages"}, {h.Bytes, "bytes"}} {
		if one.d < d {
			d, limit = one.d, one.limit
		}
	}
	return d, limit
}

// Freshness is the age of the oldest message that is not stored, by the server's clock, and 0 if everything is stored.
// now is the local time.
func (s *Stats) Freshness(now time.Time) time.Duration {
	if s.OldestTime.IsZero() {
		return 0
	}
	return max(s.serverTime(now).Sub(s.OldestTime), 0)
}

// StoredThrough is the watermark: all messages with an earlier timestamp are stored. It is zero if that is not known.
func (s *Stats) StoredThrough() time.Time {
	switch {
	case !s.OldestTime.IsZero():
		return s.OldestTime
	case s.CaughtUp.IsZero():
		return time.Time{}
	}
	return s.serverTime(s.CaughtUp)
}

// serverTime is the server's time at a local time.
func (s *Stats) serverTime(local time.Time) time.Time { return local.Add(-s.Stream.ClockOffset).UTC() }

// Headroom returns how long it takes until the stream drops the oldest message that is not read, and the oldest one
// that is not stored. now is the local time.
func (s *Stats) Headroom(now time.Time) (unread, unstored Headroom) {
	unread = Headroom{Never, Never, Never}
	unstored = unread
	if s.Unread > 0 {
		unread = s.headroom(now, s.unreadTime(), s.Unread)
	}
	switch {
	case s.OldestTime.IsZero():
	case s.OldestSeq == 0:
		unstored = unread
	default:
		unstored = s.headroom(now, s.OldestTime, s.Stream.LastSeq-min(s.OldestSeq-1, s.Stream.LastSeq))
	}
	return unread, unstored
}

// headroom is that of a message with a timestamp. behind is how many messages the stream has from it on.
func (s *Stats) headroom(now, at time.Time, behind uint64) Headroom {
	st := &s.Stream
	behind = min(behind, max(st.Messages+st.came, s.Lag)) // sequences may be missing in the stream
	h := Headroom{Never, Never, Never}
	if st.MaxAge > 0 && !at.IsZero() {
		h.Age = at.Add(st.MaxAge).Sub(s.serverTime(now))
	}
	if st.RefusesNew || st.Rate <= 0 {
		return h
	}
	if st.MaxMessages > 0 {
		h.Messages = seconds((float64(st.MaxMessages) - float64(behind)) / st.Rate)
	}
	if st.MaxBytes > 0 && st.Messages > 0 {
		size := float64(st.Bytes) / float64(st.Messages)
		h.Bytes = seconds((float64(st.MaxBytes) - float64(behind)*size) / (st.Rate * size))
	}
	return h
}

// unreadTime is a time that the timestamps of unread messages do not go below.
func (s *Stats) unreadTime() time.Time {
	at := s.LastTime
	if s.Stream.FirstSeq > max(s.LastSeq, s.StoredSeq) && s.Stream.FirstTime.After(at) {
		at = s.Stream.FirstTime
	}
	if s.CaughtUp.IsZero() {
		return at
	}
	if caughtUp := s.serverTime(s.CaughtUp); caughtUp.After(at) {
		at = caughtUp
	}
	return at
}

// seconds is a time in seconds, at most Never.
func seconds(s float64) time.Duration {
	if s >= Never.Seconds() {
		return Never
	}
	return time.Duration(s * float64(time.Second))
}

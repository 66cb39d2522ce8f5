package jetcapture

import (
	"fmt"
	"strconv"
	"time"
)

// Start is where a new capture begins. At most one field may be set; the zero value means all that the stream holds.
type Start struct {
	New  bool      // begins with the next message
	Seq  uint64    // begins with this stream sequence
	Time time.Time // begins with the first message at or after this time, which is waited for if it is to come
}

// ParseStart reads "all", "new", a stream sequence, or a time in RFC 3339. The empty text means "all".
func ParseStart(s string) (Start, error) {
	switch s {
	case "", "all":
		return Start{}, nil
	case "new":
		return Start{New: true}, nil
	}
	if seq, err := strconv.ParseUint(s, 10, 64); err == nil {
		if seq == 0 {
			return Start{}, fmt.Errorf("start at sequence 0: stream sequences begin with 1")
		}
		return Start{Seq: seq}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return Start{}, fmt.Errorf(
			"start %q is neither all, new, a stream sequence nor a time such as 2026-11-23T15:00:00Z", s)
	}
	return Start{Time: t}, nil
}

// String returns the text that ParseStart reads as s.
func (s Start) String() string {
	switch {
	case s.New:
		return "new"
	case s.Seq > 0:
		return strconv.FormatUint(s.Seq, 10)
	case !s.Time.IsZero():
		return s.Time.UTC().Format(time.RFC3339Nano)
	}
	return "all"
}

// ambiguous reports whether more than one field is set.
func (s Start) ambiguous() bool {
	return s.New && s.Seq > 0 || s.New && !s.Time.IsZero() || s.Seq > 0 && !s.Time.IsZero()
}
